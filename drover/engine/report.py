"""The report of an execution: one CSV line for each item."""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from drover.model.instants import to_text
from drover.model.iteration import ItemState, iteration_id
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
_RESULTS: Final = tuple(RESULT[state] for state in ItemState)


async def report(store: Store, execution: Execution) -> AsyncIterator[bytes]:
    """Yield the report in pieces; memory stays flat whatever the number of items."""
    yield lines([COLUMNS])
    after_id = ""
    while True:
        rows = await _page(store, execution.number, after_id)
        if rows:
            yield lines(reported(execution.id, rows))
        if len(rows) < _PAGE:
            return
        after_id = rows[-1].resource_id


def reported(execution_id: str, rows: Sequence[ReportRow]) -> Iterator[Sequence[object]]:
    """Yield items as rows of the report."""
    # Items of a chunk share their moments, and this runs for each of a million items.
    moment = lru_cache(maxsize=1024)(to_text)
    for resource_id, name, state, attempt, message, accumulator, started_ms, completed_ms in rows:
        yield (
            iteration_id(execution_id, resource_id),
            resource_id,
            safe(name),
            _RESULTS[state],
            attempt,
            safe(message),
            safe(accumulator),
            None if started_ms is None else moment(started_ms),
            None if completed_ms is None else moment(completed_ms),
        )


def safe(text: str | None) -> str | None:
    """Return text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text and text[0] in _FORMULA else text


def lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as CSV lines."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


async def _page(store: Store, number: int, after_id: str) -> Sequence[ReportRow]:
    return await store.read(
        lambda session: session.jobs.items.report_rows(number, after_id=after_id, limit=_PAGE)
    )
