"""Loop: the nodes of output 1 once for each item; output 0 afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Repeat
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings


def _compile(settings: Settings) -> Action | None:
    source = settings.path("loopSourcePath", required=True)
    item = settings.path("currentItemPath", required=True)
    write_item = settings.writer("currentItemPath")
    write_result = settings.writer("mapResultPath")
    map_value = settings.path("mapValuePath") or item
    parallel = settings.flag("parallel")
    if source is None or write_item is None or map_value is None:
        return None
    return Repeat(source, write_item, map_value, write_result, parallel)


NODE = Node(type="LoopNode", name="loop", category="logic", outputs=2, compile=_compile)
