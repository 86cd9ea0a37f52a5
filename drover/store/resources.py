"""Resources of every kind in the tables of the store."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from drover.model.errors import Duplicate, Missing
from drover.model.instants import to_text
from drover.model.resource import Resource
from drover.ports.resources import Listing, Page
from drover.query.filters import by_glob
from drover.query.tree import All
from drover.store.bounded import bounded
from drover.store.columns import COLUMNS, DOCUMENT_COLUMNS
from drover.store.compile import compile_query
from drover.store.compile.columns import JsonField
from drover.store.driver import UniqueBroken
from drover.store.naming import names_few, with_named
from drover.store.ownership import with_owned
from drover.store.relations import SHOWN, SIDES, relate, relate_many
from drover.store.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.model.kind import Kind
    from drover.store.compile.columns import ColumnMap
    from drover.store.driver import Row, Transaction
    from drover.store.statements import Dialect

E = TypeVar("E", bound=Resource)

_CLOSES: Final = ("close_downloads", "close_schedules", "close_triggers", "close_executions")
_PARTS: Final = (
    ("purge_device_state", "purge_device_log", "purge_device"),
    ("purge_deleted_device_state", "purge_deleted_device_log", "purge_deleted_device"),
    ("purge_flow_count",),
    ("purge_flow_version",),
    ("purge_flow",),
    ("purge_table_row",),
    ("purge_event",),
    ("purge_experience_user",),
    ("purge_experience_group",),
    ("purge_document",),
    ("purge_execution",),
    ("purge_import_log",),
    ("purge_payload_count",),
    ("purge_endpoint_call",),
    ("purge_firing",),
)
"""What an application had, part by part: the statements of a part are run together, again and again
until they find nothing."""


class ResourceStore:
    """Resources within one transaction; see ``drover.ports.resources.Resources``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, kind: Kind[E], resource: E) -> None:
        """Insert; raises Duplicate when a unique value is taken."""
        await self._save(kind, resource, "add")

    async def add_many(self, kind: Kind[E], resources: Sequence[E]) -> None:
        """Insert many the fastest way; raises Duplicate when a unique value is taken."""
        table = TABLES[kind.table]
        columns = table.stored
        full = [table.values(kind, each) for each in resources]
        rows = [tuple(values[column] for column in columns) for values in full]
        try:
            await self._tx.copy_rows(table.name, columns, rows)
        except UniqueBroken as error:
            raise Duplicate(f"{kind.title} already exists") from error
        if kind.table in SIDES:
            await relate_many(self._tx, kind.table, resources, fresh=True)

    async def put(self, kind: Kind[E], resource: E) -> None:
        """Replace one that exists; raises Missing, Duplicate."""
        await self._save(kind, resource, "put")

    async def put_many(self, kind: Kind[E], resources: Sequence[E]) -> None:
        """Replace many that this unit of work has locked, in few trips."""
        if not resources:
            return
        rows = [TABLES[kind.table].values(kind, each) for each in resources]
        await self._tx.execute_many(f"{kind.table}_put", rows)
        await relate_many(self._tx, kind.table, resources, fresh=False)

    async def get(
        self, kind: Kind[E], application_id: str, resource_id: str, parent_id: str | None = None
    ) -> E:
        """Return one; raises Missing."""
        row = await self._row(kind, application_id, resource_id, parent_id)
        return kind.load(row["document"], row["apart"])

    async def lock(
        self, kind: Kind[E], application_id: str, resource_id: str, parent_id: str | None = None
    ) -> E:
        """Return one that nobody else may change before this transaction ends; raises Missing."""
        row = await self._row(kind, application_id, resource_id, parent_id, "lock")
        return kind.load(row["document"], row["apart"])

    async def lock_many(
        self, kind: Kind[E], application_id: str, ids: Sequence[str]
    ) -> Sequence[E]:
        """Return those of some that are there, kept from others until this transaction ends."""
        # In one order, so that those who lock some at once do not wait crosswise.
        keys = [_key(kind, application_id, each) for each in sorted(ids)]
        rows = await self._tx.fetch_many(f"{kind.table}_lock", keys)
        return [kind.load(row["document"], row["apart"]) for row in rows]

    async def get_bytes(
        self,
        kind: Kind[Any],
        application_id: str,
        resource_id: str,
        parent_id: str | None = None,
    ) -> bytes:
        """Return the stored JSON of one, undecoded; raises Missing."""
        row = await self._row(kind, application_id, resource_id, parent_id)
        return (await self._shown(kind, [row]))[0]

    async def by_secret(self, kind: Kind[E], secret: str) -> E | None:
        """Return the one of a kind, whosever it is, that a secret of its own names."""
        row = await self._tx.fetch_one(f"{kind.one}_by_secret", {"secret": secret})
        return None if row is None else kind.load(row["document"], row["apart"])

    async def by_own_name(self, kind: Kind[E], name: str) -> E | None:
        """Return the one, whosever it is, of a kind whose names nobody else may have."""
        row = await self._tx.fetch_one("document_by_own_name", {"kind": kind.one, "name": name})
        return None if row is None else kind.load(row["document"], row["apart"])

    async def page(self, kind: Kind[E], application_id: str, listing: Listing) -> Page[E]:
        """Return one page."""
        found = await self._page(kind, application_id, listing)
        return Page([kind.load(row["document"], row["apart"]) for row in found.items], found.total)

    async def page_bytes(
        self, kind: Kind[Any], application_id: str, listing: Listing
    ) -> Page[bytes]:
        """Return one page of stored JSON, undecoded."""
        found = await self._page(kind, application_id, listing)
        return Page(await self._shown(kind, found.items), found.total)

    async def ids(self, kind: Kind[Any], application_id: str, listing: Listing) -> Sequence[str]:
        """Return the ids of all that match, whatever the page, in order of id."""
        where, params, _ = await self._matching(kind, application_id, listing)
        # The names in this text are the program's own; all that callers give are parameters.
        sql = f"SELECT id FROM {TABLES[kind.table].name} WHERE {where} ORDER BY id"  # noqa: S608
        return [row["id"] for row in await self._tx.fetch_sql(sql, params)]

    async def after(
        self, kind: Kind[Any], application_id: str, after_id: str, limit: int
    ) -> Sequence[bytes]:
        """Return the stored JSON of those with greater ids, in order of id."""
        where, params, _ = await self._matching(kind, application_id, Listing(sort_field="id"))
        # The names in this text are the program's own; all that callers give are parameters.
        sql = (
            f"SELECT {TABLES[kind.table].selected} FROM {TABLES[kind.table].name} "  # noqa: S608
            f"WHERE {where} AND id > :after_id ORDER BY id LIMIT :limit"
        )
        rows = await self._tx.fetch_sql(sql, {**params, "after_id": after_id, "limit": limit})
        return await self._shown(kind, rows)

    async def absent(
        self, kind: Kind[Any], application_id: str, ids: Sequence[str]
    ) -> Sequence[str]:
        """Return those ids of which the application has no resource."""
        wanted = list(dict.fromkeys(ids))
        params = {"application_id": application_id, "kind": kind.one, "ids": wanted}
        found = {row["id"] for row in await self._tx.fetch(f"{kind.table}_among", params)}
        return [each for each in wanted if each not in found]

    async def remove(self, kind: Kind[Any], application_id: str, resource_id: str) -> None:
        """Delete one; raises Missing."""
        key = _key(kind, application_id, resource_id)
        if TABLES[kind.table].keeps_deleted:
            now_ms = await self._tx.now_ms()
            member = f',"deletedAt":"{to_text(now_ms)}"}}'
            key |= {"deleted_ms": now_ms, "member": member}
        if not await self._tx.execute(f"{kind.table}_remove", key):
            raise _missing(kind)

    async def counts(self, application_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return how many resources of each kind some applications have, by id and kind."""
        found: dict[str, dict[str, int]] = {each: {} for each in application_ids}
        for row in await self._tx.fetch("application_counts", {"ids": list(application_ids)}):
            found[row["application_id"]][row["kind"]] = row["total"]
        return found

    async def close(self, application_id: str) -> None:
        """Take away what an application that is deleted would still do; ``purge`` does the rest."""
        for statement in _CLOSES:
            await self._tx.execute(statement, {"application_id": application_id})

    async def purge(self, application_id: str, part: int, limit: int) -> int | None:
        """Delete some of what an application had; return how much, None where there is no part."""
        if part >= len(_PARTS):
            return None
        params = {"application_id": application_id, "limit": limit}
        return sum([await self._tx.execute(statement, params) for statement in _PARTS[part]])

    async def _save(self, kind: Kind[E], resource: E, how: str) -> None:
        values = TABLES[kind.table].values(kind, resource)
        try:
            touched = await self._tx.execute(f"{kind.table}_{how}", values)
        except UniqueBroken as error:
            raise Duplicate(f"{kind.title} already exists") from error
        if not touched:
            raise _missing(kind)
        if kind.table in SIDES:
            await relate(self._tx, kind.table, resource, fresh=how == "add")

    async def _row(
        self,
        kind: Kind[Any],
        application_id: str,
        resource_id: str,
        parent_id: str | None,
        how: str = "get",
    ) -> Row:
        key = _key(kind, application_id, resource_id)
        row = await self._tx.fetch_one(f"{kind.table}_{how}", key)
        if row is None or (parent_id is not None and row["parent_id"] != parent_id):
            raise _missing(kind)
        return row

    async def _shown(self, kind: Kind[Any], rows: Sequence[Row]) -> list[bytes]:
        tail = TABLES[kind.table].tail
        if tail is not None:
            return [row["document"][:-1].encode() + tail(row) + b"}" for row in rows]
        if tell := SHOWN.get(kind.table):
            told = await tell(self._tx, [row["id"] for row in rows])
            return [row["document"][:-1].encode() + told[row["id"]] + b"}" for row in rows]
        return [row["document"].encode() for row in rows]

    async def _page(self, kind: Kind[Any], application_id: str, listing: Listing) -> Page[Row]:
        table, dialect = TABLES[kind.table], self._tx.dialect
        where, params, few = await self._matching(kind, application_id, listing)
        order = table.order(listing.sort_field, dialect, descending=listing.descending)
        if few and dialect == "sqlite":
            order = f"+{order}"  # else it reads all in this order, and looks for the few among them
        # The names in this text are the program's own; all that callers give are parameters.
        sql = (
            f"SELECT {table.selected} FROM {table.name} WHERE {where} "  # noqa: S608
            f"ORDER BY {order} LIMIT :limit OFFSET :offset"
        )
        paging = {"limit": listing.limit, "offset": listing.offset}
        rows = await bounded(self._tx, sql, {**params, **paging}, listing.most_bytes)
        if not listing.counted or (rows and len(rows) < listing.limit):
            return Page(rows, listing.offset + len(rows))
        counted = f"SELECT count(*) AS total FROM {table.name} WHERE {where}"  # noqa: S608
        count = await self._tx.fetch_sql(counted, params)
        return Page(rows, count[0]["total"])

    async def _matching(
        self, kind: Kind[Any], application_id: str, listing: Listing
    ) -> tuple[str, dict[str, object], bool]:
        """Return the condition, its parameters, and whether it names the few that may match."""
        table = TABLES[kind.table]
        parts = ["application_id = :application_id"] if table.name != "application" else []
        params: dict[str, object] = {"application_id": application_id}
        if table.by_kind:
            parts.append("kind = :kind")
            params["kind"] = kind.one
        if table.keeps_deleted:
            parts.append(f"deleted_ms IS {'NOT ' if listing.deleted else ''}NULL")
        for column, value in listing.within.items():
            parts.append(f"{column} = :within_{column}")
            params[f"within_{column}"] = value
        for column, values in listing.among.items():
            parts.append(_one_of(column, self._tx.dialect))
            params[f"among_{column}"] = list(values)
        if listing.query is not None:
            asked = listing.query
        else:
            asked = by_glob(listing.filter_field, listing.filter)
        asked = await with_owned(self._tx, kind.one, application_id, asked)
        if not listing.deleted:  # what is deleted has no name to search for
            asked = await with_named(self._tx, kind.one, application_id, asked)
        few = False
        if not isinstance(asked, All):
            few = names_few(asked)  # other tests are made of these, whatever an index may tell
            compiled = compile_query(asked, _columns(kind), self._tx.dialect, row_by_row=few)
            parts.append(compiled.sql)
            params |= compiled.params
        return " AND ".join(parts) or "1 = 1", params, few


@cache
def _columns(kind: Kind[Any]) -> ColumnMap:
    """Return where the fields of a kind lie: its own columns, and its document for the rest."""
    inside = {name: JsonField("document", tuple(name.split("."))) for name in kind.filterable}
    return {**inside, **COLUMNS.get(kind.table, {}), **DOCUMENT_COLUMNS.get(kind.one, {})}


def _one_of(column: str, dialect: Dialect) -> str:
    if dialect == "sqlite":
        # The column is one of the program's own; the values are a parameter.
        return f"{column} IN (SELECT value FROM json_each(:among_{column}))"  # noqa: S608
    return f"{column} = ANY(:among_{column}::text[])"


def _key(kind: Kind[Any], application_id: str, resource_id: str) -> dict[str, object]:
    return {"application_id": application_id, "kind": kind.one, "id": resource_id}


def _missing(kind: Kind[Any]) -> Missing:
    return Missing(f"{kind.title} was not found")
