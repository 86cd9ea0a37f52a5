"""GPS coordinates as text, and what can be computed from them.

Read are decimal degrees, degrees with minutes and seconds, and the NMEA sentences GLL and GGA.
"""

from __future__ import annotations

import math
import re
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

EARTH_RADIUS_M: Final = 6_371_008.8
"""Mean radius of the Earth in metres."""

_MAX_LATITUDE: Final = 90
_MAX_LONGITUDE: Final = 180
_TURN: Final = 360
_MAX_TEXT: Final = 200
"""Characters of the longest coordinate text that is read."""

_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,24})?"
_DECIMAL: Final = re.compile(rf"([+-]?{_NUMBER})(?:\s*,\s*|\s+)([+-]?{_NUMBER})")
_ANGLE = rf"({_NUMBER})\s*[°d]?\s*(?:({_NUMBER})\s*['′’m]\s*)?(?:({_NUMBER})\s*(?:\"|″|”|''|s)\s*)?"  # noqa: RUF001
_LETTERS_LAST: Final = re.compile(rf"{_ANGLE}([NS])[\s,]*{_ANGLE}([EW])", re.IGNORECASE)
_LETTERS_FIRST: Final = re.compile(rf"([NS])\s*{_ANGLE}[\s,]*([EW])\s*{_ANGLE}", re.IGNORECASE)
_FIELDS: Final = r"(\d{1,2})(\d{2}(?:\.\d{1,12})?),([NS]),(\d{1,3})(\d{2}(?:\.\d{1,12})?),([EW])"
_SENTENCE: Final = re.compile(rf"\$?[A-Z]{{2}}(?:GLL,|GGA,[0-9.]*,){_FIELDS}(?:[,*].*)?")


class Coordinates(NamedTuple):
    """A place on Earth in decimal degrees, north and east being positive."""

    latitude: float
    longitude: float


def parse_gps(text: str) -> Coordinates | None:
    """Read coordinates in any supported form; None when the text is in none of them."""
    text = text.strip()
    if len(text) > _MAX_TEXT:
        return None
    found = _parse_decimal(text) or _parse_sentence(text) or _parse_angles(text)
    if found is None or not _on_earth(found):
        return None
    return found


def _on_earth(place: Coordinates) -> bool:
    return abs(place.latitude) <= _MAX_LATITUDE and abs(place.longitude) <= _MAX_LONGITUDE


def _parse_decimal(text: str) -> Coordinates | None:
    match = _DECIMAL.fullmatch(text)
    return Coordinates(float(match[1]), float(match[2])) if match else None


def _parse_sentence(text: str) -> Coordinates | None:
    match = _SENTENCE.fullmatch(text)
    if not match:
        return None
    return Coordinates(
        _degrees(match[1], match[2], None, match[3]), _degrees(match[4], match[5], None, match[6])
    )


def _parse_angles(text: str) -> Coordinates | None:
    if match := _LETTERS_LAST.fullmatch(text):
        north, east = match.group(1, 2, 3, 4), match.group(5, 6, 7, 8)
    elif match := _LETTERS_FIRST.fullmatch(text):
        north, east = match.group(2, 3, 4, 1), match.group(6, 7, 8, 5)
    else:
        return None
    return Coordinates(_degrees(*north), _degrees(*east))


def _degrees(degrees: str, minutes: str | None, seconds: str | None, letter: str) -> float:
    size = float(degrees) + float(minutes or 0) / 60 + float(seconds or 0) / 3600
    return -size if letter in "SWsw" else size


def format_gps(place: Coordinates, form: str, precision: int) -> str:
    """Print ``place`` as decimal, degrees, sexagesimal or gga; empty for another form.

    ``precision`` is the number of digits after the point of the last part.
    """
    if form == "decimal":
        return f"{place.latitude:.{precision}f},{place.longitude:.{precision}f}"
    if form == "degrees":
        return ", ".join(f"{angle:.{precision}f}° {letter}" for angle, letter in _angles(place))
    if form == "sexagesimal":
        return ", ".join(_sexagesimal(*angle, precision) for angle in _angles(place))
    return _gga(place, precision) if form == "gga" else ""


