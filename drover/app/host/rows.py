"""Rows of data tables: queried, inserted, changed and deleted by running workflows."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.rows import TableRows, Wanted
from drover.flows.language import to_number
from drover.kinds.data_table import KIND as TABLE
from drover.kinds.data_table import DataTable
from drover.model.errors import Invalid, Missing

_BOOLEANS: Final = {"true": True, "false": False}
_NOT_FOUND: Final = "Data Table Row was not found"


async def _query(asking: Asking, request: Request) -> dict[str, Any]:
    wanted = _wanted(request)
    page = await asking.services[TableRows].page(asking.application_id, request["tableId"], wanted)
    return {
        "items": [_present(row) for row in page.items],
        "count": len(page.items),
        "totalCount": page.total,
        "limit": wanted.limit,
        "offset": wanted.offset,
        "sortColumn": request["sortColumn"],
        "sortDirection": request["sortDirection"],
        "query": request["query"],
    }


async def _insert(asking: Asking, request: Request) -> dict[str, Any]:
    data = await _data(asking, request)
    return _present(
        await asking.services[TableRows].insert(
            asking.caller, asking.application_id, request["tableId"], msgspec.json.encode(data)
        )
    )


async def _update(asking: Asking, request: Request) -> dict[str, Any]:
    data = await _data(asking, request)
    if isinstance(data, list):
        raise Invalid("A row must be an object")
    of = (asking.caller, asking.application_id, request["tableId"])
    rows, body = asking.services[TableRows], msgspec.json.encode(data)
    changed: dict[str, Any] | None
    try:
        if request.get("rowId"):
            changed = await rows.patch(*of, request["rowId"], body)
        else:
            upserts = bool(request.get("upsert"))
            changed = await rows.change_first(*of, request["query"], body, inserts=upserts)
    except Missing as error:
        raise _missing(error) from error
    if changed is None:
        raise Missing(_NOT_FOUND)
    return _present(changed)


async def _delete(asking: Asking, request: Request) -> dict[str, Any]:
    rows, table_id = asking.services[TableRows], request["tableId"]
    if "rowId" not in request:
        wanted = Wanted(query=request["query"], limit=request["limit"])
        count = await rows.delete(asking.caller, asking.application_id, table_id, wanted)
        return {"result": True, "count": count}
    try:
        await rows.delete_one(asking.caller, asking.application_id, table_id, request["rowId"])
    except Missing as error:
        raise _missing(error) from error
    return {"result": True, "count": 1}


async def _data(asking: Asking, request: Request) -> Any:
    """Return the row or rows; texts of single fields are cast to their columns' types."""
    data = request["data"]
    if not request.get("cast"):
        return data
    table: DataTable = await asking.store.read(
        lambda session: session.resources.get(TABLE, asking.application_id, request["tableId"])
    )
    types = {column.name: column.data_type for column in table.columns}
    return {name: _cast(value, types.get(name)) for name, value in data.items()}


def _cast(value: Any, data_type: str | None) -> Any:
    if not isinstance(value, str):
        return value
    if data_type == "boolean":
        return _BOOLEANS.get(value.strip().lower(), value)
    if data_type == "number":
        return _number(value)
    return value


def _number(text: str) -> Any:
    """Return the number a text holds; the text itself, which no number column takes, if none."""
    value = to_number(text) if text.strip() else math.nan
    return value if math.isfinite(value) else text


def _wanted(request: Request) -> Wanted:
    fields = request["fields"]
    if fields is not None and not (
        isinstance(fields, list) and all(isinstance(name, str) for name in fields)
    ):
        raise Invalid("The fields to include must be a list of names")
    return Wanted(
        query=request["query"],
        sort_column=request["sortColumn"],
        descending=request["sortDirection"] == "desc",
        offset=request["offset"],
        limit=request["limit"],
        fields=frozenset(fields or ()),
    )


def _present(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without the columns that have no value."""
    return {name: value for name, value in row.items() if value is not None}


def _missing(error: Missing) -> Missing:
    return Missing(_NOT_FOUND) if "ow" in error.message else error


OPERATIONS = HostOperations(
    {
        "row.query": each(_query),
        "row.insert": each(_insert),
        "row.update": each(_update),
        "row.delete": each(_delete),
    }
)
