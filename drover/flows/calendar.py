"""Calendar arithmetic on local times, as the library Moment does it (months count from 0)."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

UNITS: Final = (
    "year",
    "quarter",
    "month",
    "week",
    "dayOfYear",
    "day",
    "dayOfWeek",
    "hour",
    "minute",
    "second",
    "millisecond",
)
_MONTHS: Final = {"year": 12, "quarter": 3, "month": 1}
_DAYS: Final = {"week": 7, "day": 1, "dayOfYear": 1, "dayOfWeek": 1}
_MILLISECONDS: Final = {"hour": 3_600_000, "minute": 60_000, "second": 1000, "millisecond": 1}
_WEEK: Final = 7
_YEAR: Final = 12


def shifted(moment: datetime, amount: float, unit: str) -> datetime:
    """Return a moment so much later: days and longer keep the local time of day.

    Raises OverflowError, ValueError outside of years 1 to 9999.
    """
    if unit in _MILLISECONDS:
        later = timedelta(milliseconds=amount * _MILLISECONDS[unit])
        return (moment.astimezone(UTC) + later).astimezone(moment.tzinfo)
    if unit in _DAYS:
        return on_the_clock(moment + timedelta(days=round(amount * _DAYS[unit])))
    return on_the_clock(_months_later(moment, round(amount * _MONTHS[unit])))


def on_the_clock(moment: datetime) -> datetime:
    """Return a moment as clocks show it: a time that they skip is as much later as they skip."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo)


def part(moment: datetime, unit: str) -> int:
    """Return a part of a moment; weeks begin on Sunday, which is 0, and months at 0."""
    return _PARTS[unit](moment)


def with_part(moment: datetime, unit: str, value: int) -> datetime:
    """Return a moment with a part set; a value beyond the part's range carries over."""
    steps = value - part(moment, unit)
    if unit == "hour" and steps:  # that the clock shows, however long the day is
        return on_the_clock(moment + timedelta(hours=steps))
    return shifted(moment, steps, unit)


def start_of(moment: datetime, unit: str) -> datetime:
    """Return the beginning of the year, month, week, day and so on that a moment is in."""
    if unit in _MILLISECONDS:
        since = moment.replace(tzinfo=None) - datetime.min  # noqa: DTZ901 - as the clock shows
        past = since % timedelta(milliseconds=_MILLISECONDS[unit])
        return (moment.astimezone(UTC) - past).astimezone(moment.tzinfo)
    return on_the_clock(_start_of_day(moment.replace(fold=0), unit))


def _start_of_day(moment: datetime, unit: str) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit in ("day", "dayOfYear", "dayOfWeek"):
        return day
    if unit == "week":
        return day - timedelta(days=day.isoweekday() % _WEEK)
    months = _MONTHS[unit]
    return day.replace(day=1, month=(day.month - 1) // months * months + 1)


def days_in_month(moment: datetime) -> int:
    """Return how many days the month of a moment has."""
    return monthrange(moment.year, moment.month)[1]


def _months_later(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, _YEAR)
    year = moment.year + years
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _week(moment: datetime) -> int:
    first = moment.replace(month=1, day=1).isoweekday() % _WEEK
    last = moment.replace(month=12, day=31).isoweekday() % _WEEK
    yday = moment.timetuple().tm_yday
    days = 366 if monthrange(moment.year, 2)[1] == 29 else 365  # noqa: PLR2004 - February
    if days - yday < last + 1 and last < _WEEK - 1:
        return 1
    return (yday + first - 1) // _WEEK + 1


_PARTS: Final[dict[str, Callable[[datetime], int]]] = {
    "year": lambda moment: moment.year,
    "quarter": lambda moment: (moment.month + 2) // 3,
    "month": lambda moment: moment.month - 1,
    "week": _week,
    "dayOfYear": lambda moment: moment.timetuple().tm_yday,
    "day": lambda moment: moment.day,
    "dayOfWeek": lambda moment: moment.isoweekday() % _WEEK,
    "hour": lambda moment: moment.hour,
    "minute": lambda moment: moment.minute,
    "second": lambda moment: moment.second,
    "millisecond": lambda moment: moment.microsecond // 1000,
}


def taken_apart(moment: datetime) -> dict[str, int]:
    """Return the parts of a moment by the names that Moment gives them, the longest first."""
    return {
        "years": moment.year,
        "months": moment.month - 1,
        "date": moment.day,
        "hours": moment.hour,
        "minutes": moment.minute,
        "seconds": moment.second,
        "milliseconds": moment.microsecond // 1000,
    }
