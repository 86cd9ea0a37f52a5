"""Custom Node: run another workflow of the application as a node of this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Each, Enter
from drover.flows.custom_nodes import filled
from drover.flows.node import AS_CONFIGURED, Node
from drover.flows.visit import Thrown
from drover.model.custom_node import EXECUTES, definition_key, wanted

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action | None:
    if not settings.literal("customNodeId"):
        settings.flaw("customNodeId", "Custom node is required", missing=True)
    settings.literal("customNodeVersion")
    write = settings.writer("resultPath", fresh=True)
    known = settings.facts.custom_nodes
    key = definition_key(*wanted(settings.config))
    found = (known or {}).get(key)
    inputs = filled(settings, None if found is None else found.get("customNodeConfig"))
    if known is not None and found is None:
        return Each(_missing)
    return Enter(key, inputs, write)


def _missing(_visit: Visit) -> int:
    raise Thrown("NotFound", "The custom node, or the version of it, was not found")


NODE = Node(
    type=EXECUTES,
    name="customNodeExecute",
    category="logic",
    outputs=AS_CONFIGURED,
    compile=_compile,
)
