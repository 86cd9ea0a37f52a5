"""Rows of data tables: typed, with columns that must be given or be unique."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from msgspec import UNSET, structs

from drover.app.payload_counts import Notice, source_of, unnoticed
from drover.app.row_making import RowMaker
from drover.kinds.data_table import KIND as TABLE
from drover.kinds.data_table import ROW_FIELDS, Column, DataTable, check_columns
from drover.model.bodies import decode
from drover.model.errors import Invalid
from drover.model.instants import to_ms, to_text
from drover.ports.resources import MOST_PAGE_BYTES
from drover.ports.rows import RowListing
from drover.query.kinds import data_table_rows
from drover.query.losant import parse, parse_json
from drover.query.tree import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drover.app.catalog import Catalog
    from drover.model.access import Caller
    from drover.ports.clock import Ids
    from drover.ports.resources import Page
    from drover.ports.rows import Row
    from drover.ports.store import Session, Store
    from drover.query.tree import Node

MOST_ROWS: Final = 1000
"""Rows that one request may insert."""

Action = Literal["insert", "bulkInsert", "update", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsChanged:
    """What a change did to rows of a table; ``old`` and ``new`` stand side by side."""

    table: DataTable
    action: Action
    old: Sequence[Mapping[str, Any]] = ()
    new: Sequence[Mapping[str, Any]] = ()


class RowHook(Protocol):
    """What else belongs to a change of rows, in the same unit of work."""

    async def changed(self, session: Session, caller: Caller, change: RowsChanged, /) -> None:
        """Act on a stored change."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request for rows asks for; ``query`` is a decoded document or JSON text."""

    query: object = None
    sort_column: str = ""
    descending: bool = False
    offset: int = 0
    limit: int = 1000
    fields: frozenset[str] = frozenset()


