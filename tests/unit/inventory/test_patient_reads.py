"""Reads that may take long: the quick ones are let through, the others one at a time and bounded."""

from __future__ import annotations

import asyncio

import pytest

from drover.app.inventory_reads import PatientReads
from drover.model.errors import Unavailable


class CrowdedStore:
    """A store whose reads begin when it is told that there is room."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.room.set()

    async def read(self, work):
        await self.room.wait()
        return await work(self)


class Looks:
    """Work that comes to an end when it is told to; counts how often it runs, and at once."""

    def __init__(self) -> None:
        self.begun = asyncio.Queue()
        self.running = 0
        self.most = 0
        self.end = asyncio.Event()

    async def __call__(self, _session):
        self.running += 1
        self.most = max(self.most, self.running)
        self.begun.put_nowait(self)
        try:
            await self.end.wait()
        finally:
            self.running -= 1
        return "found"


async def test_a_quick_read_runs_once():
    reads, looks = PatientReads(CrowdedStore(), 60.0, quick_s=60.0), Looks()
    looks.end.set()

    assert await reads.read(looks) == "found"
    assert looks.begun.qsize() == 1


async def test_a_read_that_is_not_quick_goes_on_in_the_lane():
    reads, looks = PatientReads(CrowdedStore(), 60.0, quick_s=0.001), Looks()

    reading = asyncio.ensure_future(reads.read(looks))
    await looks.begun.get()
    await looks.begun.get()
    looks.end.set()

    assert await reading == "found"
    assert looks.most == 1


async def test_a_read_without_an_end_is_refused_with_the_name_of_the_limit():
    reads, looks = PatientReads(CrowdedStore(), 0.01, quick_s=0.001), Looks()

    with pytest.raises(Unavailable, match=r"No end was found in 0\.01 s") as refused:
        await reads.read(looks)

    assert refused.value.limit == "inventory_seconds"
    assert looks.running == 0


async def test_one_read_is_in_the_lane_at_a_time_and_the_wait_for_it_counts():
    reads, first, second = PatientReads(CrowdedStore(), 60.0, quick_s=0.001), Looks(), Looks()
    holding = asyncio.ensure_future(reads.read(first))
    await first.begun.get()
    await first.begun.get()

    reads._longest_s = 0.01
    with pytest.raises(Unavailable):
        await reads.read(second)

    assert second.begun.qsize() == 1
    first.end.set()
    assert await holding == "found"


async def test_a_wait_for_a_crowded_store_makes_no_read_slow():
    store, looks = CrowdedStore(), Looks()
    reads = PatientReads(store, 60.0, quick_s=0.001)
    holding = asyncio.ensure_future(reads.read(looks))
    await looks.begun.get()
    await looks.begun.get()  # in the lane

    store.room.clear()
    ready = Looks()
    ready.end.set()
    waiting = asyncio.ensure_future(reads.read(ready))
    for _ in range(3):
        assert not (await asyncio.wait((waiting,), timeout=0.002))[0]
    store.room.set()

    assert await waiting == "found"
    assert not holding.done()
    looks.end.set()
    await holding


async def test_a_read_that_fails_fails_for_its_caller():
    async def failing(_session):
        raise LookupError("what it raised")

    with pytest.raises(LookupError, match="what it raised"):
        await PatientReads(CrowdedStore(), 60.0).read(failing)


async def test_a_caller_who_leaves_stops_the_read():
    reads, looks = PatientReads(CrowdedStore(), 60.0, quick_s=60.0), Looks()
    reading = asyncio.ensure_future(reads.read(looks))
    await looks.begun.get()

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert looks.running == 0
