"""Dates as people, mails and browsers write them: ``Sun, 22 Nov 2026 10:00:00 GMT`` and the like.

The forms beside ISO 8601 that ``Date.parse`` of JavaScript takes in practice, also those that C
and ``date`` write. Without a zone UTC is meant.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAY: Final = r"(?:[a-z]{3,9}\.?,? )?"
_MONTH: Final = r"(?P<name>[a-z]{3,9})\.?"
_FORMS: Final = (
    rf"{_DAY}{_MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})",
    rf"{_DAY}(?P<day>\d{{1,2}})[ -]{_MONTH}[ -](?P<year>\d{{4}})",
    r"(?P<month>\d{1,2})(?P<mark>[-/.])(?P<day>\d{1,2})(?P=mark)(?P<year>\d{4})",
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
    r"(?P<year>\d{4})-(?P<month>\d\d)",
)
_OF_CLOCKS: Final = rf"{_DAY}{_MONTH} (?P<day>\d{{1,2}})", r" (?P<year>\d{4})"
"""What stands before and behind the time where the year comes last."""
_CLOCK: Final = (
    r"(?:(?:,? |t)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<part>\d{1,9}))?)?"
    r"(?: ?(?P<half>[ap])m)?)?"
)
_WEST: Final = {
    **dict.fromkeys(("z", "ut", "utc", "gmt"), 0),
    "edt": 4,
    "est": 5,
    "cdt": 5,
    "cst": 6,
    "mdt": 6,
    "mst": 7,
    "pdt": 7,
    "pst": 8,
}
"""Zones that mails name (RFC 2822), in hours west of Greenwich."""
_ZONE: Final = (
    rf"(?: ?(?P<zone>{'|'.join(_WEST)}))?"
    r"(?: ?(?P<side>[+-])(?P<off>\d{1,2})(?::?(?P<set>\d\d))?)?(?: \([^()]*\))?"
)
_PATTERNS: Final = tuple(
    re.compile(before + _CLOCK + _ZONE + behind, re.IGNORECASE | re.ASCII)
    for before, behind in (*((form, "") for form in _FORMS), _OF_CLOCKS)
)
_LONGEST: Final = 100
_NOON: Final = 12


def date_in(text: str) -> datetime | None:
    """Return the moment that a text tells; None for one that tells none."""
    if len(text) > _LONGEST:
        return None
    plain = " ".join(text.split())
    for pattern in _PATTERNS:
        if found := pattern.fullmatch(plain):
            return _moment(found.groupdict())
    return None


def _moment(given: dict[str, str | None]) -> datetime | None:
    """Return the moment of a date's parts; None where there is no such day, hour or zone."""
    try:
        moment = datetime(
            int(given["year"] or 0),
            _month(given),
            int(given.get("day") or 1),
            _hour(given),
            int(given["minute"] or 0),
            int(given["second"] or 0),
            int((given["part"] or "").ljust(6, "0")[:6]),
            _zone(given),
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _month(given: dict[str, str | None]) -> int:
    """Return the month, 0 for a word that is none."""
    if number := given.get("month"):
        return int(number)
    word = (given["name"] or "").lower()
    return next((at for at, name in enumerate(_MONTHS, 1) if name.startswith(word)), 0)


def _hour(given: dict[str, str | None]) -> int:
    hour, half = int(given["hour"] or 0), given["half"]
    if half is None:
        return hour
    if not 1 <= hour <= _NOON:
        raise ValueError(hour)
    return hour % _NOON + (_NOON if half in "pP" else 0)


def _zone(given: dict[str, str | None]) -> timezone:
    east = timedelta(hours=int(given["off"] or 0), minutes=int(given["set"] or 0))
    west = timedelta(hours=_WEST[(given["zone"] or "z").lower()])
    return timezone((-east if given["side"] == "-" else east) - west)
