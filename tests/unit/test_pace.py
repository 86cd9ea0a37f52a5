"""Devices that speak or come too often are sent away for a while, where that is limited."""

from __future__ import annotations

import pytest

from drover.app.live.pace import FIRST_MS, LEAVING_MS, LONGEST_MS, WINDOW_MS, Pace
from drover.model.errors import TooMany, Unavailable
from tests.support.clocks import StillClock


@pytest.fixture
def clock():
    return StillClock()


def speaks_too_often(pace):
    for _ in range(4):
        pace.said("t", "d")


def test_without_a_limit_nobody_is_sent_away(clock):
    pace = Pace(clock)

    for _ in range(1000):
        pace.said("t", "d")
        pace.published("a", "t")
        pace.comes("a", "d")

    assert pace.leaving() == []


def test_one_that_speaks_too_often_is_sent_away_for_a_moment_and_kept_out_for_longer(clock):
    pace = Pace(clock, messages=3)

    speaks_too_often(pace)
    pace.said("t", "d")

    assert (pace.leaving(), pace.leaving(), pace.sent_away) == (["d"], ["d"], 1)
    clock.now = LEAVING_MS
    assert pace.leaving() == []
    with pytest.raises(Unavailable):
        pace.comes("a", "d")
    pace.comes("a", "other")
    clock.now = FIRST_MS
    pace.comes("a", "d")


def test_one_that_does_it_again_is_kept_out_for_twice_as_long_but_not_for_ever(clock):
    pace = Pace(clock, messages=3)
    lengths = []

    for _ in range(9):
        speaks_too_often(pace)
        lengths.append(pace._bars["d"].length_ms)
        clock.now = pace._bars["d"].until_ms

    assert lengths == [min(FIRST_MS * 2**times, LONGEST_MS) for times in range(9)]
    clock.now += LONGEST_MS
    speaks_too_often(pace)
    assert pace._bars["d"].length_ms == FIRST_MS


def test_those_who_are_kept_out_are_remembered_in_bounds(clock, monkeypatch):
    monkeypatch.setattr("drover.app.live.pace.MOST_BARRED", 1)
    pace = Pace(clock, messages=1)

    for device in ("d", "e"):
        pace.said(f"t/{device}", device)
        pace.said(f"t/{device}", device)

    assert list(pace._bars) == ["e"]


def test_a_topic_is_published_on_so_often_and_again_later(clock):
    pace = Pace(clock, messages=2)
    for _ in range(2):
        pace.published("a", "t")

    with pytest.raises(TooMany) as refused:
        pace.published("a", "t")
    pace.published("b", "t")
    pace.published("a", "u")
    clock.now = WINDOW_MS
    pace.published("a", "t")

    assert (refused.value.retry_after_s, refused.value.limit) == (15, "mqtt_messages_in_15_seconds")


def test_so_many_devices_of_an_application_connect_in_a_while(clock):
    pace = Pace(clock, connections=2)
    pace.comes("a", "d")
    pace.comes("a", "e")

    with pytest.raises(Unavailable):
        pace.comes("a", "f")
    pace.comes("b", "f")
    clock.now = WINDOW_MS
    pace.comes("a", "f")
