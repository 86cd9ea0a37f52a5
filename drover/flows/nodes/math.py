"""Math: store the values of expressions, later ones seeing earlier results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.flows.actions import Action, Each
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

MOST_STATEMENTS: Final = 100


def _compile(settings: Settings) -> Action | None:
    statements = [
        (entry.expression("expression", required=True), entry.writer("resultPath", required=True))
        for entry in settings.items("statements", most=MOST_STATEMENTS)
    ]

    def act(visit: Visit) -> int:
        for evaluate, write in statements:
            if write is not None:
                write(visit, evaluate(visit.payload))
        return 0

    return Each(act)


NODE = Node(type="MathNode", name="math", category="logic", compile=_compile)
