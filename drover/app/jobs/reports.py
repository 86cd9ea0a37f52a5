"""Reports of executions: signed addresses that expire, and what is behind them."""

from __future__ import annotations

import csv
import io
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from drover.app.jobs.shown import iteration
from drover.engine.report import COLUMNS
from drover.model.errors import Missing
from drover.model.run import RESOURCE_JOB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from drover.app.signed_links import SignedLinks
    from drover.model.iteration import Item
    from drover.model.run import Execution
    from drover.ports.blobs import Blobs
    from drover.ports.store import Session, Store

PATH: Final = "/reports/{executionId}"
_PAGE: Final = 2000


class ReportLinks:
    """Signs addresses of reports."""

    def __init__(self, links: SignedLinks) -> None:
        self._links = links
        self.check = links.check

    def url(self, execution: Execution) -> str:
        """Return the address of an execution's report."""
        return self.of(execution.id)

    def of(self, execution_id: str) -> str:
        """Return the address of the file that belongs to an execution."""
        return self._links.url(PATH.format(executionId=execution_id), execution_id)


class Download(NamedTuple):
    """A file in pieces, and what its name ends in."""

    content: AsyncIterator[bytes]
    suffix: str


class ReportFiles:
    """Opens reports for whoever has a good address."""

    def __init__(self, store: Store, blobs: Blobs, links: ReportLinks) -> None:
        self._store = store
        self._blobs = blobs
        self._links = links

    async def open(
        self, execution_id: str, expires: str, signature: str, *, raw: bool = False
    ) -> Download:
        """Return a report, or the file that a task made; raises Forbidden, Missing.

        ``raw`` gives texts as they are, also those that a spreadsheet takes for formulas.
        """
        self._links.check(execution_id, expires, signature)
        execution = await self._store.read(
            lambda session: session.jobs.executions.get(execution_id)
        )
        if execution.report_key is None or await self._blobs.head(execution.report_key) is None:
            raise Missing("The report was not found")
        if raw and execution.kind == RESOURCE_JOB:
            return Download(self._raw(execution), "csv")
        suffix = execution.report_key.rpartition(".")[2]
        return Download(self._blobs.get_stream(execution.report_key), suffix)

    async def _raw(self, execution: Execution) -> AsyncIterator[bytes]:
        yield _lines([COLUMNS])
        after_id, rows = "", _PAGE
        while rows == _PAGE:
            items = await self._store.read(partial(_page, execution.number, after_id))
            yield _lines([_cells(execution.id, item) for item in items])
            rows, after_id = len(items), items[-1].resource_id if items else after_id


async def _page(number: int, after_id: str, session: Session) -> Sequence[Item]:
    return await session.jobs.items.page(number, states=(), after_id=after_id, limit=_PAGE)


def _cells(execution_id: str, item: Item) -> Sequence[object]:
    shown = iteration(execution_id, item)
    return [shown.get(column, "") for column in COLUMNS]


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
