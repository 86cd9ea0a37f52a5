"""Dates read by a Moment format such as ``DD.MM.YYYY HH:mm``."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from drover.flows.language.moment import written_out
from drover.model.cron import DAYS, MONTHS

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
    "Do": r"(?P<day>\d{1,2})(?:st|nd|rd|th)",
    "DDDD": r"(?P<yearday>\d{3})",
    "DDD": r"(?P<yearday>\d{1,3})",
    "DD": r"(?P<day>\d{1,2})",
    "D": r"(?P<day>\d{1,2})",
    "dddd": r"(?P<weekday>[A-Za-z]{6,9})",
    "ddd": r"(?P<weekday>[A-Za-z]{3})",
    "GGGG": r"(?P<weekyear>\d{4})",
    "WW": r"(?P<week>\d{1,2})",
    "W": r"(?P<week>\d{1,2})",
    "E": r"(?P<dayofweek>[1-7])",
    "HH": r"(?P<hour>\d{1,2})",
    "H": r"(?P<hour>\d{1,2})",
    "hh": r"(?P<hour>\d{1,2})",
    "h": r"(?P<hour>\d{1,2})",
    "kk": r"(?P<clock>\d{1,2})",
    "k": r"(?P<clock>\d{1,2})",
    "mm": r"(?P<minute>\d{1,2})",
    "m": r"(?P<minute>\d{1,2})",
    "ss": r"(?P<second>\d{1,2})",
    "s": r"(?P<second>\d{1,2})",
    **{"S" * digits: rf"(?P<fraction>\d{{1,{digits}}})" for digits in range(1, 10)},
    "A": r"(?P<half>[AaPp][Mm])",
    "a": r"(?P<half>[AaPp][Mm])",
    "Z": r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)",
    "ZZ": r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)",
    "X": r"(?P<seconds>-?\d{1,12}(?:\.\d{1,3})?)",
    "x": r"(?P<ms>-?\d{1,15})",
}
_PART: Final = re.compile(
    r"\[(?P<quoted>[^\[\]]*)\]|(?P<token>YYYY|YY|M{1,4}|Do|D{1,4}|d{3,4}|GGGG|WW?|E|HH?|hh?|kk?"
    r"|mm?|ss?|S{1,9}|A|a|ZZ?|X|x)|(?P<other>.)",
    re.DOTALL,
)
_CENTURY: Final = 68
_HALF_DAY: Final = 12
_DAY: Final = 24


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
    parts = _PART.finditer(written_out(shape))
    try:
        return re.compile("".join(_TOKENS.get(each["token"]) or _literal(each) for each in parts))
    except re.error as error:
        raise BadFormat("The format names something twice") from error


def _literal(part: re.Match[str]) -> str:
    return re.escape(part["quoted"] if part["quoted"] is not None else part["other"])


def _date(parts: dict[str, str], zone: tzinfo) -> datetime:
    if parts.get("ms") or parts.get("seconds"):
        ms = int(parts["ms"]) if parts.get("ms") else round(float(parts["seconds"]) * 1000)
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    day = _day(parts)
    return datetime(
        day.year,
        day.month,
        day.day,
        _hour(parts),
        int(parts.get("minute") or 0),
        int(parts.get("second") or 0),
        int(parts.get("fraction", "")[:3].ljust(3, "0")) * 1000,
        _offset(parts["zone"]) if parts.get("zone") else zone,
    )


def _day(parts: dict[str, str]) -> date:
    """Return the day that is told in one of three ways; raises ValueError where there is none."""
    if parts.get("week") or parts.get("weekyear"):
        year, week = int(parts.get("weekyear") or _year(parts)), int(parts.get("week") or 1)
        found = date.fromisocalendar(year, week, int(parts.get("dayofweek") or 1))
    elif parts.get("yearday"):
        found = date(_year(parts), 1, 1) + timedelta(days=int(parts["yearday"]) - 1)
        if found.year != _year(parts):
            raise ValueError("The year has fewer days")
    else:
        found = date(_year(parts), _month(parts), int(parts.get("day") or 1))
    name = parts.get("weekday")
    if name and DAYS.index(name[:3].lower()) != found.isoweekday() % 7:
        raise ValueError("That day is another one of its week")
    return found


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
    clock = int(parts.get("clock") or 0)
    hour = int(parts.get("hour") or 0) or (0 if clock == _DAY else clock)
    half = parts.get("half", "").lower()
    if hour >= _DAY:
        raise ValueError("No clock shows that hour")
    return hour % _HALF_DAY + (_HALF_DAY if half == "pm" else 0) if half else hour


def _offset(text: str) -> timezone:
    if text in "zZ":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
