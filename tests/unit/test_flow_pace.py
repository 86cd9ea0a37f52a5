"""Workflows that send or press too often are refused, where that is limited."""

from __future__ import annotations

import pytest

from drover.app.flow_pace import PRESSES_MS, SENDS_MS, FlowPace
from drover.model.errors import Missing, TooMany
from tests.support.clocks import StillClock


@pytest.fixture
def clock():
    return StillClock()


def test_without_limits_nothing_is_refused(clock):
    pace = FlowPace(clock)

    for _ in range(1000):
        pace.publishes("a", "t")
        pace.reports("d")
        pace.presses("f", "b")
        assert pace.may_command("d")
        pace.commanded(["d"], 0)

    assert pace.refused == 0


def test_each_topic_and_each_device_has_a_count_of_its_own(clock):
    pace = FlowPace(clock, sends=1)

    for count in (lambda: pace.publishes("a", "t"), lambda: pace.reports("d")):
        count()
        with pytest.raises(TooMany) as refused:
            count()
        assert (refused.value.retry_after_s, refused.value.limit) == (
            15,
            "workflow_sends_in_15_seconds",
        )
    pace.publishes("b", "t")
    pace.publishes("a", "u")
    pace.reports("e")
    pace.presses("f", "b")

    clock.now = SENDS_MS
    pace.publishes("a", "t")
    pace.reports("d")
    assert pace.refused == 2


def test_a_device_is_commanded_so_often_and_again_later(clock):
    pace = FlowPace(clock, sends=2)

    pace.commanded(["d", "d", "e"], 0)
    assert [pace.may_command(each) for each in "de"] == [False, True]
    pace.commanded([], 3)

    assert pace.refused == 3
    clock.now = SENDS_MS
    assert pace.may_command("d")


def test_a_press_counts_once_however_often_its_unit_of_work_runs(clock):
    pace = FlowPace(clock, presses=2)

    with pace.pressing() as count:
        for _ in range(5):
            count("f", "b")
    pace.presses("f", "b")

    with pytest.raises(TooMany):
        pace.presses("f", "b")


def failing_press(pace):
    with pace.pressing() as count:
        count("f", "b")
        raise Missing("gone")


def test_a_press_that_fails_does_not_count(clock):
    pace = FlowPace(clock, presses=1)

    for each in (pace, FlowPace(clock)):
        with pytest.raises(Missing):
            failing_press(each)

    pace.presses("f", "b")
    with pytest.raises(TooMany), pace.pressing() as count:
        count("f", "b")
    assert pace.refused == 1


def test_a_button_is_pressed_so_often_and_again_later(clock):
    pace = FlowPace(clock, presses=1)
    pace.presses("f", "b")

    with pytest.raises(TooMany) as refused:
        pace.presses("f", "b")
    pace.presses("f", "c")
    pace.presses("g", "b")
    clock.now = PRESSES_MS
    pace.presses("f", "b")

    assert refused.value.limit == "button_presses_in_10_seconds"
    assert "button b" in refused.value.message
