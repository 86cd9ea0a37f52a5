"""Lanes that claim the next chunk while one runs, over a real store."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from drover.engine import lane, leases
from drover.model.execution import State
from drover.model.iteration import Acknowledgement
from drover.model.run import Change, Pace, Target
from drover.ports.runner import NotBegun, RunRecord
from tests.unit.engine_bench import EngineBench


class GatedRunner:
    """Runs batches as workers do: one that comes after another waits until that made way."""

    def __init__(self, acks):
        self.capacity = 8
        self.acks = acks
        self.released = {}
        self.orders = []
        self.refuses = lambda _batch: False
        self.unbegun = 0
        self.running = self.most = 0
        self.hold = {}

    async def run(self, batch):
        ids = batch.iterations.resource_ids
        if batch.after is not None:
            self.orders.append((batch.after, batch.lease_id))
            await self.wait_for(batch)
        mine = self.released[batch.lease_id] = asyncio.Event()
        self.running += len(ids)
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        for each in ids:
            if each in self.hold:
                await self.hold[each].wait()
        self.running -= len(ids)
        mine.set()
        rows = [Acknowledgement(each, True) for each in ids]
        await self.acks.settle(batch, msgspec.json.encode(rows), len(rows))
        return [RunRecord(ok=True)] * len(ids)

    async def wait_for(self, batch):
        before = self.released.get(batch.after)
        if before is None or self.refuses(batch):
            self.unbegun += 1
            raise NotBegun
        await before.wait()


@pytest.fixture
def make(sqlite_database, monkeypatch):
    monkeypatch.setattr(leases, "FRESH_MS", 60_000)  # however slow the machine is

    def made(triggers=None):
        bench = EngineBench(sqlite_database, triggers=triggers)
        bench.runner = GatedRunner(bench.heart.acks)
        bench.engine.dispatcher._floor.chunks._runner = bench.runner
        bench.engine.dispatcher._lanes = 8
        return bench

    return made


async def begun(bench, devices, **pace):
    await bench.add_devices(devices)
    detail = msgspec.json.encode(Target(resource_type="device"))
    execution = await bench.add(detail=detail, pace=Pace(**pace))
    await bench.tick("planner")
    return execution.number


async def test_short_chunks_are_claimed_ahead_and_no_more_run_at_once_than_may(make):
    bench = make()
    number = await begun(bench, 200, concurrency=20)

    ended = await bench.run_to_end(number)

    assert (ended.state, ended.succeeded) == (State.SUCCEEDED, 200)
    assert len(bench.runner.orders) > 8
    assert bench.runner.most <= 20
    items = await bench.items(number)
    assert {item.attempt for item in items} == {1}


@pytest.mark.parametrize("pace", [{"concurrency": 1}, {"concurrency": 20, "delay_ms": 1}])
async def test_nothing_is_claimed_ahead_where_items_begin_one_by_one(make, pace):
    bench = make()
    number = await begun(bench, 8, **pace)

    ended = await bench.run_to_end(number)

    assert ended.succeeded == 8
    assert bench.runner.orders == []


async def test_nothing_is_claimed_ahead_where_several_flows_run(make):
    bench = make({"resourceJobIteration": ["one", "two"]})
    number = await begun(bench, 100, concurrency=20)

    ended = await bench.run_to_end(number)

    assert ended.succeeded == 100
    assert bench.runner.orders == []


async def test_a_chunk_whose_turn_does_not_come_is_put_back_and_run_later(make):
    bench = make()
    number = await begun(bench, 200, concurrency=20)
    bench.runner.refuses = lambda _batch: bench.runner.unbegun < 2

    ended = await bench.run_to_end(number)

    assert ended.succeeded == 200
    assert bench.runner.unbegun >= 2
    assert {item.attempt for item in await bench.items(number)} == {1}
    assert bench.runner.most <= 20


async def test_nothing_more_begins_after_a_cancel(make):
    bench = make()
    number = await begun(bench, 400, concurrency=20)
    ticking = asyncio.create_task(bench.tick("dispatcher"))
    async with asyncio.timeout(10):
        while len(bench.runner.orders) < 6:
            await asyncio.sleep(0)
    await bench.move(number, Change(goal=State.CANCELING))
    await ticking

    ended = await bench.run_to_end(number)

    assert ended.state is State.CANCELED
    assert 0 < ended.succeeded < 400
    assert ended.succeeded + ended.remaining == 400


async def test_a_lane_that_is_stopped_hands_both_of_its_chunks_back(make):
    bench = make()
    number = await begun(bench, 100, concurrency=20)
    bench.runner.hold = {f"{n:024x}": asyncio.Event() for n in range(41, 100)}
    ticking = asyncio.create_task(bench.loops["dispatcher"]._tick())
    async with asyncio.timeout(10):
        while (await bench.get(number)).in_flight < 40:
            await asyncio.sleep(0)
    await ticking
    bench.engine.claim_nothing_more()
    await bench.engine.dispatcher.drain(0)

    after = await bench.get(number)
    assert after.in_flight == 0
    assert len(bench.heart.leases) == 0


def test_a_concurrency_is_divided_among_lanes():
    assert [lane.chunk_size(each, 500) for each in (1, 4, 10, 100, 5000)] == [1, 1, 3, 25, 500]
