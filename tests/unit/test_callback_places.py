"""How many callbacks are under way to whom: those that fail leave room for those that answer."""

from __future__ import annotations

from drover.app.beacons import callbacks
from drover.app.beacons.callbacks import (
    AT_A_TIME,
    OF_ALL_UNKNOWN,
    OF_FAILING,
    OF_RECEIVER,
    OF_UNKNOWN,
    Places,
)


def _called(places, host, *, failed):
    places.take(host)
    places.give_back(host, answers=not failed)


def test_a_receiver_has_more_room_once_it_has_answered_and_little_once_it_has_failed():
    places = Places()

    rooms = [places.room("a")]
    _called(places, "a", failed=False)
    rooms.append(places.room("a"))
    _called(places, "a", failed=True)
    rooms.append(places.room("a"))

    assert rooms == [OF_UNKNOWN, OF_RECEIVER, 1]


def test_what_is_under_way_takes_up_room_of_its_receiver_and_of_all():
    places = Places()
    _called(places, "a", failed=False)

    places.take("a", OF_RECEIVER - 1)
    last = places.room("a")
    places.take("b", AT_A_TIME - OF_RECEIVER + 1)

    assert (last, places.room("a"), places.left) == (1, 0, 0)


def test_receivers_that_fail_leave_half_of_all_places_to_those_that_answer():
    places = Places()
    for number in range(OF_FAILING + 1):
        _called(places, f"dead{number}", failed=True)
    _called(places, "ok", failed=False)

    for number in range(OF_FAILING):
        places.take(f"dead{number}")

    assert (places.room(f"dead{OF_FAILING}"), places.room("ok")) == (0, OF_RECEIVER)


def test_receivers_that_were_not_called_yet_leave_places_to_those_that_answer():
    places = Places()
    _called(places, "ok", failed=False)

    for number in range(OF_ALL_UNKNOWN):
        places.take(f"new{number}")

    assert (places.room("another"), places.room("ok")) == (0, OF_RECEIVER)


def test_an_end_that_tells_nothing_of_its_receiver_changes_nothing_for_it():
    places = Places()
    _called(places, "a", failed=True)

    for host in "ab":
        places.take(host)
        places.give_back(host, answers=None)

    assert (places.room("a"), places.room("b")) == (1, OF_UNKNOWN)


def test_only_so_many_receivers_are_remembered(monkeypatch):
    monkeypatch.setattr(callbacks, "REMEMBERED", 1)
    places = Places()
    _called(places, "a", failed=True)

    _called(places, "b", failed=True)

    assert (places.room("a"), places.room("b")) == (OF_UNKNOWN, 1)


def test_reckoning_with_a_copy_takes_nothing():
    places = Places()

    places.copy().take("a", OF_UNKNOWN)

    assert places.room("a") == OF_UNKNOWN
