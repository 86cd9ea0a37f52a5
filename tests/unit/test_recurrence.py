"""When something recurs: first, again, and after a time in which nobody looked."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.model.cron import ClockChange
from drover.model.errors import Invalid
from drover.model.schedule import Recurrence, Turn, next_interval_ms

MINUTE = 60_000
HOUR = 60 * MINUTE
EACH_MINUTE = Recurrence(cron="* * * * *")


@pytest.mark.parametrize(
    ("recurrence", "expected"),
    [
        (EACH_MINUTE, 120_000),
        (Recurrence(cron="* * * * *", starts_ms=130_000), 180_000),
        (Recurrence(cron="* * * * *", starts_ms=180_000), 180_000),
        (Recurrence(cron="* * * * *", starts_ms=5), 120_000),
        (Recurrence(cron="* * * * *", ends_ms=120_000), 120_000),
        (Recurrence(cron="* * * * *", ends_ms=119_999), None),
        (Recurrence(seconds=10), 130_000),
        (Recurrence(seconds=10, starts_ms=125_000), 125_000),
        (Recurrence(seconds=10, starts_ms=120_000), 120_000),
        (Recurrence(seconds=10, starts_ms=3_000), 123_000),
        (Recurrence(seconds=10, ends_ms=129_999), None),
        (Recurrence(seconds=10, starts_ms=125_000, ends_ms=124_999), None),
        (Recurrence(), None),
    ],
)
def test_when_something_is_due_first_counted_from_two_minutes(recurrence, expected):
    assert recurrence.first_ms(120_000) == expected


@pytest.mark.parametrize(
    ("recurrence", "due", "now", "expected"),
    [
        (EACH_MINUTE, MINUTE, MINUTE, Turn(MINUTE, 2 * MINUTE)),
        (EACH_MINUTE, MINUTE, 2 * MINUTE - 1, Turn(MINUTE, 2 * MINUTE)),
        (EACH_MINUTE, MINUTE, 30 * MINUTE + 5, Turn(30 * MINUTE, 31 * MINUTE)),
        (Recurrence(cron="0 * * * *"), HOUR, 2 * HOUR - 1, Turn(HOUR, 2 * HOUR)),
        (Recurrence(cron="0 0 * * *"), 0, HOUR, Turn(0, 24 * HOUR)),
        (Recurrence(cron="0 0 * * *"), 0, HOUR + 1, Turn(None, 24 * HOUR)),
        (Recurrence(cron="0 */2 * * *"), 0, 7 * HOUR + 1, Turn(None, 8 * HOUR)),
        (Recurrence(cron="0 */2 * * *"), 0, 6 * HOUR + 1, Turn(6 * HOUR, 8 * HOUR)),
        (Recurrence(cron="0 */2 * * *"), 0, 7 * HOUR, Turn(6 * HOUR, 8 * HOUR)),
        (Recurrence(seconds=60), 5, 150_005, Turn(120_005, 180_005)),
        (Recurrence(cron="* * * * *", ends_ms=3 * MINUTE), MINUTE, HOUR, Turn(3 * MINUTE, None)),
        (Recurrence(cron="* * * * *", ends_ms=MINUTE), MINUTE, 3 * HOUR, Turn(None, None)),
    ],
)
def test_of_what_was_missed_in_an_hour_the_latest_is_run(recurrence, due, now, expected):
    assert recurrence.turn(due, now, HOUR) == expected


def test_what_is_upcoming_begins_with_the_first_and_ends_with_the_window():
    window = Recurrence(cron="*/20 * * * *", starts_ms=HOUR, ends_ms=2 * HOUR)
    endless = Recurrence(seconds=7)

    assert list(window.upcoming(HOUR)) == [HOUR + 20 * MINUTE * each for each in range(4)]
    assert list(islice(endless.upcoming(106_000), 2)) == [106_000, 113_000]
    assert list(endless.upcoming(None)) == []


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(HOUR, HOUR, HOUR), (1, 3 * HOUR + 5, 3 * HOUR), (1, HOUR - 1, None), (0, 5, 0)],
)
def test_the_latest_moment_of_a_window_is_found(first, last, expected):
    assert Recurrence(cron="0 * * * *").latest(first, last) == expected


def test_the_change_of_the_clock_is_part_of_a_recurrence():
    spring_ms = 1_774_746_000_000  # 2026-03-29T01:00Z: in Vienna 02:00 becomes 03:00
    kept = Recurrence(cron="30 2 * * *", tz="Europe/Vienna")
    dropped = Recurrence(cron="30 2 * * *", tz="Europe/Vienna", change=ClockChange.DROPPED)

    assert kept.first_ms(spring_ms - HOUR) == spring_ms
    assert dropped.first_ms(spring_ms - HOUR) == spring_ms + 23 * HOUR + HOUR // 2


@pytest.mark.parametrize(
    "broken", [Recurrence(cron="broken"), Recurrence(cron="@daily", tz="Mars")]
)
def test_a_broken_one_is_invalid(broken):
    with pytest.raises(Invalid):
        broken.first_ms(0)


@given(
    seconds=st.floats(0.001, 10_000),
    due=st.integers(0, 10**6),
    after=st.integers(-(10**6), 10**7),
)
def test_an_interval_goes_on_in_its_phase_and_skips_what_was_missed(seconds, due, after):
    step = max(1, round(seconds * 1000))

    following = next_interval_ms(seconds, due, after)

    assert after < following <= after + step
    assert (following - due) % step == 0
