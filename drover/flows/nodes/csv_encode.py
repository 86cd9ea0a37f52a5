"""CSV: Encode: objects or arrays as rows of a text, under a row of names."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Each
from drover.flows.language import UNDEFINED, to_json, to_text
from drover.flows.node import Node
from drover.flows.separated import NotSeparated, Separators, write
from drover.flows.separators import separators
from drover.flows.settings import templates_of
from drover.flows.visit import MOST_PAYLOAD_BYTES, too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Names = Callable[[Any, list[Any]], list[str]]
    """Returns the names of the columns for a payload and its rows."""

_HEADERS = ("objectKeys", "stringTemplates", "payloadPath")


def _compile(settings: Settings) -> Action:
    source = settings.path("source", required=True)
    render = separators(settings)
    names = _names(settings)
    put = settings.writer("destination", required=True, fresh=True)

    def act(visit: Visit) -> int:
        rows = source.get(visit.payload) if source is not None else None
        if put is not None:
            put(visit, _encoded(rows, names, render(visit.payload), visit.payload))
        return 0

    return Each(act)


def _encoded(rows: Any, names: Names, by: Separators, payload: Any) -> Any:
    if not isinstance(rows, list):
        return {"error": {"message": "The source is not an array"}}
    header = names(payload, rows)
    cells = (_cells(row, header) for row in rows)
    try:
        return write(_within_limits(chain([header] if header else [], cells)), by)
    except NotSeparated as error:
        return {"error": {"message": str(error)}}


def _within_limits(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """Pass rows on until they are too large: each has a cell for each name of any row."""
    size = 0
    for row in rows:
        size += sum(map(len, row)) + len(row)
        if size > MOST_PAYLOAD_BYTES:
            raise too_large("The text")
        yield row


def _names(settings: Settings) -> Names:
    kind = settings.literal("headerTemplateType", default=_HEADERS[0], choices=_HEADERS)
    if kind == "stringTemplates":
        texts = templates_of(settings, "headerTemplate")
        return lambda payload, _rows: [text(payload) for text in texts]
    if kind == "payloadPath":
        path = settings.path("headerTemplate", required=True)

        def found(payload: Any, _rows: list[Any]) -> list[str]:
            given = path.get(payload) if path is not None else None
            return [to_text(each) for each in given] if isinstance(given, list) else []

        return found
    return lambda _payload, rows: list(
        dict.fromkeys(key for row in rows if isinstance(row, dict) for key in row)
    )


def _cells(row: Any, header: list[str]) -> list[str]:
    if isinstance(row, dict):
        return [_text(row.get(name, UNDEFINED)) for name in header]
    return [_text(each) for each in row] if isinstance(row, list) else [_text(row)]


def _text(value: Any) -> str:
    return to_json(value) if isinstance(value, (dict, list)) else to_text(value)


NODE = Node(type="CSVEncodeNode", name="csv-encode", category="logic", compile=_compile)
