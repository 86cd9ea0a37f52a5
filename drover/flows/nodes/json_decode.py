"""JSON: Decode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Each
from drover.flows.language import UNDEFINED, RenderLimit, parse_json
from drover.flows.node import Node
from drover.flows.settings import error_writer
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action | None:
    source = settings.path("source", required=True)
    write = settings.writer("destination", required=True)
    write_error = error_writer(settings)
    if source is None or write is None:
        return None

    def act(visit: Visit) -> int:
        try:
            value = _decoded(source.get(visit.payload))
        except ValueError as error:
            if write_error is None:
                raise Thrown("SyntaxError", str(error)) from error
            write_error(visit, {"name": "SyntaxError", "message": str(error)})
        else:
            write(visit, value)
        return 0

    return Each(act)


def _decoded(value: Any) -> Any:
    if value is UNDEFINED:
        raise ValueError("There is nothing to decode")
    if value.__class__ is not str:
        return value
    try:
        return parse_json(value)
    except RenderLimit as error:
        raise ValueError("The JSON is nested too deep") from error


NODE = Node(type="JsonDecodeNode", name="json-decode", category="logic", compile=_compile)
