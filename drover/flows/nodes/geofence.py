"""Geofence: output 1 when a place is inside a circle or a polygon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Each
from drover.flows.language import to_number
from drover.flows.language.gps import distance_m, is_inside, parse_gps
from drover.flows.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drover.flows.language.gps import Coordinates
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Test = Callable[[Any, Coordinates], tuple[bool, Any]]
    """Tells whether a place is inside, and what to write of it: None for nothing."""

MOST_CORNERS: Final = 10_000

_CHECKS: Final = ("radius", "polygonCoords", "polygon")
_LEAST_CORNERS: Final = 3


def _compile(settings: Settings) -> Action:
    place = settings.template("gpsCheck")
    if not settings.holds("gpsCheck"):
        settings.flaw("gpsCheck", "Gps check is required", missing=True)
    check = settings.literal("checkType", default="radius", choices=_CHECKS)
    test = _TESTS[check](settings)
    write = settings.writer("resultPath", fresh=True)
    write_branch = settings.writer("branchPath", fresh=True)

    def act(visit: Visit) -> int:
        found = parse_gps(place(visit.payload))
        inside, told = (False, None) if found is None else test(visit.payload, found)
        if found is None and check != "radius":
            told = False
        if write is not None and told is not None:
            write(visit, told)
        if write_branch is not None:
            write_branch(visit, inside)
        return 1 if inside else 0

    return Each(act)


def _circle(settings: Settings) -> Test:
    center = settings.template("gpsCenter", required=True)
    radius = settings.template("radius", required=True)

    def test(payload: Any, place: Coordinates) -> tuple[bool, Any]:
        middle, most_m = parse_gps(center(payload)), to_number(radius(payload))
        if middle is None:
            return False, None
        far_m = distance_m(middle, place)
        return most_m >= 0 and far_m <= most_m, far_m

    return test


def _listed(settings: Settings) -> Test:
    text = settings.template("polygonCoords", required=True)
    return lambda payload, place: _within(text(payload).splitlines(), place)


def _found(settings: Settings) -> Test:
    path = settings.path("polygonPath", required=True)

    def test(payload: Any, place: Coordinates) -> tuple[bool, Any]:
        given = path.get(payload) if path is not None else None
        return _within(given if isinstance(given, list) else (), place)

    return test


def _within(texts: Iterable[Any], place: Coordinates) -> tuple[bool, bool]:
    """Tell whether a place is inside the polygon of these corners; blank lines are none."""
    wanted = [text for text in texts if not isinstance(text, str) or text.strip()]
    if not _LEAST_CORNERS <= len(wanted) <= MOST_CORNERS:
        return False, False
    corners = [
        corner
        for text in wanted
        if isinstance(text, str) and (corner := parse_gps(text)) is not None
    ]
    inside = len(corners) == len(wanted) and is_inside(place, corners)
    return inside, inside


_TESTS: Final[dict[str, Callable[[Settings], Test]]] = {
    "radius": _circle,
    "polygonCoords": _listed,
    "polygon": _found,
}

NODE = Node(type="GeofenceNode", name="geofence", category="logic", outputs=2, compile=_compile)
