"""Dates printed by a Moment format such as ``YYYY-MM-DD``, and told relative to another."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from drover.flows.language.dates import date_ms

Part: TypeAlias = Callable[[datetime], str]

_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_LONG_FORMS: Final = {
    "LTS": "h:mm:ss A",
    "LT": "h:mm A",
    "L": "MM/DD/YYYY",
    "LL": "MMMM D, YYYY",
    "LLL": "MMMM D, YYYY h:mm A",
    "LLLL": "dddd, MMMM D, YYYY h:mm A",
    "l": "M/D/YYYY",
    "ll": "MMM D, YYYY",
    "lll": "MMM D, YYYY h:mm A",
    "llll": "ddd, MMM D, YYYY h:mm A",
}
_LONG_FORM: Final = re.compile(r"\[[^\[]*?\]|\\?(?:LTS|LT|LL?L?L?|l{1,4})")
_TOKEN: Final = re.compile(
    r"\[(?P<quoted>[^\[\]]*)\]|\\(?P<escaped>.)|(?P<token>"
    r"Mo|MM?M?M?|Do|DDDo|DD?D?D?|ddd?d?|do|w[ow]?|W[oW]?|Qo?|Y{6}|Y{5}|YYYY|YY|Y|y{1,4}|"
    r"gggg|gg|GGGG|GG|e|E|a|A|[Hh]mm(?:ss)?|hh?|HH?|kk?|mm?|ss?|S{1,9}|x|X|zz?|ZZ?)|(?P<other>.)",
    re.DOTALL,
)
_DAYS_OF_WEEK: Final = 7
_NOON: Final = 12
_HOURS: Final = 24
_MS_DIGITS: Final = 3


def format_date(moment: datetime, pattern: str, zone: str = "UTC") -> str:
    """Print ``moment`` in ``zone`` (an IANA name; unknown ones mean UTC)."""
    local = moment.astimezone(time_zone(zone))
    return "".join([part(local) for part in _compile(pattern)])


@lru_cache(1024)
def time_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name in any case; unknown names mean UTC."""
    exact = _zone_names().get(name.lower())
    return ZoneInfo(exact) if exact and exact != "UTC" else UTC


@lru_cache(1)
def _zone_names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


@lru_cache(1024)
def _compile(pattern: str) -> tuple[Part, ...]:
    expanded = _LONG_FORM.sub(lambda found: _LONG_FORMS.get(found[0], found[0]), pattern)
    return tuple(_part(match) for match in _TOKEN.finditer(expanded))


def _part(match: re.Match[str]) -> Part:
    token = match["token"]
    if token is not None:
        return _TOKENS[token]
    text = next(part for part in match.group("quoted", "escaped", "other") if part is not None)
    return lambda _: text


def _ordinal(number: int) -> str:
    if number % 100 // 10 == 1:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def _numbers(token: str, digits: int, value: Callable[[datetime], int]) -> dict[str, Part]:
    """Return the plain token, its padded form and its ordinal form."""
    return {
        token: lambda moment: str(value(moment)),
        token * digits: lambda moment: f"{value(moment):0{digits}}",
        f"{token}o": lambda moment: _ordinal(value(moment)),
    }


def _hour_of_half(moment: datetime) -> int:
    return moment.hour % _NOON or _NOON


def _weekday(moment: datetime) -> int:
    """Return the day of the week, Sunday being 0."""
    return moment.isoweekday() % _DAYS_OF_WEEK


def _day_of_year(moment: datetime) -> int:
    return moment.timetuple().tm_yday


def _week(moment: datetime) -> tuple[int, int]:
    """Return week-year and week; weeks begin on Sunday, the first holds January 1."""
    saturday = _DAYS_OF_WEEK - 1 - _weekday(moment)
    days_left = (datetime(moment.year, 12, 31) - moment.replace(tzinfo=None)).days  # noqa: DTZ001
    if saturday > days_left + (moment.month == _NOON and moment.day == 31):  # noqa: PLR2004
        return moment.year + 1, 1
    first = _weekday(moment.replace(month=1, day=1))
    return moment.year, (_day_of_year(moment) + first - 1) // _DAYS_OF_WEEK + 1


