"""Latch: take output 1 once, and again only after a reset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import throw_error
from drover.flows.language import truthy
from drover.flows.node import Node
from drover.flows.remembering import remembering

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_PATHS: Final = {
    "latchResultPath": "latch",
    "resetResultPath": "reset",
    "wasLatchedPath": "was",
    "isLatchedPath": "is",
    "branchPath": "latches",
}


def _compile(settings: Settings) -> Action:
    latch = settings.expression("latchExpression")
    reset = settings.expression("resetExpression")
    ask = remembering(settings, "latch", "latchIdTemplate")
    writes = [(settings.writer(path), name) for path, name in _PATHS.items()]

    def wants(visit: Visit) -> dict[str, bool]:
        return {"latch": truthy(latch(visit.payload)), "reset": truthy(reset(visit.payload))}

    def request(visit: Visit) -> dict[str, Any]:
        return ask(visit, wants(visit))

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        throw_error(answer)
        told = {**wants(visit), **answer["result"]}
        for write, name in writes:
            if write is not None:
                write(visit, told[name])
        return 1 if told["latches"] else 0

    return Ask("memory.advance", request, settle)


NODE = Node(type="LatchNode", name="latch", category="logic", outputs=2, compile=_compile)