class TableRows:
    """Insert, read, change and delete rows of one application's data tables."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        ids: Ids,
        hooks: Sequence[RowHook] = (),
        notice: Notice = unnoticed,
    ) -> None:
        self._notice = notice
        self._store = store
        self._catalog = catalog
        self._ids = ids
        self._hooks = hooks

    async def insert(
        self, caller: Caller, application_id: str, table_id: str, body: bytes
    ) -> dict[str, Any]:
        """Store one row and return it, or several and return their ids; raises Invalid."""
        several = body.lstrip().startswith(b"[")
        many = decode(body, list[dict[str, Any]]) if several else [decode(body, dict[str, Any])]
        if len(many) > MOST_ROWS:
            raise Invalid(f"At most {MOST_ROWS} rows are inserted at a time")

        async def work(session: Session) -> dict[str, Any]:
            table = await session.resources.get(TABLE, application_id, table_id)
            action: Action = "bulkInsert" if several else "insert"
            now_ms = await session.now_ms()
            made = await self._add(session, caller, table, many, action)
            if not several:
                return dict(made[0].document)
            ids = [row.id for row in made]
            return {"createdAt": to_text(now_ms), "count": len(ids), "rowIds": ids}

        answer = await self._store.write(work)
        self._notice(application_id, "dataTable", source_of(caller), len(many), len(body))
        return answer

    async def get(self, application_id: str, table_id: str, row_id: str) -> dict[str, Any]:
        """Return one row; raises Missing."""

        async def work(session: Session) -> dict[str, Any]:
            table = await session.resources.get(TABLE, application_id, table_id)
            return shown(table, await session.rows.get(application_id, table_id, row_id))

        return await self._store.read(work)

    async def page(
        self, application_id: str, table_id: str, wanted: Wanted
    ) -> Page[dict[str, Any]]:
        """Return some rows; raises Missing, Invalid."""

        async def work(session: Session) -> Page[dict[str, Any]]:
            table = await session.resources.get(TABLE, application_id, table_id)
            check_names(table, (wanted.sort_column, *wanted.fields))
            found = await session.rows.page(application_id, table_id, _listing(table, wanted))
            return replace(found, items=[shown(table, row, wanted.fields) for row in found.items])

        return await self._store.read(work)

    async def patch(
        self, caller: Caller, application_id: str, table_id: str, row_id: str, body: bytes
    ) -> dict[str, Any]:
        """Change the columns named in ``body`` and return the row; raises Missing, Invalid."""
        given = decode(body, dict[str, Any])

        async def work(session: Session) -> dict[str, Any]:
            table = await session.resources.get(TABLE, application_id, table_id)
            return await self.change(session, caller, table, row_id, given)

        return await self._store.write(work)

    async def change_first(
        self,
        caller: Caller,
        application_id: str,
        table_id: str,
        query: object,
        body: bytes,
        *,
        inserts: bool = False,
    ) -> dict[str, Any] | None:
        """Change the first row by id that matches and return it; where none does, insert if told.

        Others that look for rows to change or delete wait meanwhile, so that each finds what the
        one before has left. None stands for nothing changed; raises Missing, Invalid.
        """
        given = decode(body, dict[str, Any])
        wanted = Wanted(query=query, sort_column="id", limit=1)

        async def work(session: Session) -> tuple[dict[str, Any] | None, bool]:
            table = await session.resources.lock(TABLE, application_id, table_id)
            found = await session.rows.page(application_id, table_id, _listing(table, wanted))
            if found.items:
                row_id = found.items[0]["id"]
                return await self.change(session, caller, table, row_id, given), False
            if not inserts:
                return None, False
            (made,) = await self._add(session, caller, table, [given], "insert")
            return dict(made.document), True

        row, is_new = await self._store.write(work)
        if is_new:
            self._notice(application_id, "dataTable", source_of(caller), 1, len(body))
        return row

    async def change(
        self,
        session: Session,
        caller: Caller,
        table: DataTable,
        row_id: str,
        given: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Change one row inside a unit of work and return it; raises Missing, Invalid."""
        old = shown(table, await session.rows.lock(table.application_id, table.id, row_id))
        maker = RowMaker(table)
        values = {**{c.name: old[c.name] for c in table.columns}, **maker.checked(given)}
        if all(old[name] == value for name, value in values.items()):
            return old
        times = (to_ms(old["createdAt"]), await session.now_ms())
        new = maker.changed(old, values, times)
        await session.rows.put(table.id, new)
        change = RowsChanged(table=table, action="update", old=[old], new=[new.document])
        await self._tell(session, caller, change)
        return dict(new.document)

    async def delete(
        self, caller: Caller, application_id: str, table_id: str, wanted: Wanted
    ) -> int:
        """Delete matching rows, oldest first, and return how many; raises Missing, Invalid.

        Rows that somebody else deletes meanwhile do not count.
        """

        async def work(session: Session) -> int:
            table = await session.resources.lock(TABLE, application_id, table_id)
            found = await session.rows.page(application_id, table_id, _listing(table, wanted))
            removed = await session.rows.remove(table_id, [row["id"] for row in found.items])
            gone = [shown(table, row) for row in found.items if row["id"] in removed]
            await self._tell(session, caller, RowsChanged(table=table, action="delete", old=gone))
            return len(gone)

        return await self._store.write(work)

    async def delete_one(
        self, caller: Caller, application_id: str, table_id: str, row_id: str
    ) -> None:
        """Delete one row; raises Missing."""

        async def work(session: Session) -> None:
            table = await session.resources.get(TABLE, application_id, table_id)
            old = shown(table, await session.rows.lock(application_id, table_id, row_id))
            await session.rows.remove(table_id, [row_id])
            await self._tell(session, caller, RowsChanged(table=table, action="delete", old=[old]))

        await self._store.write(work)

    async def truncate(self, application_id: str, table_id: str) -> None:
        """Delete all rows; raises Missing."""

        async def work(session: Session) -> None:
            await session.resources.get(TABLE, application_id, table_id)
            await session.rows.truncate(table_id)

        await self._store.write(work)

    async def add_column(
        self, caller: Caller, application_id: str, table_id: str, column: Column
    ) -> bytes:
        """Add a column, its default in all rows, and return the table; raises Missing, Invalid."""

        async def work(session: Session) -> bytes:
            table = await session.resources.lock(TABLE, application_id, table_id)
            columns = (*table.columns, column)
            check_columns(columns)
            await self._fill(session, table, column)
            return await self._with_columns(session, caller, table, columns)

        return await self._store.write(work)

    async def remove_column(
        self, caller: Caller, application_id: str, table_id: str, name: str
    ) -> bytes:
        """Remove a column and its values and return the table; raises Missing, Invalid."""

        async def work(session: Session) -> bytes:
            table = await session.resources.lock(TABLE, application_id, table_id)
            columns = tuple(column for column in table.columns if column.name != name)
            if len(columns) == len(table.columns):
                raise Invalid(f"The table has no column {name[:255]}", field="columnName")
            await session.rows.drop_column(table_id, name)
            return await self._with_columns(session, caller, table, columns)

        return await self._store.write(work)

    async def _fill(self, session: Session, table: DataTable, column: Column) -> None:
        default = column.default_value
        if column.needed:
            any_row = RowListing(columns={}, query=ALL, limit=1)
            found = await session.rows.page(table.application_id, table.id, any_row)
            if found.total and (default is UNSET or column.constraint == "unique"):
                message = f"The table has rows, which would lack a value of {column.name}"
                raise Invalid(message, field="constraint")
        if default is not UNSET:
            await session.rows.fill_column(table.id, column.name, default)

    async def _with_columns(
        self, session: Session, caller: Caller, table: DataTable, columns: tuple[Column, ...]
    ) -> bytes:
        now = to_text(await session.now_ms())
        new = structs.replace(table, columns=columns, last_updated=now)
        await self._catalog.change(session, caller, TABLE, table, new)
        return await session.resources.get_bytes(TABLE, table.application_id, table.id)

    def maker(self, table: DataTable, now_ms: int) -> Callable[[Mapping[str, Any]], Row]:
        """Return what makes new rows of a table, all of one moment; that raises Invalid."""
        return RowMaker(table).new(now_ms, self._ids.new)

    async def _add(
        self,
        session: Session,
        caller: Caller,
        table: DataTable,
        given: Sequence[Mapping[str, Any]],
        action: Action,
    ) -> list[Row]:
        made = list(map(self.maker(table, await session.now_ms()), given))
        await session.rows.add(table.application_id, table.id, made)
        new = [row.document for row in made]
        await self._tell(session, caller, RowsChanged(table=table, action=action, new=new))
        return made

    async def _tell(self, session: Session, caller: Caller, change: RowsChanged) -> None:
        if change.old or change.new:
            for hook in self._hooks:
                await hook.changed(session, caller, change)


def shown(
    table: DataTable, row: Mapping[str, Any], fields: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return a row as answers show it: all columns in the table's order, absent values null."""
    names = [*ROW_FIELDS, *(column.name for column in table.columns)]
    if fields:
        names = [name for name in names if name in fields or name == "id"]
    return {name: row.get(name) for name in names}


def check_names(table: DataTable, names: Sequence[str]) -> None:
    """Raise Invalid for a name that is no column of the table."""
    known = {"", *ROW_FIELDS, *(column.name for column in table.columns)}
    for name in names:
        if name not in known:
            raise Invalid(f"The table has no column {name[:255]}", field="sortColumn")


def _listing(table: DataTable, wanted: Wanted) -> RowListing:
    columns = {column.name: column.data_type for column in table.columns}
    return RowListing(
        columns=columns,
        query=_query(columns, wanted.query),
        sort_column=wanted.sort_column,
        descending=wanted.descending,
        offset=wanted.offset,
        limit=wanted.limit,
        most_bytes=MOST_PAGE_BYTES,
    )


def _query(columns: Mapping[str, str], query: object) -> Node:
    if query is None:
        return ALL
    fields = data_table_rows(columns)
    return parse_json(query, fields) if isinstance(query, str | bytes) else parse(query, fields)
