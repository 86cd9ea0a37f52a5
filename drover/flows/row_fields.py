"""Rows of data tables from the fields of a node's config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.payload import dated, jsonable
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings

_METHODS: Final = ("individualFields", "jsonTemplate", "payloadPath")
_MOST_COLUMNS: Final = 100


def row_data(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    """Compile what a row is made of: ``{"data": object or list}``.

    Fields given one by one are texts, to be cast to their columns' types: ``{"cast": true}``.
    """
    method = settings.literal("dataMethod", default=_METHODS[0], choices=_METHODS)
    if method == "jsonTemplate":
        render = settings.json("rowJsonTemplate", required=True, label="Row")
        return lambda payload: {"data": _rows(render(payload))}
    if method == "payloadPath":
        path = settings.path("rowPayloadPath", required=True, label="Row")
        return lambda payload: {"data": _rows(None if path is None else path.get(payload))}
    fields = [
        (entry.template("columnTemplate"), _value(entry))
        for entry in settings.items("rowFields", most=_MOST_COLUMNS)
    ]

    def render_fields(payload: Any) -> dict[str, Any]:
        rendered = {column(payload): value(payload) for column, value in fields}
        given = {column: value for column, value in rendered.items() if value != ""}
        return {"data": given, "cast": True}

    return render_fields


def dated_rows(result: Any) -> Any:
    """Return one row, or what tells of several, with its dates as dates."""
    return dated(result) if isinstance(result, dict) else result


def _value(entry: Settings) -> Callable[[Any], Any]:
    """Compile a field; a JSON null in the config stores null."""
    if "valueTemplate" in entry.config and entry.config["valueTemplate"] is None:
        return lambda _payload: None
    return entry.template("valueTemplate")


def _rows(data: Any) -> Any:
    entries = data if isinstance(data, list) else [data]
    if not all(isinstance(entry, dict) for entry in entries):
        raise Thrown("Validation", "A row must be an object")
    return jsonable(data)
