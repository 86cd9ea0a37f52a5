"""Archives of an application: one day, all days before, all events, all data tables.

As published, these are read with GET although they ask for work, so no answer of theirs is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.app.archives.asking import Archives
from drover.app.tasks.backfill_archive import TASK as BACKFILL
from drover.app.tasks.full_data_tables_archive import TASK as FULL_TABLES
from drover.app.tasks.full_events_archive import TASK as FULL_EVENTS
from drover.faces.losant._jobs import enqueued
from drover.faces.operation import Call, Operation
from drover.kinds.application import KIND
from drover.model.errors import Invalid
from drover.model.instants import to_ms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from drover.app.long_tasks import LongTask
    from drover.app.services import Services
    from drover.faces.operation import Answer

_APPLICATION: Final = "/applications/{applicationId}"
_LATEST_MS: Final = 253_402_300_799_999
_MOST_DIGITS: Final = 15


class _Calls:
    """The operations on archives."""

    def __init__(self, archives: Archives) -> None:
        self._archives = archives

    async def day(self, call: Call) -> Answer:
        """Archive one day."""
        job_id = await self._archives.day(call.caller, call.application_id, _date(call))
        return enqueued(job_id)

    def full(self, kind: LongTask) -> Callable[[Call], Awaitable[Answer]]:
        """Return the operation that archives all there is of something."""

        async def run(call: Call) -> Answer:
            return enqueued(await self._archives.full(call.caller, kind, call.application_id))

        return run


def _date(call: Call) -> int:
    text = call.text("date")
    if text.isascii() and text.isdigit():
        if len(text) > _MOST_DIGITS or int(text) > _LATEST_MS:
            raise Invalid("date is out of range", field="date")
        return int(text)
    return to_ms(text)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on archives."""
    calls = _Calls(services[Archives])
    for verb, run, summary in (
        ("archiveData", calls.day, "Archive one day"),
        ("backfillArchiveData", calls.full(BACKFILL), "Archive all days before"),
        ("fullEventsArchive", calls.full(FULL_EVENTS), "Archive all events"),
        ("fullDataTablesArchive", calls.full(FULL_TABLES), "Archive all data tables"),
    ):
        yield Operation(
            method="GET",
            path=f"{_APPLICATION}/{verb}",
            scopes=KIND.scopes(verb),
            run=run,
            name=f"application.{verb}",
            summary=summary,
            status=202,
            parameters=("date",) if verb == "archiveData" else (),
        )
