"""Dates: milliseconds since 1970 in UTC, as text, and read from text."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Final

from drover.flows.language.values import EPOCH, Value

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip

_MS_PER_DAY: Final = 86_400_000
_HALF_DAY: Final = 12

_OFFSET = r"(?P<zone>[zZ]|[+-]\d\d:?\d\d|[+-]\d\d)?"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
_ISO: Final = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?"
    rf"(?:[T ]{_CLOCK}\s?{_OFFSET})?"
)
_ISO_DAYS: Final = re.compile(r"\d{8}(?:T\d{4,6}Z?)?|\d{4}-?W\d\d(?:-?\d)?|\d{4}-\d{3}")
_HALVES = rf"(?:,?\s+{_CLOCK}(?:\s?(?P<half>[aApP][mM]))?\s*(?:GMT|UTC)?\s*{_OFFSET})?"
_SLASHES: Final = re.compile(rf"(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}})/(?P<year>\d{{4}}){_HALVES}")
_YEAR_FIRST: Final = re.compile(
    rf"(?P<year>\d{{4}})/(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}}){_HALVES}"
)
_NAMED: Final = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?(?P<name>[A-Za-z]{3,9})\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})"
    rf"{_HALVES}(?:\s*\([^)]*\))?"
)
_DIGITS: Final = re.compile(r"-?\d{9,15}")


def date_ms(moment: datetime) -> int:
    """Return whole milliseconds since 1970 in UTC."""
    since = moment - EPOCH
    return since.days * _MS_PER_DAY + since.seconds * 1000 + since.microseconds // 1000


def date_from_ms(ms: float) -> datetime | None:
    """Return the date ``ms`` milliseconds after 1970, or None outside of years 1 to 9999."""
    if not math.isfinite(ms):
        return None
    try:
        return EPOCH + timedelta(milliseconds=math.trunc(ms))
    except OverflowError:
        return None


def date_text(moment: datetime) -> str:
    """Print a date as JavaScript does in UTC."""
    moment = moment.astimezone(UTC)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return (
        f"{day} {month} {moment.day:02} {moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} "
        "GMT+0000 (Coordinated Universal Time)"
    )


def iso_text(moment: datetime) -> str:
    """Print a date as ISO text with milliseconds and ``Z``."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def to_date(value: Value) -> datetime | None:
    """Cast a date, milliseconds or text to a date; None when it is none of them."""
    kind = value.__class__
    if kind is datetime:
        return value  # type: ignore[no-any-return]
    if kind is int or kind is float:
        return date_from_ms(value)
    return parse_date(value) if kind is str else None


def parse_date(text: str) -> datetime | None:
    """Read ISO text, an e-mail date or a usual English form; without offset it is UTC."""
    text = text.strip()
    if _DIGITS.fullmatch(text):
        return date_from_ms(int(text))
    try:
        found = _parse_fields(text) or _parse_iso_days(text) or _parse_mail(text)
        return found and _whole_ms(found.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _whole_ms(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _parse_fields(text: str) -> datetime | None:
    for form in (_ISO, _SLASHES, _YEAR_FIRST, _NAMED):
        if match := form.fullmatch(text):
            return _assemble(match.groupdict())
    return None


def _assemble(fields: dict[str, str | None]) -> datetime:
    name = fields.get("name")
    month = _MONTHS.index(name[:3].title()) + 1 if name else int(fields["month"] or 1)
    day = date(int(fields["year"] or 0), month, int(fields["day"] or 1))
    at_hour = _hour(fields)
    # ISO allows 24:00 for the end of a day.
    extra, hour = divmod(at_hour, 24)
    moment = datetime(
        day.year, day.month, day.day, hour,
        int(fields["minute"] or 0), int(fields["second"] or 0),
        int((fields["fraction"] or "").ljust(6, "0")[:6]),
        _zone(fields["zone"]),
    )  # fmt: skip
    return moment + timedelta(days=extra)


def _hour(fields: dict[str, str | None]) -> int:
    hour = int(fields["hour"] or 0)
    half = fields.get("half")
    if half:
        return hour % _HALF_DAY + (_HALF_DAY if half in {"pm", "PM", "pM", "Pm"} else 0)
    if hour > 2 * _HALF_DAY:
        raise ValueError("hour out of range")
    return hour


def _zone(text: str | None) -> timezone:
    if not text or text in "zZ":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _parse_iso_days(text: str) -> datetime | None:
    if not _ISO_DAYS.fullmatch(text):
        return None
    if re.fullmatch(r"\d{4}-\d{3}", text):
        year, day = text.split("-")
        return _day_of_year(int(year), int(day))
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _day_of_year(year: int, day: int) -> datetime:
    found = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day - 1)
    if found.year != year:
        raise ValueError("day of year out of range")
    return found


def _parse_mail(text: str) -> datetime | None:
    found = parsedate_to_datetime(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
