"""The engine's dispatcher where things go wrong, run out, or are not there."""

import asyncio

from drover.engine import chunk, dispatcher
from drover.model.run import Pace
from drover.ports.failures import StoreFull
from tests.unit.engine_bench import MANY, begun, refusing, target


async def test_a_lane_waits_when_the_store_refuses(make):
    bench = make()
    await begun(bench)
    bench.heart.signals.dispatch.clear()
    write = bench.store.write
    refusing(bench, StoreFull("no room"))

    await bench.tick("dispatcher")

    assert not bench.heart.signals.dispatch.is_set()
    bench.store.write = write


async def test_a_fault_in_one_lane_leaves_the_engine_running(make):
    bench = make()
    number = await begun(bench)

    async def fail(_batch):
        bench.runner.before = None
        raise RuntimeError("a fault")

    bench.runner.before = fail
    await bench.tick("dispatcher")

    assert len(bench.heart.leases) == 0
    bench.store.offset_ms = 60_000
    assert (await bench.run_to_end(number)).succeeded == 3


async def test_a_stopped_dispatcher_claims_nothing(make):
    bench = make()
    number = await begun(bench)
    bench.engine.claim_nothing_more()

    await bench.tick("dispatcher", "firings")

    assert (await bench.get(number)).in_flight == 0
    assert not bench.engine.dispatcher._goes_on()


async def test_no_more_lanes_are_started_than_there_are(make):
    bench = make()
    await begun(bench, 100)
    gate = asyncio.Event()

    async def hold(_batch):
        await gate.wait()

    bench.runner.before = hold
    loop = bench.loops["dispatcher"]
    bench.engine.dispatcher._lanes = 8
    await loop._tick()
    running = bench.engine.dispatcher.running
    await loop._tick()
    assert bench.engine.dispatcher.running <= running + 4
    bench.engine.dispatcher._lanes = bench.engine.dispatcher.running

    assert await loop._tick() is None
    gate.set()
    await asyncio.wait(bench.engine.dispatcher._working)


async def test_lanes_give_way_when_executions_wait_for_one(make):
    bench = make()
    bench.engine.dispatcher._lanes = 1
    first = await begun(bench, 30)
    second = await bench.add(detail=target(), pace=MANY)
    await bench.tick("planner", "dispatcher")

    served = [(await bench.get(number)).claimed for number in (first, second.number)]

    assert min(served) == 0
    assert 0 < sorted(served)[1] < 30


async def test_what_flows_do_after_acknowledging_goes_on_aside(make):
    gate = asyncio.Event()
    bench = make()
    number = await begun(bench, 4, pace=Pace(concurrency=1))
    run = bench.runner.run

    async def run_and_linger(batch):
        records = await run(batch)
        await gate.wait()
        return records

    bench.runner.run = run_and_linger
    ticking = asyncio.create_task(bench.loops["dispatcher"]._tick())
    async with asyncio.timeout(60):
        while (await bench.get(number)).succeeded < 4:
            await asyncio.sleep(0)
    gate.set()
    await ticking
    await asyncio.wait(bench.engine.dispatcher._working)

    assert len(bench.runner.batches) == 4


async def test_tails_are_bounded(make, monkeypatch):
    monkeypatch.setattr(dispatcher, "_TAILS", 0)
    bench = make()
    number = await begun(bench, 4, pace=Pace(concurrency=1))

    await bench.tick("dispatcher")

    assert (await bench.get(number)).succeeded == 4


async def test_a_chunk_claimed_for_a_lane_that_ends_is_handed_back(make):
    bench = make()
    number = await begun(bench, 4, pace=Pace(concurrency=1))
    run = bench.runner.run

    async def run_then_fail(batch):
        await run(batch)
        raise RuntimeError("after the acknowledgement")

    bench.runner.run = run_then_fail
    taken = bench.heart.leases.take
    first = []

    def take(claim, after=None):
        held = taken(claim, after)
        if not first:
            first.append(held)
            # The lane looks at the end of its chunk before it sees that all is settled.
            held.settled.wait = asyncio.Event().wait
        return held

    bench.heart.leases.take = take
    await bench.tick("dispatcher")

    after = await bench.get(number)
    assert (after.succeeded, after.in_flight, after.waiting) == (1, 0, 1)


async def test_flows_are_looked_up_again_and_forgotten(make, monkeypatch):
    monkeypatch.setattr(chunk, "_REMEMBERED", 1)
    bench = make()
    await bench.add_devices(2)
    for _ in range(2):
        execution = await bench.add(detail=target(), pace=Pace(concurrency=1))
        await bench.run_to_end(execution.number)

    assert len(bench.runner.batches) == 4
