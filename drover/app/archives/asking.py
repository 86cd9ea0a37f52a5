"""Archives as they are asked for: by callers, and by the server once a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog
from msgspec import UNSET

from drover.app.archives import config as configured
from drover.app.archives.work import DAY_MS, day_of
from drover.app.catalog import QuietHook
from drover.app.long_tasks import Asked
from drover.app.tasks.archive_data import TASK as ARCHIVE_DATA
from drover.kinds.application import KIND as APPLICATION
from drover.model.errors import Duplicate, Invalid, Missing, TooMany
from drover.model.instants import to_text

if TYPE_CHECKING:
    from drover.app.archives.work import Span
    from drover.app.long_tasks import LongTask, LongTasks
    from drover.kinds.application import Application
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.archives import Places
    from drover.ports.store import Session, Store

_AT_A_TIME: Final = 200
_LOOKED_BACK: Final = 31
"""Days without a server after which the daily archive still catches up."""
_LOG = structlog.get_logger("drover.archives")


class Archives:
    """Asks for archives."""

    def __init__(self, store: Store, tasks: LongTasks, places: Places) -> None:
        self.places = places
        self.store = store
        self._tasks = tasks

    async def day(self, caller: Caller, application_id: str, date_ms: int) -> str:
        """Archive the day of a moment again, or early; return the id of the job.

        Raises Invalid without a configuration, or for a day whose state may still be overwritten.
        """
        application, now_ms = await self._checked(application_id)
        day = day_of(date_ms)
        config = configured.needed(application)
        youngest_ms = now_ms - configured.delay_days(config) * DAY_MS
        if not 0 <= day.start_ms <= day_of(youngest_ms).start_ms:
            newest = to_text(day_of(youngest_ms).start_ms)
            raise Invalid(f"date must be a day up to {newest}", field="date")
        asked = Asked(application_id=application_id, input={"date": day.start_ms})
        return await self._tasks.begin(caller, ARCHIVE_DATA, asked)

    async def full(self, caller: Caller, kind: LongTask, application_id: str) -> str:
        """Archive all there is of something; return the id of the job.

        Raises Invalid without a configuration.
        """
        _, now_ms = await self._checked(application_id)
        asked = Asked(application_id=application_id, input={"end": now_ms})
        return await self._tasks.begin(caller, kind, asked)

    async def daily(self) -> float | None:
        """Ask for the archive of each application's days that are due; safe to call at any time.

        A day is asked for once, whichever server sees that it is due; days that went by while no
        server ran are made up for.
        """
        after = ""
        while found := await self._applications(after):
            for application_id in found:
                await self._due(application_id)
            after = found[-1]
        return None

    async def _applications(self, after: str) -> Any:
        return await self.store.read(lambda s: s.archives.applications(after, _AT_A_TIME))

    async def _due(self, application_id: str) -> None:
        try:
            application, now_ms = await self._read(application_id)
            config = configured.needed(application)
            newest = day_of(now_ms - configured.delay_days(config) * DAY_MS)
            for start_ms in await self.store.read(lambda s: _days_due(s, application_id, newest)):
                asked = Asked(
                    application_id=application_id,
                    input={"date": start_ms},
                    unique_key=_daily(start_ms),
                )
                await self._tasks.begin(None, ARCHIVE_DATA, asked)
        except (Duplicate, Invalid, Missing, TooMany) as error:
            _LOG.debug("archive_not_asked", application=application_id, error=error.message)

    async def _read(self, application_id: str) -> tuple[Application, int]:
        async def work(session: Session) -> tuple[Application, int]:
            found = await session.resources.get(APPLICATION, application_id, application_id)
            return found, await session.now_ms()

        return await self.store.read(work)

    async def _checked(self, application_id: str) -> tuple[Application, int]:
        """Return an application that can be archived, and the time; raises Invalid, Missing."""
        application, now_ms = await self._read(application_id)
        configured.directory(application)
        credential = await self.store.read(lambda s: configured.credential_of(s, application))
        configured.place_of(configured.needed(application), self.places, credential)
        return application, now_ms


class ArchiveConfigHook(QuietHook):
    """Refuses a configuration of archives that could never be used, when it is saved."""

    def __init__(self, places: Places) -> None:
        self._places = places

    async def before(
        self, _session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the application; raises Invalid for a bad directory or bucket."""
        changed = old is None or (old.archive_config, old.globals) != (
            new.archive_config,
            new.globals,
        )
        if changed and new.archive_config not in (UNSET, None):
            configured.directory(new)
            configured.check_place(configured.needed(new), self._places)
        return new


async def _days_due(session: Session, application_id: str, newest: Span) -> list[int]:
    """Return the beginnings of the days to ask for, oldest first.

    These are the newest one that may be archived, and those that no server was there for since one
    was last asked for. Where none ever was, or too long ago to be known, it is the newest alone.
    """
    due: list[int] = []
    for days in range(_LOOKED_BACK):
        start_ms = newest.start_ms - days * DAY_MS
        if await session.jobs.executions.by_unique_key(application_id, _daily(start_ms)):
            return due[::-1]
        due.append(start_ms)
    return due[:1]


def _daily(start_ms: int) -> str:
    return f"daily:{to_text(start_ms)[:10]}"
