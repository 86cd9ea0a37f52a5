"""Pages of documents that are not brought into memory where they have too many bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.model.errors import TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.store.driver import Row, Transaction


async def bounded(
    tx: Transaction,
    sql: str,
    params: Mapping[str, object],
    most_bytes: int | None,
    column: str = "document",
) -> Sequence[Row]:
    """Return all rows of a page; raises TooLarge where its documents have too many bytes."""
    if most_bytes is None:
        return await tx.fetch_sql(sql, params)
    rows, full = await tx.fetch_sql_within(sql, params, column, most_bytes)
    if full:
        raise TooLarge(f"The page has more than {most_bytes} bytes: ask for fewer at a time")
    return rows
