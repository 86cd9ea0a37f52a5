"""Note: text on the canvas, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Each
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings


def _compile(_settings: Settings) -> Action:
    return Each(lambda _visit: 0)


NODE = Node(
    type="AnnotationNode", name="note", names=("annotation",), category="debug", compile=_compile
)
