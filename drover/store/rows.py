"""Rows of data tables in the store."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.errors import Duplicate, Missing
from drover.ports.resources import Page
from drover.ports.rows import StoredRows
from drover.store.bounded import bounded
from drover.store.columns import SOURCES, row_columns
from drover.store.compile import compile_query
from drover.store.compile.columns import check_path
from drover.store.driver import UniqueBroken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.ports.rows import Row, RowListing
    from drover.store.driver import Transaction
    from drover.store.statements import Dialect

_OWN: Final = {"": "created_ms", "createdAt": "created_ms", "updatedAt": "updated_ms", "id": "id"}
_COLUMNS: Final = ("application_id", "table_id", "id", "created_ms", "updated_ms", "document")
_DIGITS: Final = 20
"""Those of a moment in front of an id."""
_VALUES: Final = ("table_id", "column_name", "value", "row_id")


class RowStore:
    """Rows within one transaction; see ``drover.ports.rows.Rows``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, application_id: str, table_id: str, rows: Sequence[Row]) -> None:
        """Insert; raises Duplicate when a unique value is taken."""
        if self._tx.dialect == "sqlite":
            await self._add_texts(application_id, table_id, rows)
        else:
            key = (application_id, table_id)
            full = [(*key, row.id, row[1], row[2], _json(row.document)) for row in rows]
            await self._tx.copy_rows("table_row", _COLUMNS, full)
        await self._claim(table_id, rows)

    async def _add_texts(self, application_id: str, table_id: str, rows: Sequence[Row]) -> None:
        """Insert the rows of each moment in one step; see ``drover.store.row_batches``."""
        for (created_ms, updated_ms), found in groupby(rows, lambda row: row[1:3]):
            params = {
                "application_id": application_id,
                "table_id": table_id,
                "created_ms": created_ms,
                "updated_ms": updated_ms,
                "rows": _json([row.document for row in found]),
            }
            await self._tx.execute("sqlite_table_rows_add", params)

    async def put(self, table_id: str, row: Row) -> None:
        """Replace one that exists; raises Duplicate."""
        key = {"table_id": table_id, "id": row.id}
        values = {"updated_ms": row.updated_ms, "document": _json(row.document)}
        await self._tx.execute("table_row_put", {**key, **values})
        await self._tx.execute("table_value_clear", key)
        await self._claim(table_id, [row])

    async def lock(self, application_id: str, table_id: str, row_id: str) -> dict[str, Any]:
        """Return one that nobody else may change before this transaction ends; raises Missing."""
        return await self._row("table_row_lock", application_id, table_id, row_id)

    async def get(self, application_id: str, table_id: str, row_id: str) -> dict[str, Any]:
        """Return one; raises Missing."""
        return await self._row("table_row_get", application_id, table_id, row_id)

    async def page(
        self, application_id: str, table_id: str, listing: RowListing
    ) -> Page[dict[str, Any]]:
        """Return one page."""
        source = SOURCES["dataTableRow"]
        asked = compile_query(listing.query, row_columns(listing.columns), self._tx.dialect)
        params: dict[str, object] = {
            "application_id": application_id,
            "data_table_id": table_id,
            **asked.params,
        }
        where = f"{source.where_sql} AND {asked.sql}"
        # The names in this text are the program's own or checked; all else is parameters.
        sql = (
            f"SELECT document FROM {source.from_sql} WHERE {where} "  # noqa: S608
            f"ORDER BY {_order(listing, self._tx.dialect)} LIMIT :limit OFFSET :offset"
        )
        paging = {"limit": listing.limit, "offset": listing.offset}
        rows = await bounded(self._tx, sql, {**params, **paging}, listing.most_bytes)
        items: list[dict[str, Any]] = [msgspec.json.decode(row["document"]) for row in rows]
        if rows and len(rows) < listing.limit:
            return Page(items, listing.offset + len(rows))
        counted = f"SELECT count(*) AS total FROM {source.from_sql} WHERE {where}"  # noqa: S608
        return Page(items, (await self._tx.fetch_sql(counted, params))[0]["total"])

    async def after(self, table_id: str, after: tuple[int, str], limit: int) -> StoredRows | None:
        """Return the rows after a place, oldest first; None where there are no more."""
        params = {"table_id": table_id, "created_ms": after[0], "id": after[1], "limit": limit}
        found = await self._tx.fetch_one("table_rows_after", params)
        if found is None or not found["total"]:
            return None
        moment, row_id = found["last"][:_DIGITS], found["last"][_DIGITS:]
        return StoredRows(found["documents"], found["total"], (int(moment), row_id))

    async def count(self, application_id: str) -> int:
        """Return how many rows all tables of an application have."""
        key = {"application_id": application_id}
        row = await self._tx.fetch_one("table_rows_count", key)
        return int(row["total"]) if row is not None else 0

    async def remove(self, table_id: str, row_ids: Sequence[str]) -> set[str]:
        """Delete some and return which: those that were still there."""
        params = {"table_id": table_id, "ids": list(row_ids)}
        return {row["id"] for row in await self._tx.fetch("table_rows_remove", params)}

    async def truncate(self, table_id: str) -> int:
        """Delete all and return how many there were."""
        return await self._tx.execute("table_rows_truncate", {"table_id": table_id})

    async def fill_column(self, table_id: str, name: str, value: Any) -> None:
        """Give all rows a value in a new column."""
        member = f",{_json(name)}:{_json(value)}}}"
        await self._tx.execute("table_column_fill", {"table_id": table_id, "member": member})

    async def drop_column(self, table_id: str, name: str) -> None:
        """Take a column's values away."""
        check_path((name,))
        params = {"table_id": table_id, "name": name, "path": f'$."{name}"'}
        await self._tx.execute("table_column_drop", params)
        await self._tx.execute("table_column_free", {"table_id": table_id, "name": name})

    async def _row(
        self, statement: str, application_id: str, table_id: str, row_id: str
    ) -> dict[str, Any]:
        key = {"application_id": application_id, "table_id": table_id, "id": row_id}
        row = await self._tx.fetch_one(statement, key)
        if row is None:
            raise Missing("Data table row was not found")
        document: dict[str, Any] = msgspec.json.decode(row["document"])
        return document

    async def _claim(self, table_id: str, rows: Sequence[Row]) -> None:
        values = [
            (table_id, name, _json(value), row.id)
            for row in rows
            for name, value in row.unique.items()
        ]
        if not values:
            return
        try:
            await self._tx.copy_rows("table_value", _VALUES, values)
        except UniqueBroken as error:
            raise Duplicate("Entry already exists") from error


def _order(listing: RowListing, dialect: Dialect) -> str:
    direction = "DESC NULLS LAST" if listing.descending else "ASC NULLS FIRST"
    column = _OWN.get(listing.sort_column)
    if column is not None:
        direction = direction.split(" ", maxsplit=1)[0]
        return f"{column} {direction}" if column == "id" else f"{column} {direction}, id"
    return f"{_member(listing.sort_column, listing.columns, dialect)} {direction}, id"


def _member(name: str, columns: Mapping[str, str], dialect: Dialect) -> str:
    check_path((name,))
    if dialect == "sqlite":
        return f"json_extract(document, '$.\"{name}\"')"
    text = f"(document::jsonb ->> '{name}')"
    if columns[name] == "number":
        return f"CAST({text} AS double precision)"
    return f'{text} COLLATE "C"'


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
