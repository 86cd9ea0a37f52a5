"""Frames between a server and its workers hold whatever JSON holds."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from drover.workers.frames import FROM_WORKER, LENGTH, TO_WORKER, Answer, Ask, Settle, mended, pack


@pytest.mark.parametrize(
    ("number", "held"),
    [
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        (2**64, float(2**64)),
        (-(10**30), -1e30),
        (10**400, math.inf),
    ],
)
def test_whole_numbers_that_are_too_large_are_those_of_javascript(number, held):
    frame = pack(Answer(5, [{"result": {"a": [number, "x", None, 1.5]}}]))

    answer = TO_WORKER.decode(frame[LENGTH.size :])

    assert answer == Answer(5, [{"result": {"a": [held, "x", None, 1.5]}}])


def test_a_frame_with_such_a_number_keeps_its_kind():
    asked = pack(Ask(1, 2, "storage.set", [{"value": 10**30}]))

    assert FROM_WORKER.decode(asked[LENGTH.size :]) == Ask(1, 2, "storage.set", [{"value": 1e30}])
    assert FROM_WORKER.decode(pack(Settle(1, 2, b"\xff", 3))[LENGTH.size :]).rows == b"\xff"


@pytest.mark.parametrize("broken", [10**30, "\ud800"])
def test_what_is_beside_a_value_that_no_frame_holds_stays_as_it_was(broken):
    moment = datetime(2026, 1, 10, 12, 30, 15, 250_000, tzinfo=UTC)
    beside = [2**53 + 1, -(2**63), 2**64 - 1, moment, "x", True, None, b"\xff", {"n": 2**60 + 1}]

    frame = pack(Ask(1, 2, "storage.set", [{"value": broken}, {"value": beside}]))

    assert FROM_WORKER.decode(frame[LENGTH.size :]).requests[1] == {"value": beside}


def test_what_is_beside_a_value_that_is_mended_stays_as_it_was():
    moment = datetime(2026, 1, 10, tzinfo=UTC)

    sound, refused = mended([{"a": 10**30, "b": 2**53 + 1, "c": (moment, "\ud800")}])

    assert (sound, refused) == ([{"a": 1e30, "b": 2**53 + 1, "c": [moment, "\ufffd"]}], {})