def _offset(colon: str) -> Part:
    def part(moment: datetime) -> str:
        minutes = int((moment.utcoffset() or timedelta()).total_seconds() // 60)
        hours, rest = divmod(abs(minutes), 60)
        return f"{'-' if minutes < 0 else '+'}{hours:02}{colon}{rest:02}"

    return part


def _fraction(digits: int) -> Part:
    def part(moment: datetime) -> str:
        text = f"{moment.microsecond // 1000:03}"
        return text[:digits].ljust(digits, "0")

    return part


def _half(moment: datetime) -> str:
    return "AM" if moment.hour < _NOON else "PM"


def _zone_name(moment: datetime) -> str:
    return moment.tzname() or ""


_TOKENS: Final[dict[str, Part]] = {
    **_numbers("M", 2, lambda moment: moment.month),
    **_numbers("D", 2, lambda moment: moment.day),
    **_numbers("Q", 1, lambda moment: (moment.month + 2) // 3),
    **_numbers("w", 2, lambda moment: _week(moment)[1]),
    **_numbers("W", 2, lambda moment: moment.isocalendar().week),
    **_numbers("H", 2, lambda moment: moment.hour),
    **_numbers("h", 2, _hour_of_half),
    **_numbers("k", 2, lambda moment: moment.hour or _HOURS),
    **_numbers("m", 2, lambda moment: moment.minute),
    **_numbers("s", 2, lambda moment: moment.second),
    **_numbers("d", 1, _weekday),
    "MMM": lambda moment: _MONTHS[moment.month - 1][:3],
    "MMMM": lambda moment: _MONTHS[moment.month - 1],
    "DDD": lambda moment: str(_day_of_year(moment)),
    "DDDo": lambda moment: _ordinal(_day_of_year(moment)),
    "DDDD": lambda moment: f"{_day_of_year(moment):03}",
    "dd": lambda moment: _DAYS[_weekday(moment)][:2],
    "ddd": lambda moment: _DAYS[_weekday(moment)][:3],
    "dddd": lambda moment: _DAYS[_weekday(moment)],
    "Y": lambda moment: str(moment.year),
    "YY": lambda moment: f"{moment.year % 100:02}",
    "YYYY": lambda moment: f"{moment.year:04}",
    "YYYYY": lambda moment: f"{moment.year:05}",
    "YYYYYY": lambda moment: f"+{moment.year:06}",
    "y": lambda moment: str(moment.year),
    "yy": lambda moment: f"{moment.year:02}",
    "yyy": lambda moment: f"{moment.year:03}",
    "yyyy": lambda moment: f"{moment.year:04}",
    "gg": lambda moment: f"{_week(moment)[0] % 100:02}",
    "gggg": lambda moment: f"{_week(moment)[0]:04}",
    "GG": lambda moment: f"{moment.isocalendar().year % 100:02}",
    "GGGG": lambda moment: f"{moment.isocalendar().year:04}",
    "e": lambda moment: str(_weekday(moment)),
    "E": lambda moment: str(moment.isoweekday()),
    "a": lambda moment: _half(moment).lower(),
    "A": _half,
    "hmm": lambda moment: f"{_hour_of_half(moment)}{moment.minute:02}",
    "hmmss": lambda moment: f"{_hour_of_half(moment)}{moment.minute:02}{moment.second:02}",
    "Hmm": lambda moment: f"{moment.hour}{moment.minute:02}",
    "Hmmss": lambda moment: f"{moment.hour}{moment.minute:02}{moment.second:02}",
    **{"S" * digits: _fraction(digits) for digits in range(1, 10)},
    "x": lambda moment: str(date_ms(moment)),
    "X": lambda moment: str(date_ms(moment) // 1000),
    "z": _zone_name,
    "zz": _zone_name,
    "Z": _offset(":"),
    "ZZ": _offset(""),
}

_SPANS: Final = (
    # seconds below which the words hold, the words, seconds of one unit
    (45, "a few seconds", None),
    (90, "a minute", None),
    (45 * 60, "{} minutes", 60),
    (90 * 60, "an hour", None),
    (22 * 3600, "{} hours", 3600),
    (36 * 3600, "a day", None),
    (26 * 86400, "{} days", 86400),
    (46 * 86400, "a month", None),
    (320 * 86400, "{} months", 86400 * 146_097 / 4_800),
    (548 * 86400, "a year", None),
    (float("inf"), "{} years", 86400 * 146_097 / 400),
)


def relative_text(moment: datetime, origin: datetime) -> str:
    """Tell ``moment`` relative to ``origin``: "5 minutes ago", "in 2 hours"."""
    seconds = (date_ms(moment) - date_ms(origin)) / 1000
    words = _span(abs(seconds))
    return f"in {words}" if seconds > 0 else f"{words} ago"


def _span(seconds: float) -> str:
    words, unit = next((words, unit) for below, words, unit in _SPANS if seconds < below)
    return words.format(int(seconds / unit + 0.5)) if unit else words
