"""Every matching job of one snapshot; see ``drover.ports.inventory.InventoryStream``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from drover.store.inventory.plan import Plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from drover.ports.inventory import Wanted
    from drover.store.driver import Database


class InventoryRows:
    """Streams jobs from an open database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stream(
        self, wanted: Wanted, columns: Sequence[str], batch: int
    ) -> AsyncIterator[Sequence[Sequence[Any]]]:
        """Yield the values of columns in batches; times are milliseconds. No limit applies."""
        asked = Plan(wanted, self._database.dialect)
        known = {**asked.words.shown_of_device, **asked.words.shown, **asked.words.listed}
        chosen = {name: known[name] for name in columns}
        sql = asked.rows(chosen, limited=False)
        async for rows in self._database.stream(sql, asked.params, batch):
            yield cast("Sequence[Sequence[Any]]", rows)
