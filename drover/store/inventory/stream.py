"""Every matching job of one snapshot; see ``drover.ports.inventory.InventoryStream``."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar, cast

from drover.store.inventory.plan import Plan

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from drover.ports.inventory import Wanted
    from drover.store.driver import Database

T = TypeVar("T")


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
        rows = self._database.stream(sql, asked.params, batch)
        async with aclosing(_ahead(cast("AsyncGenerator[Sequence[Any], None]", rows))) as batches:
            async for each in batches:
                yield each


async def _ahead(batches: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Yield batches; while one is being worked on the next is read."""
    following = asyncio.ensure_future(anext(batches, None))
    try:
        while (batch := await following) is not None:
            following = asyncio.ensure_future(anext(batches, None))
            yield batch
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await batches.aclose()
