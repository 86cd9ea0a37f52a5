"""Time Series: what devices reported over time, aggregated in buckets or as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows import series_fields
from drover.flows.actions import Action, Ask
from drover.flows.node import Node
from drover.flows.paging import whole_number
from drover.flows.payload import revived

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

MOST_POINTS: Final = 25_000
POINTS: Final = 1000
"""Points of a device that are not aggregated, where no limit says otherwise."""


def _compile(settings: Settings) -> Action:
    find = series_fields.devices(settings)
    held = series_fields.held_value(settings)
    limit = whole_number(settings, "limitTemplate", default=POINTS, least=1, most=MOST_POINTS)
    order = settings.template("orderTemplate")
    fixed = {
        "attributes": series_fields.attributes(settings),
        "aggregation": series_fields.aggregation(settings, "NONE"),
        "duration": series_fields.moment_ms(settings, "duration", required=True) or 1,
        "resolution": series_fields.moment_ms(settings, "resolution"),
        "end": series_fields.moment_ms(settings, "end"),
        "perDevice": settings.flag("perDeviceResults"),
        "single": False,
    }

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        return {
            **fixed,
            **find(payload),
            "held": held(payload),
            "limit": limit(payload),
            "order": "desc" if order(payload).strip().lower() == "desc" else "asc",
        }

    return Ask("series.query", request, series_fields.settling(settings, revived))


NODE = Node(type="TimeSeriesNode", name="time-series", category="data", compile=_compile)
