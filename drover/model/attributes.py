"""Values that devices report, brought to the type of their attribute."""

from __future__ import annotations

import math
import re
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_VALUE: Final = 65_536
"""Bytes of a text value."""

LONGEST_BLOB: Final = 262_144
"""Bytes of a blob: as many as a device can say at once."""

_LATITUDE: Final = 90.0
_LONGITUDE: Final = 180.0
_MINUTES: Final = 60.0
_SECONDS: Final = 3600.0

_DECIMAL_NUMBER: Final = re.compile(
    r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?\s*", re.IGNORECASE | re.ASCII
)
_DECIMAL: Final = re.compile(
    r"\s*([+-]?\d{1,3}(?:\.\d{1,20})?)\s*,\s*([+-]?\d{1,3}(?:\.\d{1,20})?)\s*", re.ASCII
)
# Degrees, minutes and seconds with their signs (also the typographic ones) or letters, and a side.
_ANGLE: Final = (
    r"\s*(\d{1,3})\s*[°d]\s*(\d{1,2})\s*['\u2032m]\s*(\d{1,2}(?:\.\d{1,10})?)"
    "\\s*(?:\"|\\u2033|''|s)?\\s*"
)
_SEXAGESIMAL: Final = re.compile(rf"{_ANGLE}([NS])[,\s]*{_ANGLE}([EW])\s*", re.IGNORECASE)
_NMEA: Final = re.compile(
    r"\s*\$?G[A-Z](?:GLL,|GGA,[\d.]{0,20},)"
    r"(\d{2})(\d{2}(?:\.\d{1,10})?),([NS]),(\d{3})(\d{2}(?:\.\d{1,10})?),([EW])(?:,.{0,200})?\s*"
)
_YES: Final = frozenset({"true", "1", "yes", "on"})
_NO: Final = frozenset({"false", "0", "no", "off", ""})


def coerce(data_type: str, value: Any) -> str | bool | int | float | None:
    """Return a reported value as its attribute's type, None when it cannot be one.

    Losant-compatible behaviour, section 6.
    """
    return _COERCIONS[data_type](value) if isinstance(value, _PLAIN) else None


def _string(value: Any, longest: int = LONGEST_VALUE) -> str | None:
    text = value if isinstance(value, str) else _plain(value)
    return text if len(text.encode("utf-8", "replace")) <= longest else None


def _plain(value: float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else repr(value)


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return _number_in(value)
    if abs(value) > sys.float_info.max:
        return None
    # Numbers are those of JavaScript: whole ones beyond its exact range lose their last digits.
    return float(value) if abs(value) > _EXACT else value


def _number_in(text: str) -> int | float | None:
    if len(text) > _LONGEST_NUMBER or not _DECIMAL_NUMBER.fullmatch(text):
        return None
    number = float(text)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _boolean(value: Any) -> bool | None:
    if not isinstance(value, str):
        return bool(value)
    word = value.strip().lower()
    return True if word in _YES else False if word in _NO else None


def _gps(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    if found := _DECIMAL.fullmatch(value):
        return _position(float(found[1]), float(found[2]))
    if found := _SEXAGESIMAL.fullmatch(value):
        latitude = _degrees(found[1], found[2], found[3], found[4])
        return _position(latitude, _degrees(found[5], found[6], found[7], found[8]))
    if found := _NMEA.fullmatch(value):
        latitude = _degrees(found[1], found[2], "0", found[3])
        return _position(latitude, _degrees(found[4], found[5], "0", found[6]))
    return None


def _degrees(degrees: str, minutes: str, seconds: str, side: str) -> float:
    size = float(degrees) + float(minutes) / _MINUTES + float(seconds) / _SECONDS
    return -size if side.upper() in {"S", "W"} else size


def _position(latitude: float, longitude: float) -> str | None:
    if abs(latitude) > _LATITUDE or abs(longitude) > _LONGITUDE:
        return None
    return f"{_rounded(latitude)},{_rounded(longitude)}"


def _rounded(degrees: float) -> str:
    return f"{degrees:.8f}".rstrip("0").rstrip(".") or "0"


_PLAIN: Final = (str, bool, int, float)
_LONGEST_NUMBER: Final = 400
_EXACT: Final = 2**53
_WHOLE: Final = 1e21
"""From here on numbers are written with an exponent, as in JavaScript."""

_COERCIONS: Final[Mapping[str, Callable[[Any], str | bool | int | float | None]]] = {
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "gps": _gps,
    "blob": partial(_string, longest=LONGEST_BLOB),
}
