"""Items as they are shown; see ``drover.ports.jobs.Items``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.model.errors import Missing
from drover.model.iteration import ItemState
from drover.ports.jobs import Reason, ReportRow
from drover.store.jobs.rows import item_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.model.iteration import Item
    from drover.store.driver import Transaction


class ItemStore:
    """Items as they are shown."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def page(
        self, number: int, *, states: Sequence[ItemState], after_id: str, limit: int
    ) -> Sequence[Item]:
        """Return items by resource id from after ``after_id`` on; no states means all."""
        params: dict[str, object] = {"number": number, "after_id": after_id, "limit": limit}
        if states:
            params["states"] = [int(state) for state in states]
        statement = "iterations_page_in" if states else "iterations_page"
        return [item_of(row) for row in await self._tx.fetch(statement, params)]

    async def report_rows(self, number: int, *, after_id: str, limit: int) -> Sequence[ReportRow]:
        """Return items by resource id from after ``after_id`` on, as plain values."""
        params = {"number": number, "after_id": after_id, "limit": limit}
        rows: Any = await self._tx.fetch("iterations_report", params)
        return list(map(tuple, rows))

    async def get(self, number: int, resource_id: str) -> Item:
        """Return one; raises Missing."""
        params = {"number": number, "resource_id": resource_id}
        row = await self._tx.fetch_one("iteration_get", params)
        if row is None:
            raise Missing("Iteration was not found")
        return item_of(row)

    async def reasons(self, number: int, *, most: int, limit: int) -> Sequence[Reason]:
        """Count the messages of the first ``most`` that failed or timed out, commonest first."""
        params = {"number": number, "most": most, "limit": limit}
        rows = await self._tx.fetch("iterations_reasons", params)
        return [Reason(ItemState(row["state"]), row["message"], row["total"]) for row in rows]
