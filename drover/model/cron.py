"""Cron rules: read, checked, and when they are due in a time zone.

The searching is ``cronsim``'s, over local times; what a change of the clock does to them is decided
here. A rule is given as one text of five or six fields, or as the named fields of a template.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice, takewhile
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_RULE: Final = 255
"""Characters of a rule, and of one of its fields."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = (datetime(9900, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_LONGEST_STEP: Final = 9
_QUARTER: Final = 15
_EXCERPT: Final = 40
_NAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
)
_LONGEST_MONTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NOT_PLACES: Final = frozenset({"localtime", "Factory"})


class ClockChange(StrEnum):
    """What becomes of local times that a change of the clock skips or repeats."""

    MOVED = "moved"
    """A skipped time is due at the jump, a repeated one once; every-hour rules keep real time."""
    DROPPED = "dropped"
    """A skipped minute is not due, a repeated one once (TMM-compatible behaviour, section 5)."""


class _Part(NamedTuple):
    """One field of a rule: its name in a template, and what may stand in it."""

    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()

    def number(self, text: str) -> int | None:
        """Return the number that a text or a name of this field means; None for others."""
        if text in self.words:
            return self.words.index(text) + self.least
        if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_STEP):
            return None
        return int(text) if self.least <= int(text) <= self.most else None

    def last(self, text: str, first: int | None) -> int | None:
        """Return the number that ends a range: a name that begins the week ends it as well."""
        number = self.number(text)
        wraps = bool(first) and number == 0 and text in self.words
        return self.most if wraps else number


MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
"""The months by their first three letters, January first."""

DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SECOND: Final = _Part("sec", 0, 59)
_PARTS: Final = (
    _Part("min", 0, 59),
    _Part("hour", 0, 23),
    _Part("dom", 1, 31),
    _Part("month", 1, 12, MONTHS),
    _Part("dow", 0, 7, DAYS),
)
_LEFT_OUT: Final[Mapping[str, str]] = MappingProxyType({"min": "0"})

FIELDS: Final = tuple(part.name for part in _PARTS)
"""The names of a rule's fields where they are given one by one: min, hour, dom, month, dow."""


@dataclass(frozen=True, slots=True)
class CronRule:
    """A rule that was read: five or six fields of numbers, and what clock changes do to it."""

    text: str
    change: ClockChange = ClockChange.MOVED

    @property
    def keeps_real_time(self) -> bool:
        """Whether it is due in every hour that passes, whatever the clock calls it."""
        return self.change is ClockChange.MOVED and self.text.split()[-4] == "*"


class Window(NamedTuple):
    """From when until when something may be due, both inclusive; no end means for ever."""

    from_ms: int
    to_ms: int | None = None


@lru_cache(maxsize=4096)
def rule_of(text: str, change: ClockChange = ClockChange.MOVED) -> CronRule:
    """Return the rule of a text of five fields, six with seconds first, or a name (``@daily``).

    Raises Invalid for the field ``cron``, saying which part is wrong.
    """
    words = _NAMED.get(text.strip().lower(), text).lower().split()
    if len(words) not in {len(_PARTS), len(_PARTS) + 1} or len(text) > LONGEST_RULE:
        raise Invalid(f"'{_short(text)}' is not a cron rule of five or six fields", field="cron")
    parts = _PARTS if len(words) == len(_PARTS) else (_SECOND, *_PARTS)
    return _rule([_field(*each, "cron") for each in zip(parts, words, strict=True)], change, "cron")


def rule_from(fields: Mapping[str, str], change: ClockChange = ClockChange.DROPPED) -> CronRule:
    """Return the rule of named fields; left out or blank, ``min`` is 0 and the others ``*``.

    Names that are no field of a rule are not looked at. Raises Invalid naming the wrong field.
    """
    given = [(part, fields.get(part.name, "").strip().lower()) for part in _PARTS]
    texts = [_field(part, word or _LEFT_OUT.get(part.name, "*"), part.name) for part, word in given]
    return _rule(texts, change, "dom")


def lookout_of(rule: CronRule) -> CronRule:
    """Return a rule that is due, in UTC, whenever the given one is due in any zone.

    Zones differ from UTC by whole quarters of an hour, and put their clocks forward at such.
    """
    minutes = {minute % _QUARTER for minute in _numbers(rule.text.split()[-5], _PARTS[0])}
    if rule.change is ClockChange.MOVED:
        minutes.add(0)
    every = sorted(minute + quarter for minute in minutes for quarter in range(0, 60, _QUARTER))
    return CronRule(f"{','.join(map(str, every))} * * * *")


@lru_cache(maxsize=16_384)
def next_after(rule: CronRule, tz: str, after_ms: int) -> int | None:
    """Return the first moment later than ``after_ms`` that a rule is due at; None without one.

    Moments are milliseconds since 1970. Raises Invalid for an unknown zone. Answers are kept: of
    many schedules that are due together most have one rule and zone.
    """
    return next(moments(rule, tz, after_ms), None)


