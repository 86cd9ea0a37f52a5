"""Every matching job of one snapshot; see ``drover.ports.inventory.InventoryStream``."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, TypeVar, cast

from drover.store.inventory.plan import Plan
from drover.store.inventory.table import table

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from drover.ports.inventory import Wanted
    from drover.store.driver import Database, Row

T = TypeVar("T")

PIECES: Final = 2
"""Rows of thousands of lines that are read at a time."""

LINES: Final = 2000
"""Rows of one line that are read at a time."""


class InventoryRows:
    """Streams jobs from an open database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lines(
        self, wanted: Wanted, columns: Sequence[str], *, raw: bool
    ) -> AsyncGenerator[str, None]:
        """Yield lines of comma-separated values, many at a time. No limit applies."""
        asked = Plan(wanted, self._database.dialect)
        sql = table(asked, self._database.dialect, columns, raw=raw)
        batch = PIECES if asked.newest_first else LINES
        rows = self._database.stream(sql, asked.params, batch)
        async with aclosing(_ahead(cast("AsyncGenerator[Sequence[Row], None]", rows))) as batches:
            async for each in batches:
                yield "".join([row["line"] or "" for row in each])


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
