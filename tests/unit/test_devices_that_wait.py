"""A fleet that is refused again and again holds up itself, and no device that is in the right."""

from __future__ import annotations

from typing import NamedTuple

from drover.mqtt import queue as module
from drover.mqtt.queue import WAITING_S, Waiting


class One(NamedTuple):
    name: str
    at_s: float = 0.0


def waiting(*, failed=0, others=0):
    """Return devices that wait, of which the first have failed before."""
    found = Waiting()
    those = [One(f"failed {number}") for number in range(failed)]
    for each in those:
        found.fails(each)
    for each in [*those, *(One(f"other {number}") for number in range(others))]:
        found.add(each)
    return found


def names(those):
    return [each.name for each in those]


def test_who_failed_before_waits_behind_the_others_and_has_a_share_all_the_same():
    queue = waiting(failed=5, others=6)

    first, second, third = queue.next(4), queue.next(4), queue.next(4)

    assert names(first) == ["other 0", "other 1", "other 2", "failed 0"]
    assert names(second) == ["other 3", "other 4", "other 5", "failed 1"]
    assert names(third) == ["failed 2", "failed 3", "failed 4"]
    assert (len(queue), queue.next(4)) == (0, [])


def test_others_have_all_the_room_where_nobody_failed():
    assert names(waiting(others=3).next(2)) == ["other 0", "other 1"]


def test_who_is_let_in_is_doubted_no_longer():
    queue, one = Waiting(), One("it")
    queue.fails(one)
    queue.succeeds(one)

    queue.add(one)
    queue.add(One("other"))

    assert names(queue.next(1)) == ["it"]


def test_who_waited_too_long_is_taken_out_of_either():
    queue = Waiting()
    queue.fails(One("failed"))
    for at_s in (1.0, 2.0):
        queue.add(One("failed", at_s))
        queue.add(One("other", at_s))

    late = queue.late(1.5 + WAITING_S)

    assert late == [One("other", 1.0), One("failed", 1.0)]
    assert queue.next(2) == [One("other", 2.0), One("failed", 2.0)]


def test_no_more_than_so_many_are_remembered_to_have_failed(monkeypatch):
    monkeypatch.setattr(module, "MOST_DOUBTED", 2)
    queue = waiting(failed=2)
    queue.fails(One("failed 0"))  # it is seen again, so the other is forgotten
    queue.fails(One("third"))
    queue.next(2)

    for name in ("failed 0", "third", "failed 1"):
        queue.add(One(name))

    assert names(queue.next(1)) == ["failed 1"]
