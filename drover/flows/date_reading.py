"""Dates read by a Moment format such as ``DD.MM.YYYY HH:mm``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from drover.model.cron import MONTHS

if TYPE_CHECKING:
    from datetime import tzinfo

LONGEST: Final = 200
"""Characters of a format, or of a text that is read by one."""


_TOKENS: Final = {
    "YYYY": r"(?P<year>\d{4})",
    "YY": r"(?P<short>\d{2})",
    "MMMM": r"(?P<name>[A-Za-z]{3,9})",
    "MMM": r"(?P<name>[A-Za-z]{3,9})",
    "MM": r"(?P<month>\d{1,2})",
    "M": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{1,2})",
    "D": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{1,2})",
    "H": r"(?P<hour>\d{1,2})",
    "hh": r"(?P<hour>\d{1,2})",
    "h": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{1,2})",
    "m": r"(?P<minute>\d{1,2})",
    "ss": r"(?P<second>\d{1,2})",
    "s": r"(?P<second>\d{1,2})",
    "SSS": r"(?P<fraction>\d{1,3})",
    "A": r"(?P<half>[AaPp][Mm])",
    "a": r"(?P<half>[AaPp][Mm])",
    "Z": r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)",
    "ZZ": r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)",
    "X": r"(?P<seconds>-?\d{1,12}(?:\.\d{1,3})?)",
    "x": r"(?P<ms>-?\d{1,15})",
}
_PART: Final = re.compile(
    r"\[(?P<quoted>[^\[\]]*)\]|(?P<token>YYYY|YY|M{1,4}|DD?|HH?|hh?|mm?|ss?|SSS|A|a|ZZ?|X|x)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_CENTURY: Final = 68
_HALF_DAY: Final = 12


class BadFormat(ValueError):
    """The format names something twice, or is too long."""


def read_date(text: str, shape: str, zone: tzinfo) -> datetime | None:
    """Return the date of a text, in a zone unless it tells its own; None for another text.

    Raises BadFormat.
    """
    pattern = _pattern(shape)
    found = pattern.fullmatch(text.strip()) if len(text) <= LONGEST else None
    if found is None:
        return None
    try:
        return _date({name: value or "" for name, value in found.groupdict().items()}, zone)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=256)
def _pattern(shape: str) -> re.Pattern[str]:
    if len(shape) > LONGEST:
        raise BadFormat(f"A format has at most {LONGEST} characters")
    parts = [_TOKENS.get(each["token"]) or _literal(each) for each in _PART.finditer(shape)]
    try:
        return re.compile("".join(parts))
    except re.error as error:
        raise BadFormat("The format names something twice") from error


def _literal(part: re.Match[str]) -> str:
    return re.escape(part["quoted"] if part["quoted"] is not None else part["other"])


def _date(parts: dict[str, str], zone: tzinfo) -> datetime:
    if parts.get("ms") or parts.get("seconds"):
        ms = int(parts["ms"]) if parts.get("ms") else round(float(parts["seconds"]) * 1000)
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return datetime(
        _year(parts),
        _month(parts),
        int(parts.get("day") or 1),
        _hour(parts),
        int(parts.get("minute") or 0),
        int(parts.get("second") or 0),
        int(parts.get("fraction", "").ljust(3, "0")) * 1000,
        _offset(parts["zone"]) if parts.get("zone") else zone,
    )


def _year(parts: dict[str, str]) -> int:
    if parts.get("short"):
        short = int(parts["short"])
        return short + (2000 if short <= _CENTURY else 1900)
    return int(parts.get("year") or 1970)


def _month(parts: dict[str, str]) -> int:
    if parts.get("name"):
        return MONTHS.index(parts["name"][:3].lower()) + 1
    return int(parts.get("month") or 1)


def _hour(parts: dict[str, str]) -> int:
    hour = int(parts.get("hour") or 0)
    half = parts.get("half", "").lower()
    return hour % _HALF_DAY + (_HALF_DAY if half == "pm" else 0) if half else hour


def _offset(text: str) -> timezone:
    if text in "zZ":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
