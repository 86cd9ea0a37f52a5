"""JSON: Encode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Each
from drover.flows.language import UNDEFINED, to_json
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action | None:
    source = settings.path("source", required=True)
    write = settings.writer("destination", required=True, fresh=True)
    if source is None or write is None:
        return None

    def act(visit: Visit) -> int:
        value = source.get(visit.payload)
        write(visit, UNDEFINED if value is UNDEFINED else to_json(value))
        return 0

    return Each(act)


NODE = Node(type="JsonEncodeNode", name="json-encode", category="logic", compile=_compile)
