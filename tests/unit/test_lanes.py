"""Lanes that claim the next chunk while one runs, over a real store."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from drover.engine import chunk, lane, leases
from drover.model.execution import State
from drover.model.iteration import Acknowledgement
from drover.model.run import Change, Pace, Target
from drover.ports.runner import NotBegun, RunRecord
from drover.store.jobs import IterationStore
from tests.unit.engine_bench import EngineBench


class GatedRunner:
    """Runs batches as workers do: one that comes after another waits until that made way."""

    def __init__(self, acks):
        self.capacity = 8
        self.acks = acks
        self.released = {}
        self.orders = []
        self.refuses = lambda _batch: False
        self.late = False
        self.settled = set()
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
        await self.acks.settle_all(batch, Acknowledgement("", True))
        self.settled.add(batch.lease_id)
        return [RunRecord(ok=True)] * len(ids)

    async def wait_for(self, batch):
        before = self.released.get(batch.after)
        if before is None or self.refuses(batch):
            self.unbegun += 1
            raise NotBegun
        await before.wait()
        if self.late:  # the one before is settled when the word comes that it made no way
            while batch.after not in self.settled:
                await asyncio.sleep(0)
            self.unbegun += 1
            raise NotBegun


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


async def test_what_is_settled_right_after_the_chunk_before_it_claims_the_next_one_too(
    make, monkeypatch
):
    bench, claims, claim = make(), [], IterationStore.claim

    async def counted(store, *given):
        claims.append(given)
        return await claim(store, *given)

    monkeypatch.setattr(IterationStore, "claim", counted)
    number = await begun(bench, 2000, concurrency=20)

    ended = await bench.run_to_end(number)

    assert ended.succeeded == 2000
    # Of 400 chunks the first of each lane, the first ahead, and those whose settling was slow: 15 to
    # 50 however busy the machine is, and 280 and more where nothing is claimed with what is settled.
    assert len(claims) < 150


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


async def test_a_chunk_refused_after_the_one_before_was_settled_runs_all_the_same(make):
    bench = make()
    bench.runner.late = True
    number = await begun(bench, 200, concurrency=20)

    ended = await bench.run_to_end(number)

    assert ended.succeeded == 200
    assert bench.runner.unbegun > 0
    assert bench.runner.most <= 20
    assert ended.fence < 60  # few were claimed anew


async def test_a_chunk_whose_word_is_too_old_is_not_begun(make):
    bench = make()
    number = await begun(bench, 2, concurrency=2)
    now = await bench.store.read(lambda session: session.now_ms())
    first = bench.heart.leases.take(await bench.claim(number, 1, now=now))
    second = bench.heart.leases.take(await bench.claim(number, 1, now=now), first)
    first.settled.set()
    second._claimed_s -= 3600

    with pytest.raises(NotBegun):
        await bench.engine.dispatcher._floor.chunks._run_after(second, first, None)


async def test_a_chunk_claimed_ahead_is_put_back_when_another_flow_has_come(make, monkeypatch):
    monkeypatch.setattr(chunk, "_FRESH_MS", 0)
    bench = make()
    number = await begun(bench, 200, concurrency=20)
    subscribed = bench.flows.subscribed

    async def more_later(*given, **named):
        if bench.runner.orders:
            bench.flows.triggers["resourceJobIteration"] = ["flow", "another"]
        return await subscribed(*given, **named)

    bench.flows.subscribed = more_later
    ended = await bench.run_to_end(number)

    assert ended.succeeded == 200
    assert {item.attempt for item in await bench.items(number)} == {1}


async def test_a_chunk_of_items_tried_again_is_put_back_as_begun(make):
    bench = make()
    number = await begun(bench, 2, concurrency=2)
    now = await bench.store.read(lambda session: session.now_ms())
    leases_of = bench.heart.leases
    await leases_of.give_back(leases_of.take(await bench.claim(number, now=now)), lost=False)
    again = leases_of.take(await bench.claim(number, now=now + 1000))
    settled = leases_of.take(again.claim)
    settled.settled.set()

    await leases_of.put_back(settled)
    held = (await bench.get(number)).in_flight
    await leases_of.put_back(again)

    assert again.lease.again
    assert (held, (await bench.get(number)).in_flight) == (2, 0)


async def test_a_fresh_chunk_settled_meanwhile_is_not_put_back(make):
    bench = make()
    number = await begun(bench, 2, concurrency=2)
    now = await bench.store.read(lambda session: session.now_ms())
    held = bench.heart.leases.take(await bench.claim(number, now=now))
    held.settled.set()

    await bench.heart.leases.put_back(held)

    assert (await bench.get(number)).in_flight == 2


async def test_nothing_more_begins_after_a_cancel(make):
    bench = make()
    number = await begun(bench, 400, concurrency=20)
    ticking = asyncio.create_task(bench.tick("dispatcher"))
    async with asyncio.timeout(60):
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
    async with asyncio.timeout(60):
        while (await bench.get(number)).in_flight < 40:
            await asyncio.sleep(0)
    await ticking
    bench.engine.claim_nothing_more()
    await bench.engine.dispatcher.drain(0)

    after = await bench.get(number)
    assert after.in_flight == 0
    assert len(bench.heart.leases) == 0


async def test_a_lane_stopped_while_a_settlement_claims_more_hands_that_back_too(make, monkeypatch):
    bench = make()
    number = await begun(bench, 100, concurrency=20)
    written, goes_on, apply = asyncio.Event(), asyncio.Event(), bench.heart.acks._apply

    async def applied_but_not_yet_known(*given):
        settlement = await apply(*given)
        if settlement.following is not None:
            written.set()
            await goes_on.wait()
        return settlement

    monkeypatch.setattr(bench.heart.acks, "_apply", applied_but_not_yet_known)
    await bench.loops["dispatcher"]._tick()
    async with asyncio.timeout(60):
        await written.wait()
    bench.engine.claim_nothing_more()
    stopping = asyncio.create_task(bench.engine.dispatcher.drain(0))
    for _ in range(20):
        await asyncio.sleep(0)
    goes_on.set()
    await stopping

    after = await bench.get(number)
    assert after.in_flight == 0
    assert len(bench.heart.leases) == 0


async def test_who_stops_waits_until_what_runs_is_handed_back(make, monkeypatch):
    bench = make()
    number = await begun(bench, 20, concurrency=20)
    reading, give_back, given_back = [], bench.heart.leases.give_back, []

    async def reads(_chunks, claim):
        reading.append(claim)
        await asyncio.Event().wait()

    async def slowly(held, *, lost):
        bench.heart.leases.drop(held)
        for _ in range(50):
            await asyncio.sleep(0)
        await give_back(held, lost=lost)
        given_back.append(held.id)

    monkeypatch.setattr(chunk.Chunks, "_gather", reads)
    monkeypatch.setattr(bench.heart.leases, "give_back", slowly)
    await bench.loops["dispatcher"]._tick()
    async with asyncio.timeout(60):
        while len(reading) < 4:
            await asyncio.sleep(0)
    bench.engine.claim_nothing_more()
    await bench.engine.dispatcher.drain(0)

    assert len(given_back) == 4
    assert (await bench.get(number)).in_flight == 0


async def test_what_is_being_handed_back_is_not_broken_off():
    gate, done = asyncio.Event(), []

    async def work():
        await gate.wait()
        done.append("handed back")

    chunk_ends = asyncio.create_task(chunk._to_its_end(work()))
    await asyncio.sleep(0)
    chunk_ends.cancel()
    await asyncio.sleep(0)
    gate.set()

    with pytest.raises(asyncio.CancelledError):
        await chunk_ends
    assert done == ["handed back"]


def test_a_concurrency_is_divided_among_lanes():
    assert [lane.chunk_size(each, 500) for each in (1, 4, 10, 100, 5000)] == [1, 1, 3, 25, 500]
