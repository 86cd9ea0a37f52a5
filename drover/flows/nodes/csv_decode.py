"""CSV: Decode: rows of a text as objects by the names in its first row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Each
from drover.flows.node import Node
from drover.flows.separated import NotSeparated, Separators, read
from drover.flows.separators import separators

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    source = settings.path("source", required=True)
    render = separators(settings)
    strips = settings.flag("stripBom")
    write = settings.writer("destination", required=True, fresh=True)

    def act(visit: Visit) -> int:
        text = source.get(visit.payload) if source is not None else None
        if write is not None:
            write(visit, _decoded(text, render(visit.payload), strips=strips))
        return 0

    return Each(act)


def _decoded(text: Any, by: Separators, *, strips: bool) -> Any:
    if not isinstance(text, str):
        return {"error": {"message": "The source is not text"}}
    try:
        rows = read(text.removeprefix("\ufeff") if strips else text, by)
    except NotSeparated as error:
        return {"error": {"message": str(error)}}
    if not rows:
        return []
    names, *rest = rows
    return [dict(zip(names, row, strict=False)) for row in rest]


NODE = Node(type="CSVDecodeNode", name="csv-decode", category="logic", compile=_compile)
