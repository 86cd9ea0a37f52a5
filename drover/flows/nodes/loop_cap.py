"""Loop caps (next, return, break): where a round of a loop ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, EndRound
from drover.flows.node import NONE, Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings


def _compile(settings: Settings) -> Action:
    if not settings.literal("loopNodeId"):
        settings.flaw("loopNodeId", "Loop node is required", missing=True)
    breaks = settings.flag("shouldBreak", default=settings.facts.meta.get("name") == "loop-break")
    return EndRound(breaks, settings.path("mapValuePath"))


NODE = Node(
    type="LoopCapNode",
    name="loop-next",
    names=("loop-return", "loop-break"),
    category="loop",
    outputs=NONE,
    compile=_compile,
)
