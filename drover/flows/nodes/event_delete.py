"""Event: Delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.event_fields import chosen
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings


def _compile(settings: Settings) -> Action:
    choose, _ = chosen(settings, "eventIdTemplate", "deleteMultiple")
    settle = softly(settings.writer("resultPath", fresh=True))
    return Ask("event.delete", lambda visit: choose(visit.payload), settle)


NODE = Node(
    type="DeleteEventNode",
    aliases=("EventDeleteNode",),
    name="delete-event",
    category="data",
    compile=_compile,
)
