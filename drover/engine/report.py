"""The report of an execution: one CSV line for each item."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from drover.model.instants import to_text
from drover.model.iteration import iteration_id
from drover.model.summary import RESULT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from drover.model.iteration import Item
    from drover.model.run import Execution
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
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


async def report(store: Store, execution: Execution) -> AsyncIterator[bytes]:
    """Yield the report in pieces; memory stays flat whatever the number of items."""
    yield lines([COLUMNS])
    after_id = ""
    while True:
        items = await _page(store, execution.number, after_id)
        if items:
            yield lines([row_of(execution.id, item) for item in items])
        if len(items) < _PAGE:
            return
        after_id = items[-1].resource_id


def row_of(execution_id: str, item: Item) -> Sequence[object]:
    """Return an item as a row of the report."""
    return (
        iteration_id(execution_id, item.resource_id),
        item.resource_id,
        safe(item.resource_name),
        RESULT[item.state],
        item.attempt,
        safe(item.message),
        safe(item.accumulator),
        to_text(item.started_ms) if item.started_ms is not None else "",
        to_text(item.completed_ms) if item.completed_ms is not None else "",
    )


def safe(text: str | None) -> str:
    """Return text that a spreadsheet does not take for a formula."""
    if text is None:
        return ""
    return f"'{text}" if text.startswith(_FORMULA) else text


def lines(rows: Sequence[Sequence[object]]) -> bytes:
    """Return rows as CSV lines."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


async def _page(store: Store, number: int, after_id: str) -> Sequence[Item]:
    return await store.read(
        lambda session: session.jobs.items.page(number, states=(), after_id=after_id, limit=_PAGE)
    )
