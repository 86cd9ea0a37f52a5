"""Data tables: their columns, and their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.app.rows import TableRows, Wanted
from drover.faces.losant import _envelope, _lists
from drover.faces.operation import Call, Operation
from drover.kinds.data_table import KIND, Column
from drover.model.bodies import decode
from drover.model.errors import Invalid
from drover.model.kind import Kind
from drover.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Struct

    from drover.app.services import Services

_TABLE = "/applications/{applicationId}/data-tables/{dataTableId}"
_ROWS = f"{_TABLE}/rows"
_ROW = f"{_ROWS}/{{rowId}}"
_PARAMETERS = ("sortColumn", "sortDirection", "limit", "offset", "includeFields")
_LIMIT = 1000
_MOST = 10_000

ROW: Kind[Any] = Kind(
    Resource,
    one="dataTableRow",
    many="dataTableRows",
    path="data-tables/{dataTableId}/rows",
    cli_may=frozenset({"get"}),
    label="Data table row",
)
"""The names of rows; what they hold is up to their table."""


class _Calls:
    """The operations on columns and rows."""

    def __init__(self, rows: TableRows) -> None:
        self._rows = rows

    async def add_column(self, call: Call) -> bytes:
        """Add a column and return the table."""
        table = await self._rows.add_column(call.caller, *_table(call), call.json(Column))
        return _envelope.one(KIND, call, table)

    async def remove_column(self, call: Call) -> bytes:
        """Remove a column and return the table."""
        name = call.text("columnName")
        table = await self._rows.remove_column(call.caller, *_table(call), name)
        return _envelope.one(KIND, call, table)

    async def list(self, call: Call) -> dict[str, Any]:
        """Return some rows, those that match where a query is given."""
        return await self._page(call, _query(call))

    async def query(self, call: Call) -> dict[str, Any]:
        """Return some of the rows that match the body."""
        return await self._page(call, call.json(dict[str, Any]))

    async def post(self, call: Call) -> dict[str, Any]:
        """Insert one row or several."""
        return await self._rows.insert(call.caller, *_table(call), call.body)

    async def get(self, call: Call) -> dict[str, Any]:
        """Return one row."""
        return await self._rows.get(*_table(call), call.path["rowId"])

    async def patch(self, call: Call) -> dict[str, Any]:
        """Change one row."""
        return await self._rows.patch(call.caller, *_table(call), call.path["rowId"], call.body)

    async def delete(self, call: Call) -> dict[str, bool]:
        """Delete one row."""
        await self._rows.delete_one(call.caller, *_table(call), call.path["rowId"])
        return {"success": True}

    async def delete_many(self, call: Call) -> dict[str, int]:
        """Delete the rows that match the body, which must be there."""
        if not call.body.strip():
            raise Invalid("A query is required", field="query")
        wanted = Wanted(
            query=call.json(dict[str, Any]),
            limit=call.whole("limit", _LIMIT, least=1, most=_MOST),
        )
        return {"removed": await self._rows.delete(call.caller, *_table(call), wanted)}

    async def truncate(self, call: Call) -> dict[str, bool]:
        """Delete all rows."""
        await self._rows.truncate(*_table(call))
        return {"success": True}

    async def _page(self, call: Call, query: dict[str, Any] | None) -> dict[str, Any]:
        wanted = Wanted(
            query=query,
            sort_column=call.query.get("sortColumn", ""),
            descending=_lists.descending(call),
            offset=call.whole("offset", 0, most=_lists.FARTHEST),
            limit=call.whole("limit", _LIMIT, least=1, most=_LIMIT),
            fields=call.names("includeFields"),
        )
        found = await self._rows.page(*_table(call), wanted)
        return {
            "items": found.items,
            "count": len(found.items),
            "totalCount": found.total,
            "limit": wanted.limit,
            "offset": wanted.offset,
            "sortColumn": wanted.sort_column or "createdAt",
            "sortDirection": "desc" if wanted.descending else "asc",
            "query": query or {},
            **_envelope.echo(ROW, call),
        }


def _table(call: Call) -> tuple[str, str]:
    return call.application_id, call.path["dataTableId"]


def _query(call: Call) -> dict[str, Any] | None:
    given = call.nested("query")
    if given is not None and not isinstance(given, str):
        raise _lists.reject("query", "must be one JSON document, not in brackets")
    if given is None or not given.strip():
        return None
    try:
        return decode(given.encode(), dict[str, Any])
    except Invalid as error:
        raise _lists.reject("query", "must be one JSON object") from error


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on columns and rows."""
    calls = _Calls(services[TableRows])
    yield _column("POST", "addColumn", calls.add_column, "Add a column", body=Column)
    yield _column("DELETE", "removeColumn", calls.remove_column, "Remove a column", ("columnName",))
    for method, path, verb, run in (
        ("GET", _ROWS, "get", calls.list),
        ("POST", _ROWS, "post", calls.post),
        ("POST", f"{_ROWS}/query", "query", calls.query),
        ("POST", f"{_ROWS}/delete", "delete", calls.delete_many),
        ("POST", f"{_ROWS}/truncate", "truncate", calls.truncate),
        ("GET", _ROW, "get", calls.get),
        ("PATCH", _ROW, "patch", calls.patch),
        ("DELETE", _ROW, "delete", calls.delete),
    ):
        collection = path != _ROW
        yield Operation(
            method=method,
            path=path,
            scopes=_scopes(verb, collection=collection),
            run=run,
            name=f"{ROW.many if collection else ROW.one}.{verb}",
            summary=f"{verb.capitalize()} rows of a data table",
            status=201 if verb == "post" else 200,
            parameters=_parameters(verb) if collection else (),
        )


def _parameters(verb: str) -> tuple[str, ...]:
    """Return what may be said beside the body: a query where there is no body to say it."""
    return {"get": (*_PARAMETERS, "query"), "query": _PARAMETERS, "delete": ("limit",)}.get(
        verb, ()
    )


def _scopes(verb: str, *, collection: bool) -> frozenset[str]:
    """Return what opens an operation on rows; the command line's tokens read lists of them only."""
    scopes = ROW.scopes(verb, collection=collection, reads=verb == "query")
    return scopes if collection else scopes - {"all.Application.cli", "all.User.cli"}


def _column(
    method: str,
    verb: str,
    run: Any,
    summary: str,
    parameters: tuple[str, ...] = (),
    body: type[Struct] | None = None,
) -> Operation:
    return Operation(
        method=method,
        path=f"{_TABLE}/column",
        scopes=KIND.scopes(verb),
        run=run,
        name=f"dataTable.{verb}",
        summary=summary,
        body=body,
        parameters=parameters,
        kind=KIND.one,
    )
