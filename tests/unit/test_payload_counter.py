"""Counting in memory: what moved is written once, whatever fails meanwhile."""

from __future__ import annotations

import pytest

from drover.app.payload_counts import DAY_MS, HOUR_MS, KEPT_MS, PayloadCounter, source_of
from drover.kinds.device import KIND as DEVICE
from drover.kinds.webhook import KIND as WEBHOOK
from drover.model.access import Caller

NOON_MS = 1_700_000_000_000 - 1_700_000_000_000 % DAY_MS + 12 * HOUR_MS
USER = Caller(type="user", id="c" * 24, scopes=frozenset())
FLOW = Caller(type="flow", id="d" * 24, scopes=frozenset())


class Clock:
    """Shows the time that a test sets."""

    ms = NOON_MS

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000


class Counts:
    """Takes what is written; fails while it is told to."""

    def __init__(self) -> None:
        self.kept = []
        self.forgotten = []
        self.broken = False

    @property
    def counts(self):
        return self

    async def add(self, moved):
        if self.broken:
            raise ConnectionError
        self.kept += [(m.hour_ms, m.category, m.source, m.payloads, m.bytes) for m in moved]

    async def forget(self, before_ms):
        self.forgotten.append(before_ms)

    async def write(self, work):
        return await work(self)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def counter(clock):
    return PayloadCounter(clock)


async def test_what_moved_is_added_up_by_hour_and_written_once(counter, clock):
    store = Counts()
    counter.note("a", "timer", "timer.flow")
    counter.note("a", "timer", "timer.flow", 4, 20)
    clock.ms += HOUR_MS
    counter.note("a", "timer", "timer.flow", 1, 7)

    await counter.flush(store)
    await counter.flush(store)

    assert store.kept == [
        (NOON_MS, "timer", "timer.flow", 5, 20),
        (NOON_MS + HOUR_MS, "timer", "timer.flow", 1, 7),
    ]


async def test_what_could_not_be_written_is_written_the_next_time(counter):
    store = Counts()
    store.broken = True
    counter.note("a", "event", "user.rest", 2, 3)
    with pytest.raises(ConnectionError):
        await counter.flush(store)
    counter.note("a", "event", "user.rest", 1, 1)
    store.broken = False

    await counter.flush(store)

    assert store.kept == [(NOON_MS, "event", "user.rest", 3, 4)]


async def test_old_counts_are_forgotten_once_an_hour(counter, clock):
    store = Counts()
    for _ in range(3):
        counter.note("a", "event", "user.rest")
        await counter.flush(store)
        clock.ms += HOUR_MS // 2

    assert store.forgotten == [NOON_MS - KEPT_MS, NOON_MS + HOUR_MS - KEPT_MS]


async def test_devices_count_when_they_are_made_and_other_kinds_do_not(counter):
    store = Counts()
    counter.made(USER, DEVICE, "a", 9)
    counter.made(FLOW, WEBHOOK, "a", 9)

    await counter.flush(store)

    assert store.kept == [(NOON_MS, "deviceCreate", "user.rest", 1, 9)]


def test_a_source_tells_who_and_how():
    assert source_of(USER) == "user.rest"
    assert source_of(FLOW) == "flow.flow"
