"""What happens to files of applications, told to the workflows that wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from drover.app.flow_triggers import Happening, dated, tell_awaited
from drover.flows.matching import PLACE
from drover.kinds.file import KIND as FILE
from drover.model.access import Caller
from drover.model.app_file import ancestors, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.model.app_file import AppFile
    from drover.model.kind import Kind
    from drover.ports.store import Session

TRIGGER: Final = "appFile"
"""The type of the triggers that wait for files."""


class FileTriggers:
    """Fires triggers on files, once they have content; directories alone fire none."""

    async def written(
        self, session: Session, caller: Caller | None, kind: Kind[Any], old: AppFile, new: AppFile
    ) -> None:
        """Tell of content that came; without a caller it is who made the entry."""
        action = "create" if old.s3etag is UNSET else "update"
        await self._tell(session, caller or _author(new), kind, [(new, action)])

    async def moved(
        self,
        session: Session,
        caller: Caller,
        kind: Kind[Any],
        pairs: Sequence[tuple[AppFile, AppFile]],
    ) -> None:
        """Tell of other paths of an application's files: each is gone from one, and new at one."""
        changed = [(old, new) for old, new in pairs if old.path != new.path]
        told = [each for old, new in changed for each in ((old, "delete"), (new, "create"))]
        await self._tell(session, caller, kind, told)

    async def deleted(
        self, session: Session, caller: Caller, kind: Kind[Any], gone: Sequence[AppFile]
    ) -> None:
        """Tell of an application's files that are deleted."""
        await self._tell(session, caller, kind, [(file, "delete") for file in gone])

    async def _tell(
        self,
        session: Session,
        caller: Caller,
        kind: Kind[Any],
        told: Sequence[tuple[AppFile, str]],
    ) -> None:
        """Tell what became of files; who waits is asked once for all of them."""
        files = [each for each in told if not each[0].is_directory and each[0].s3etag is not UNSET]
        if not files:
            return
        awaited = set(await session.flows.keys(files[0][0].application_id, TRIGGER))
        for file, action in files:
            keys = [key for key in keys_of(file) if key in awaited]
            await tell_awaited(
                session, caller, file.application_id, _told(kind, file, action, keys)
            )


def _told(kind: Kind[Any], file: AppFile, action: str, keys: Sequence[str]) -> Sequence[Happening]:
    if not keys:
        return ()
    shown = dated(msgspec.json.decode(kind.shown(file)))
    return [
        Happening(
            trigger_type=TRIGGER,
            key=key,
            data={"action": action, "file": shown},
            trigger_id=file.path,
            root={PLACE: "public" if kind is FILE else "private"},
        )
        for key in keys
    ]


def keys_of(file: AppFile) -> list[str]:
    """Return the keys that triggers wait for a file by: its directories, the root's, its own."""
    above = [f"{joined(*each)}/" for each in ancestors(file.parent_directory)]
    return ["/", *above, file.path]


def _author(file: AppFile) -> Caller:
    kind: Any = file.author_type or "system"
    return Caller(type=kind, id=str(file.author_id or ""), scopes=frozenset())