def _angles(place: Coordinates) -> tuple[tuple[float, str], tuple[float, str]]:
    return (
        (abs(place.latitude), "S" if place.latitude < 0 else "N"),
        (abs(place.longitude), "W" if place.longitude < 0 else "E"),
    )


def _sexagesimal(angle: float, letter: str, precision: int) -> str:
    # Rounded once, in the smallest unit, so that no part can print as 60.
    minutes, seconds = divmod(round(angle * 3600, precision), 60)
    degrees, minutes = divmod(minutes, 60)
    return f"{degrees:.0f}° {minutes:.0f}' {seconds:.{precision}f}\" {letter}"


def _gga(place: Coordinates, precision: int) -> str:
    width = 3 + precision if precision else 2
    fields: list[str] = []
    for (angle, letter), digits in zip(_angles(place), (2, 3), strict=True):
        degrees, minutes = divmod(round(angle * 60, precision), 60)
        fields.append(f"{degrees:0{digits}.0f}{minutes:0{width}.{precision}f},{letter}")
    sentence = f"GPGGA,,{','.join(fields)},,,,,,,,"
    checksum = reduce(lambda sum_, character: sum_ ^ ord(character), sentence, 0)
    return f"${sentence}*{checksum:02X}"


def distance_m(start: Coordinates, end: Coordinates) -> float:
    """Return the great-circle distance in metres."""
    first, second = math.radians(start.latitude), math.radians(end.latitude)
    turn = math.radians(end.longitude - start.longitude)
    share = (
        math.sin((second - first) / 2) ** 2
        + math.cos(first) * math.cos(second) * math.sin(turn / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(share, 1)))


def is_inside(point: Coordinates, corners: Sequence[Coordinates]) -> bool:
    """Whether ``point`` lies in the polygon or on its border.

    Sides go the shorter way round the Earth, also across the antimeridian; one that spans all of
    it is that of a map.
    """
    spread = _spread(corners)
    sides = list(pairwise([*spread, spread[0]]))
    return any(
        _is_within(Coordinates(point.latitude, point.longitude + turn), sides)
        for turn in (0, -_TURN, _TURN)
    )


def _spread(corners: Sequence[Coordinates]) -> list[Coordinates]:
    """Return corners on a plane: past the antimeridian longitudes go on beyond 180."""
    spread = [corners[0]]
    turned = 0
    for before, corner in pairwise(corners):
        step = corner.longitude - before.longitude
        if _MAX_LONGITUDE < abs(step) < _TURN:
            turned += _TURN if step < 0 else -_TURN
        spread.append(Coordinates(corner.latitude, corner.longitude + turned))
    return spread


def _is_within(point: Coordinates, sides: Sequence[tuple[Coordinates, Coordinates]]) -> bool:
    if any(_on_side(point, *side) for side in sides):
        return True
    return sum(_crosses(point, *side) for side in sides) % 2 == 1


def _on_side(point: Coordinates, start: Coordinates, end: Coordinates) -> bool:
    turn = (end.longitude - start.longitude) * (point.latitude - start.latitude) - (
        end.latitude - start.latitude
    ) * (point.longitude - start.longitude)
    return turn == 0 and _between(point, start, end)


def _between(point: Coordinates, start: Coordinates, end: Coordinates) -> bool:
    low, high = sorted((start.latitude, end.latitude))
    west, east = sorted((start.longitude, end.longitude))
    return low <= point.latitude <= high and west <= point.longitude <= east


def _crosses(point: Coordinates, start: Coordinates, end: Coordinates) -> bool:
    """Whether a ray from ``point`` to the east crosses the side."""
    if (start.latitude > point.latitude) == (end.latitude > point.latitude):
        return False
    share = (point.latitude - start.latitude) / (end.latitude - start.latitude)
    return point.longitude < start.longitude + share * (end.longitude - start.longitude)
