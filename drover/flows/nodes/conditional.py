"""Conditional: output 1 when an expression is true, else output 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Each
from drover.flows.language import truthy
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    test = settings.expression("expression", required=True)

    def act(visit: Visit) -> int:
        return 1 if truthy(test(visit.payload)) else 0

    return Each(act)


NODE = Node(
    type="ConditionalNode", name="conditional", category="logic", outputs=2, compile=_compile
)
