"""Units of work on one execution that are written together."""

from __future__ import annotations

import asyncio

import pytest

from drover.engine.flushes import Flushes
from drover.ports.failures import StoreFull


class SlowStore:
    """Keeps each write until it is let go, and counts them."""

    def __init__(self):
        self.writes = 0
        self.go = asyncio.Event()

    async def write(self, work):
        self.writes += 1
        await self.go.wait()
        return await work(self)


async def begun(store, writes=1):
    while store.writes < writes:
        await asyncio.sleep(0)


def value(given):
    async def work(_session):
        if isinstance(given, Exception):
            raise given
        return given

    return work


async def test_what_comes_during_a_write_is_written_together_after_it():
    store = SlowStore()
    flushes = Flushes(store)
    asked = [asyncio.create_task(flushes.write(1, value("first")))]
    await begun(store)
    asked += [asyncio.create_task(flushes.write(1, value(n))) for n in range(5)]
    await asyncio.sleep(0)

    store.go.set()

    assert await asyncio.gather(*asked) == ["first", 0, 1, 2, 3, 4]
    assert store.writes == 2


async def test_executions_do_not_wait_for_each_other():
    store = SlowStore()
    flushes = Flushes(store)
    asked = [asyncio.create_task(flushes.write(number, value(number))) for number in (1, 2)]
    await begun(store, 2)

    store.go.set()

    assert await asyncio.gather(*asked) == [1, 2]


async def test_one_that_fails_takes_nothing_with_it_and_the_next_goes_on():
    store = SlowStore()
    flushes = Flushes(store)
    first = asyncio.create_task(flushes.write(1, value("first")))
    await begun(store)
    good = asyncio.create_task(flushes.write(1, value("good")))
    bad = asyncio.create_task(flushes.write(1, value(StoreFull("no room"))))
    gone = asyncio.create_task(flushes.write(1, value("nobody waits")))
    await asyncio.sleep(0)
    gone.cancel()
    store.go.set()

    assert await first == "first"
    assert await good == "good"
    with pytest.raises(StoreFull):
        await bad
    assert await flushes.write(1, value("later")) == "later"
