"""What happens to files of applications, told to the workflows that wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from drover.app.catalog import QuietHook
from drover.app.flow_triggers import Happening, dated, tell
from drover.flows.matching import PLACE
from drover.kinds.file import KIND as FILE
from drover.model.access import Caller
from drover.model.app_file import ancestors, joined

if TYPE_CHECKING:
    from drover.model.app_file import AppFile
    from drover.model.kind import Kind
    from drover.ports.store import Session

TRIGGER: Final = "appFile"
"""The type of the triggers that wait for files."""


class FileTriggers(QuietHook):
    """Fires triggers on files, once they have content; directories alone fire none."""

    async def written(
        self, session: Session, caller: Caller | None, kind: Kind[Any], old: AppFile, new: AppFile
    ) -> None:
        """Tell of content that came; without a caller it is who made the entry."""
        action = "create" if old.s3etag is UNSET else "update"
        await self._tell(session, caller or _author(new), kind, new, action)

    async def moved(
        self, session: Session, caller: Caller, kind: Kind[Any], old: AppFile, new: AppFile
    ) -> None:
        """Tell of another path: the file is gone from one, and new at the other."""
        if old.path != new.path:
            await self._tell(session, caller, kind, old, "delete")
            await self._tell(session, caller, kind, new, "create")

    async def after(
        self, session: Session, caller: Caller, kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Tell of a file that is deleted; others are not there before their content is."""
        if new is None:
            await self._tell(session, caller, kind, old, "delete")

    async def _tell(
        self, session: Session, caller: Caller, kind: Kind[Any], file: AppFile, action: str
    ) -> None:
        if file.is_directory or file.s3etag is UNSET:
            return
        shown = dated(msgspec.json.decode(kind.shown(file)))
        for key in keys_of(file):
            happening = Happening(
                trigger_type=TRIGGER,
                key=key,
                data={"action": action, "file": shown},
                trigger_id=file.path,
                root={PLACE: "public" if kind is FILE else "private"},
            )
            await tell(session, caller, file.application_id, [happening])


def keys_of(file: AppFile) -> list[str]:
    """Return the keys that triggers wait for a file by: its directories, the root's, its own."""
    above = [f"{joined(*each)}/" for each in ancestors(file.parent_directory)]
    return ["/", *above, file.path]


def _author(file: AppFile) -> Caller:
    kind: Any = file.author_type or "system"
    return Caller(type=kind, id=str(file.author_id or ""), scopes=frozenset())
