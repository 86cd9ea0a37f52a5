"""Cron rules against a walk over every minute, across both changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drover.model.cron import ClockChange, Window, lookout_of, rule_from, rule_of, upcoming

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE_MS = 60_000
MINUTE = timedelta(minutes=1)
DAYS = 2
LIMITS = {"min": (0, 59), "hour": (0, 23), "dom": (1, 31), "month": (1, 12), "dow": (0, 7)}
WORDS = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "dow": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
# The eve of each change in UTC: an hour forth and back, half an hour, two hours, at midnight,
# the other way round in the year, a zone without any, and a day that was left out.
EVES = [
    ("Europe/Vienna", datetime(2026, 3, 28, 12, tzinfo=UTC)),
    ("Europe/Vienna", datetime(2026, 10, 24, 12, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 7, 12, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 31, 12, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 0, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 3, 28, 12, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 10, 24, 12, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 4, 4, 12, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 5, 12, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 6, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 29, 6, tzinfo=UTC)),
    ("Europe/Dublin", datetime(2026, 10, 24, 12, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 3, 28, 12, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 3, 28, 6, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 2, 14, 12, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 29, 12, tzinfo=UTC)),
]


def number(name: str, text: str) -> int:
    words = WORDS.get(name, [])
    return words.index(text) + LIMITS[name][0] if text in words else int(text)


def numbers(name: str, text: str) -> set[int]:
    least, most = LIMITS[name]
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        if span == "*":
            low, high = least, most
        elif "-" in span:
            low, high = (number(name, end) for end in span.split("-"))
            if span.endswith("-sun") and low:
                high = 7
        else:
            low = number(name, span)
            high = most if step else low
        found |= {each for each in range(low, high + 1) if (each - low) % int(step or 1) == 0}
    return {0 if name == "dow" and each == 7 else each for each in found}


def wanted(fields: dict[str, str]) -> Callable[[datetime], bool]:
    sets = {name: numbers(name, text) for name, text in fields.items()}
    both = fields["dom"].startswith("*") or fields["dow"].startswith("*")

    def wants(local: datetime) -> bool:
        if local.minute not in sets["min"] or local.hour not in sets["hour"]:
            return False
        day = local.day in sets["dom"]
        weekday = (local.weekday() + 1) % 7 in sets["dow"]
        return local.month in sets["month"] and (day and weekday if both else day or weekday)

    return wants


@cache
def walk(zone: str, start: datetime) -> list[tuple[int, datetime, bool, list[datetime]]]:
    """Return each minute of some days: its moment, local time, whether that comes again, and the
    local times that were skipped before it."""
    place, walked = ZoneInfo(zone), []
    before = (start - MINUTE).astimezone(place).replace(tzinfo=None, fold=0)
    for count in range(DAYS * 24 * 60):
        moment = start + count * MINUTE
        there = moment.astimezone(place)
        local = there.replace(tzinfo=None, fold=0)
        gap = max(0, (local - before) // MINUTE - 1)
        skipped = [before + each * MINUTE for each in range(1, gap + 1)]
        walked.append((round(moment.timestamp()) * 1000, local, there.fold == 1, skipped))
        before = local
    return walked


def by_hand(fields: dict[str, str], zone: str, start: datetime, change: ClockChange) -> list[int]:
    """Return the moments of some days, found by looking at every minute."""
    real_time = change is ClockChange.MOVED and fields["hour"] == "*"
    moved = change is ClockChange.MOVED and not real_time
    wants = wanted(fields)
    return [
        moment_ms
        for moment_ms, local, again, skipped in walk(zone, start)
        if (wants(local) and (real_time or not again)) or (moved and any(map(wants, skipped)))
    ]


def items(name: str) -> st.SearchStrategy[str]:
    least, most = LIMITS[name]
    one = st.integers(least, most)
    words = st.sampled_from(WORDS.get(name, [str(least)]))
    spans = st.tuples(one, one).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.integers(1, most + 2).map(str)
    return st.one_of(
        one.map(str),
        words,
        spans,
        st.builds("{}/{}".format, spans, steps),
        st.builds("{}/{}".format, one, steps),
        st.builds("*/{}".format, steps),
    )


def texts(name: str) -> st.SearchStrategy[str]:
    return st.one_of(
        st.just("*"), items(name), st.lists(items(name), max_size=3, min_size=1).map(",".join)
    )


HOURS = st.one_of(texts("hour"), st.sampled_from(["*", "0", "1", "2", "3", "0-3", "1,2", "*/2"]))
DAYS_OF_MONTH = st.one_of(st.just("*"), texts("dom"), st.sampled_from(["1-31", "28,29", "24-25"]))
MONTHS = st.one_of(st.just("*"), st.just("*"), texts("month"))
WEEKDAYS = st.one_of(
    st.just("*"), texts("dow"), st.sampled_from(["7", "sun", "6-7", "1-5", "fri-sun", "mon-sun/2"])
)


@pytest.mark.parametrize("change", list(ClockChange))
@settings(max_examples=300, deadline=None)
@given(
    eve=st.sampled_from(EVES),
    minute=texts("min"),
    hour=HOURS,
    dom=DAYS_OF_MONTH,
    month=MONTHS,
    dow=WEEKDAYS,
)
def test_a_rule_is_due_at_the_minutes_a_walk_finds(eve, change, minute, hour, dom, month, dow):
    fields = {"min": minute, "hour": hour, "dom": dom, "month": month, "dow": dow}
    zone, start = eve
    if dom.startswith("*") or dow.startswith("*"):
        fields["dom"] = dom if min(numbers("dom", dom)) <= 28 else "*"
    from_ms = round(start.timestamp()) * 1000
    window = Window(from_ms, from_ms + DAYS * 24 * 60 * MINUTE_MS - 1)

    found = upcoming(rule_from(fields, change), zone, window, 10_000)

    assert found == by_hand(fields, zone, start, change)


@pytest.mark.parametrize("change", list(ClockChange))
@settings(deadline=None)
@given(
    eve=st.sampled_from(EVES),
    minute=texts("min"),
    hour=HOURS,
    after=st.integers(0, DAYS * 24 * 60 * MINUTE_MS),
)
def test_going_on_from_any_moment_finds_the_same_ones(eve, change, minute, hour, after):
    zone, start = eve
    from_ms = round(start.timestamp()) * 1000
    end_ms = from_ms + DAYS * 24 * 60 * MINUTE_MS
    rule = rule_of(f"{minute} {hour} * * *", change)

    from_the_start = upcoming(rule, zone, Window(from_ms, end_ms), 10_000)
    going_on = upcoming(rule, zone, Window(from_ms + after, end_ms), 10_000)

    assert going_on == [each for each in from_the_start if each >= from_ms + after]


@settings(deadline=None)
@given(
    eve=st.sampled_from(EVES),
    minute=texts("min"),
    hour=HOURS,
    change=st.sampled_from(list(ClockChange)),
)
def test_a_lookout_is_due_whenever_a_rule_is_in_any_zone(eve, minute, hour, change):
    zone, start = eve
    from_ms = round(start.timestamp()) * 1000
    window = Window(from_ms, from_ms + DAYS * 24 * 60 * MINUTE_MS)
    rule = rule_of(f"{minute} {hour} * * *", change)

    looks = upcoming(lookout_of(rule), "UTC", window, 10_000)

    assert set(upcoming(rule, zone, window, 10_000)) <= set(looks)
    assert len(looks) <= (DAYS * 96 + 1) * (1 + len(numbers("min", minute)))
