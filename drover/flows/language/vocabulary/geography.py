"""Helpers for GPS coordinates."""

from __future__ import annotations

import math
from typing import Final

from drover.flows.language.conversions import to_number, to_text
from drover.flows.language.gps import Coordinates, distance_m, format_gps, is_inside, parse_gps
from drover.flows.language.helper import Helper, defaulting
from drover.flows.language.numbers import NAN
from drover.flows.language.values import UNDEFINED, Value

_MAX_PRECISION: Final = 20
_LEAST_CORNERS: Final = 3
_CORNER_WORK: Final = 20
"""Units of work of reading one corner of a polygon."""


def _read(value: Value) -> Coordinates | None:
    return parse_gps(value) if isinstance(value, str) else None


def _format(gps: Value = UNDEFINED, form: Value = "decimal", precision: Value = 6) -> str:
    place, digits = _read(gps), to_number(precision)
    if place is None or math.isnan(digits):
        return ""
    return format_gps(place, to_text(form), int(min(max(digits, 0), _MAX_PRECISION)))


def _distance(start: Value = UNDEFINED, end: Value = UNDEFINED) -> float:
    first, second = _read(start), _read(end)
    return NAN if first is None or second is None else distance_m(first, second)


def _is_inside(place: Value = UNDEFINED, polygon: Value = UNDEFINED) -> bool:
    point = _read(place)
    if point is None or polygon.__class__ is not list:
        return False
    corners = [corner for corner in map(_read, polygon) if corner is not None]
    return len(corners) == len(polygon) >= _LEAST_CORNERS and is_inside(point, corners)


HELPERS: Final = (
    Helper("formatGps", defaulting(_format), ("gps", "fmt", "precision")),
    Helper("gpsDistance", _distance, ("a", "b")),
    Helper("gpsIsPointInside", _is_inside, ("p", "polygon"), measured=_CORNER_WORK),
)
