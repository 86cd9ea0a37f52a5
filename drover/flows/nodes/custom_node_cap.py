"""Custom node: End: where a workflow that is used as a node hands back what it has found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.flows.actions import Action, Leave
from drover.flows.node import NONE, Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings

_TRUE: Final = "custom-node-end-true"


def _compile(settings: Settings) -> Action:
    result = settings.path("resultSourcePath")
    return Leave(int(settings.facts.meta.get("name") == _TRUE), result)


NODE = Node(
    type="CustomNodeCapNode",
    name="custom-node-end-single",
    names=(_TRUE, "custom-node-end-false"),
    category="logic",
    outputs=NONE,
    classes=frozenset({"customNode"}),
    compile=_compile,
)
