"""The report of an execution: one CSV line for each item."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from drover.model.instants import to_text
from drover.model.iteration import ItemState
from drover.model.summary import RESULT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from drover.model.run import Execution
    from drover.ports.jobs import ReportRow
    from drover.ports.store import Store

COLUMNS: Final = (
    "iterationId",
    "resourceId",
    "resourceName",
    "status",
    "attempts",
    "message",
    "accumulator",
    "startedAt",
    "completedAt",
)
_PAGE: Final = 2000
_FORMULA: Final = frozenset("=+-@\t\r")
_ODD: Final = re.compile(r'[",\r\n]')
_RESULTS: Final = tuple(RESULT[state] for state in ItemState)


async def report(store: Store, execution: Execution) -> AsyncIterator[bytes]:
    """Yield the report in pieces; memory stays flat whatever the number of items."""
    yield (",".join(COLUMNS) + "\r\n").encode()
    after_id = ""
    while True:
        rows = await _page(store, execution.number, after_id)
        if rows:
            yield "".join(reported(execution.id, rows)).encode()
        if len(rows) < _PAGE:
            return
        after_id = rows[-1][0]


def reported(execution_id: str, rows: Iterable[ReportRow]) -> Iterator[str]:
    """Yield items as lines of the report."""
    # This runs for each of a million items, so it is written for speed: items of a chunk share
    # their moments, and most texts need no quotes.
    moment = lru_cache(maxsize=1024)(to_text)
    for resource_id, name, state, attempt, message, accumulator, started_ms, completed_ms in rows:
        started = "" if started_ms is None else moment(started_ms)
        completed = "" if completed_ms is None else moment(completed_ms)
        yield (
            f"{execution_id}-{resource_id},{resource_id},{cell(name)},{_RESULTS[state]},{attempt},"
            f"{cell(message)},{cell(accumulator)},{started},{completed}\r\n"
        )


def cell(text: str | None) -> str:
    """Return text as a CSV cell that a spreadsheet does not take for a formula."""
    if not text:
        return ""
    shown = f"'{text}" if text[0] in _FORMULA else text
    if _ODD.search(shown):
        return '"' + shown.replace('"', '""') + '"'
    return shown


async def _page(store: Store, number: int, after_id: str) -> Sequence[ReportRow]:
    return await store.read(
        lambda session: session.jobs.items.report_rows(number, after_id=after_id, limit=_PAGE)
    )