def upcoming(rule: CronRule, tz: str, window: Window, count: int) -> list[int]:
    """Return the first ``count`` moments of a window that a rule is due at, in milliseconds.

    Raises Invalid for an unknown zone.
    """
    last_ms = _LATEST if window.to_ms is None else window.to_ms
    found = takewhile(lambda each: each <= last_ms, moments(rule, tz, window.from_ms - 1))
    return list(islice(found, count))


def moments(rule: CronRule, tz: str, after_ms: int) -> Iterator[int]:
    """Yield the moments later than ``after_ms`` that a rule is due at, in order.

    Nothing is due before 1970 or after the year 9900. Raises Invalid for an unknown zone.
    """
    place = zone_of(tz)
    if after_ms >= _LATEST:
        return
    last_ms = max(after_ms, -1)
    start = (_EPOCH + timedelta(milliseconds=last_ms)).astimezone(place)
    for moment_ms in _mapped(rule, place, start.replace(tzinfo=None) - _repeated(start)):
        if moment_ms > last_ms:
            yield moment_ms
            last_ms = moment_ms


@lru_cache(maxsize=1024)
def zone_of(tz: str) -> ZoneInfo:
    """Return a time zone by its IANA name; raises Invalid for the field ``tz``.

    The name is looked up among the known ones first: it never becomes a path of its own.
    """
    if tz not in known_zones():
        raise Invalid(f"'{_short(tz)}' is not a time zone", field="tz")
    return ZoneInfo(tz)


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    """Return the IANA names of all time zones."""
    return frozenset(available_timezones() - _NOT_PLACES)


def _mapped(rule: CronRule, place: ZoneInfo, start: datetime) -> Iterator[int]:
    """Yield the moments of the local times of a rule after a local time; some may come twice."""
    again: list[int] = []
    for local in CronSim(rule.text, start):
        first_ms = _ms(local.replace(tzinfo=place))
        second_ms = _ms(local.replace(tzinfo=place, fold=1))
        if second_ms > first_ms and rule.keeps_real_time:
            again.append(second_ms)
        else:
            yield from again
            again.clear()
        if second_ms >= first_ms:
            yield first_ms
        elif rule.change is ClockChange.MOVED and not rule.keeps_real_time:
            yield _jump_ms(place, second_ms, first_ms)


def _jump_ms(place: ZoneInfo, before_ms: int, after_ms: int) -> int:
    """Return the moment between two at which the clock of a place is put forward."""
    old = _local(place, before_ms).utcoffset()
    while after_ms - before_ms > 1:
        middle_ms = (before_ms + after_ms) // 2
        if _local(place, middle_ms).utcoffset() == old:
            before_ms = middle_ms
        else:
            after_ms = middle_ms
    return after_ms


def _repeated(moment: datetime) -> timedelta:
    """Return how much of the local time around a moment comes twice."""
    first, second = moment.replace(fold=0).utcoffset(), moment.replace(fold=1).utcoffset()
    return max(timedelta(), (first or timedelta()) - (second or timedelta()))


def _local(place: ZoneInfo, moment_ms: int) -> datetime:
    return (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(place)


def _ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def _rule(texts: list[str], change: ClockChange, field: str) -> CronRule:
    """Return a rule of checked fields; raises Invalid where no year has such a day."""
    days, months, weekdays = texts[-3:]
    both_count = days.startswith("*") or weekdays.startswith("*")
    longest = max(_LONGEST_MONTHS[month - 1] for month in _numbers(months, _PARTS[3]))
    if both_count and min(_numbers(days, _PARTS[2])) > longest:
        raise Invalid("No month of the rule has such a day: it would never be due", field=field)
    return CronRule(" ".join(texts), change)


def _numbers(text: str, part: _Part) -> set[int]:
    """Return the numbers that a checked field stands for."""
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        ends = (part.least, part.most) if span == "*" else (int(first), int(last or first))
        found.update(range(ends[0], ends[1] + 1, int(step or 1)))
    return found


def _field(part: _Part, text: str, field: str) -> str:
    """Return a field with numbers in place of names; raises Invalid."""
    if len(text) > LONGEST_RULE:
        raise _wrong(part, text, field)
    return ",".join(_item(part, item, field) for item in text.split(","))


def _item(part: _Part, text: str, field: str) -> str:
    """Return one item of a field's list as ``*``, ``a`` or ``a-b``, with ``/n`` where it steps."""
    span, slash, step = text.partition("/")
    if slash and not _is_step(step):
        raise _wrong(part, text, field)
    if span == "*":
        return f"*/{int(step)}" if slash else "*"
    low, dash, high = span.partition("-")
    first = part.number(low)
    last = part.last(high, first) if dash else part.most if slash else first
    if first is None or last is None or last < first:
        raise _wrong(part, text, field)
    if first == last:
        return str(first)
    return f"{first}-{last}/{int(step)}" if slash else f"{first}-{last}"


def _is_step(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_STEP and int(text) > 0


def _wrong(part: _Part, text: str, field: str) -> Invalid:
    words = f" or {part.words[0]} to {part.words[-1]}" if part.words else ""
    message = f"'{_short(text)}' is not of {part.least} to {part.most}{words} in `{part.name}`"
    return Invalid(message, field=field)


def _short(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"
