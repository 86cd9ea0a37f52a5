"""Dates printed by a Moment format such as ``YYYY-MM-DD``, and told relative to another."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from drover.flows.language.arithmetic import round_half_up
from drover.flows.language.dates import date_ms
from drover.flows.language.limits import MAX_PATTERN

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
    r"Mo|MM?M?M?|Do|DDDo|DD?D?D?|ddd?d?|do?|w[ow]?|W[oW]?|Qo?|Y{6}|Y{5}|YYYY|YY|Y|yo|y{1,4}|"
    r"ggggg?|gg|GGGGG?|GG|e|E|a|A|[Hh]mm(?:ss)?|hh?|HH?|kk?|mm?|ss?|S{1,9}|x|X|zz?|ZZ?)|(?P<other>.)",
    re.DOTALL,
)
_DAYS_OF_WEEK: Final = 7
_NOON: Final = 12
_HOURS: Final = 24
_MONTHS_PER_YEAR: Final = 12


def format_date(moment: datetime, pattern: str, zone: str = "UTC") -> str:
    """Print ``moment`` in ``zone`` (an IANA name; unknown ones mean UTC).

    A pattern longer than any format prints as it is.
    """
    if len(pattern) > MAX_PATTERN:
        return pattern
    local = _in_zone(moment, zone)
    return "".join([part(local) for part in _compile(pattern)])


def _in_zone(moment: datetime, zone: str) -> datetime:
    try:
        return moment.astimezone(time_zone(zone))
    except OverflowError:
        # Within hours of the year 1 or 9999 the local time would be out of range.
        return moment.astimezone(UTC)


def time_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name in any case; unknown names mean UTC."""
    exact = _zone_names().get(name.lower())
    return ZoneInfo(exact) if exact and exact != "UTC" else UTC


@lru_cache(1)
def _zone_names() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


@lru_cache(1024)
def _compile(pattern: str) -> tuple[Part, ...]:
    return tuple(_part(match) for match in _TOKEN.finditer(written_out(pattern)))


def written_out(pattern: str) -> str:
    """Return the pattern with ``L``, ``LTS`` and the other long forms replaced by their tokens."""
    return _LONG_FORM.sub(lambda found: _LONG_FORMS.get(found[0], found[0]), pattern)


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
    until_saturday = _DAYS_OF_WEEK - 1 - _weekday(moment)
    days_left = _day_of_year(moment.replace(month=12, day=31)) - _day_of_year(moment)
    if until_saturday > days_left:
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
    "yo": lambda moment: _ordinal(moment.year),
    "yy": lambda moment: f"{moment.year:02}",
    "yyy": lambda moment: f"{moment.year:03}",
    "yyyy": lambda moment: f"{moment.year:04}",
    "gg": lambda moment: f"{_week(moment)[0] % 100:02}",
    "gggg": lambda moment: f"{_week(moment)[0]:04}",
    "ggggg": lambda moment: f"{_week(moment)[0]:05}",
    "GG": lambda moment: f"{moment.isocalendar().year % 100:02}",
    "GGGG": lambda moment: f"{moment.isocalendar().year:04}",
    "GGGGG": lambda moment: f"{moment.isocalendar().year:05}",
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


_MS_PER_DAY: Final = 86_400_000
_DAYS_PER_MONTH: Final = 146_097 / 4_800
"""The mean over the 400 years after which the calendar repeats."""

_SPANS: Final = (
    # units in a day, below how many of them the words hold, the words
    (86_400, 45, "a few seconds"),
    (1_440, 2, "a minute"),
    (1_440, 45, "{} minutes"),
    (24, 2, "an hour"),
    (24, 22, "{} hours"),
    (1, 2, "a day"),
    (1, 26, "{} days"),
)
_LONG_SPANS: Final = (
    # months in the unit, below how many of them the words hold, the words
    (1, 2, "a month"),
    (1, 11, "{} months"),
    (12, 2, "a year"),
)


def relative_text(moment: datetime, origin: datetime) -> str:
    """Tell ``moment`` relative to ``origin``: "5 minutes ago", "in 2 hours"."""
    if moment > origin:
        return f"in {_span(origin, moment)}"
    return f"{_span(moment, origin)} ago"


def _span(start: datetime, end: datetime) -> str:
    months = _whole_months(start, end)
    rest = (date_ms(end) - date_ms(_months_later(start, months))) / _MS_PER_DAY
    days = round_half_up(months * _DAYS_PER_MONTH) + rest
    for per_day, limit, words in _SPANS:
        count = round_half_up(days * per_day)
        if count < limit:
            return words.format(count)
    exact_months = months + rest / _DAYS_PER_MONTH
    for in_unit, limit, words in _LONG_SPANS:
        count = round_half_up(exact_months / in_unit)
        if count < limit:
            return words.format(count)
    return f"{round_half_up(exact_months / _MONTHS_PER_YEAR)} years"


def _whole_months(start: datetime, end: datetime) -> int:
    """Return how many whole calendar months lie between two dates in order."""
    months = (end.year - start.year) * _MONTHS_PER_YEAR + end.month - start.month
    return months - (_months_later(start, months) > end)


def _months_later(moment: datetime, months: int) -> datetime:
    """Return the same day of a later month, or that month's last day."""
    years, month = divmod(moment.month - 1 + months, _MONTHS_PER_YEAR)
    year = moment.year + years
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
