"""Gauge: one value of what devices reported, over a time or the newest there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows import series_fields
from drover.flows.actions import Action, Ask
from drover.flows.node import Node
from drover.flows.payload import revived

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    find = series_fields.devices(settings)
    held = series_fields.held_value(settings)
    duration = series_fields.moment_ms(settings, "duration", required=True)
    fixed = {
        "attributes": series_fields.attributes(settings),
        "aggregation": series_fields.aggregation(settings),
        "duration": None if duration is None else max(1, duration),
        "end": series_fields.moment_ms(settings, "end"),
        "perDevice": settings.flag("perDeviceResults"),
        "single": True,
    }

    def request(visit: Visit) -> dict[str, Any]:
        return {**fixed, **find(visit.payload), "held": held(visit.payload)}

    return Ask("series.query", request, series_fields.settling(settings, revived))


NODE = Node(type="GaugeNode", name="gauge", category="data", compile=_compile)
