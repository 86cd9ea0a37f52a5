"""Delay: wait up to a minute, holding no worker."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from drover.flows.actions import Action, Pause
from drover.flows.language import to_number
from drover.flows.node import Node
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

LONGEST_S: Final = 60
"""The longest delay, in seconds."""


def _compile(settings: Settings) -> Action:
    key = "delay" if settings.holds("delay") else "durationTemplate"
    text = settings.template(key if settings.holds(key) else "delay", required=True, label="Delay")

    def seconds(visit: Visit) -> float:
        value = to_number(text(visit.payload))
        if math.isnan(value) or not 0 <= value <= LONGEST_S:
            raise Thrown("Validation", f"Delay must be from 0 to {LONGEST_S} seconds")
        return float(value)

    return Pause(seconds)


NODE = Node(type="DelayNode", name="delay", category="logic", compile=_compile)
