"""The world's airports as a fleet of devices.

Each airport becomes a device with tags (country, subdivision, time zone, codes) and two
attributes, elevation in metres and position. Where the data set does not know an elevation (it
says 0.0 then), the device never reported one.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import airportsdata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.client import Client

METRES_PER_FOOT: Final = 0.3048
BATCH: Final = 500

ATTRIBUTES: Final = [
    {"name": "elevation", "dataType": "number"},
    {"name": "position", "dataType": "gps"},
    {"name": "pressure", "dataType": "number"},
]

TAGS: Final = {
    "country": "country",
    "subd": "subdivision",
    "tz": "timeZone",
    "icao": "icao",
    "iata": "iata",
}


def airports(limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield the body of each device, with the state it reports; ``limit`` takes some of all."""
    known = list(airportsdata.load("ICAO").values())
    step = len(known) // limit if limit else 1
    return (_device(airport) for airport in known[:: step or 1][:limit])


def load(client: Client, application_id: str, limit: int | None = None) -> Iterator[int]:
    """Create the fleet, a batch a request; yield the size of each batch."""
    bodies = airports(limit)
    while batch := list(islice(bodies, BATCH)):
        client.post(f"/applications/{application_id}/devices/batch", {"devices": batch})
        yield len(batch)


def _device(airport: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = {"position": f"{airport['lat']},{airport['lon']}"}
    if airport["elevation"]:
        state["elevation"] = round(airport["elevation"] * METRES_PER_FOOT, 1)
    return {
        "name": airport["name"] or airport["icao"],
        "deviceClass": "standalone",
        "tags": [
            {"key": key, "value": airport[column]}
            for column, key in TAGS.items()
            if airport[column]
        ],
        "attributes": ATTRIBUTES,
        "state": state,
    }
