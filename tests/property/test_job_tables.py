"""Whatever happens to an execution, in whatever order: one final result each, counts add up."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drover.model.execution import State
from drover.model.iteration import FINAL, ItemState
from drover.model.run import Change, Pace
from drover.store.sqlite import SqliteDatabase
from tests.contract.jobs_store import Bench, device_id
from tests.unit.engine_bench import FakeFlows, FakeStore

DEVICES = 6

paces = st.builds(
    Pace,
    concurrency=st.sampled_from([1, 2, 3, 10]),
    delay_ms=st.sampled_from([0, 0, 500]),
    timeout_ms=st.just(3000),
    retry_on_timeout=st.booleans(),
    retry_on_failure=st.booleans(),
    max_retries=st.integers(1, 2),
    retry_delay_ms=st.sampled_from([0, 700]),
)
chosen = st.sets(st.integers(1, DEVICES), min_size=1, max_size=DEVICES)
steps = st.one_of(
    st.tuples(st.just("claim"), st.integers(1, 4)),
    st.tuples(st.just("settle"), st.integers(0, 5), chosen, st.booleans()),
    st.tuples(st.just("acknowledge"), chosen, st.booleans()),
    st.tuples(st.just("end_lease"), st.integers(0, 5)),
    st.tuples(st.just("give_back"), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([300, 1000, 2500])),
    st.tuples(st.just("sweep")),
    st.tuples(st.sampled_from(["cancel", "pause", "resume"])),
)


class Model:
    """An execution on a real store, every lease it ever had, and what was final once."""

    def __init__(self, database):
        self.bench = Bench(database)
        self.store = self.bench.store = FakeStore(database, FakeFlows({}))
        self.claims = []
        self.final = {}
        self.lost = set()
        self.attempts = {}

    async def begin(self, pace):
        await self.bench.add_devices(DEVICES)
        execution = await self.bench.add(pace=pace)
        await self.bench.snapshot(execution)
        self.number = execution.number
        now = await self.now()
        await self.bench.jobs(lambda jobs: jobs.plans.begin(self.number, now))

    async def now(self):
        return await self.store.read(lambda session: session.now_ms())

    async def step(self, name, *given):
        await getattr(self, name)(*given)
        await self.check()

    async def claim(self, limit):
        claim = await self.bench.claim(self.number, limit, now=await self.now(), lease_ms=2000)
        if claim is not None:
            items = await self.bench.documents(claim)
            self.claims.append((claim, [item.resource_id for item in items], set()))

    async def settle(self, which, numbers, ok):
        if not self.claims:
            return
        claim, items, settled = self.claims[which % len(self.claims)]
        given = [(each, ok) for each in items if int(each, 16) in numbers]
        if not given:
            return
        outcome = await self.bench.settle(
            self.number, *given, lease=claim.lease, unsettled=claim.lease.size - len(settled)
        )
        if claim.lease.fence in self.lost:
            assert not outcome.moved
        freed = claim.lease.size - len(settled) - outcome.unsettled
        settled |= set(list(outcome.moved)[:freed])

    async def acknowledge(self, numbers, ok):
        given = [(device_id(number), ok, f"told {ok}") for number in sorted(numbers)]
        if given:
            await self.bench.settle(self.number, *given)

    async def end_lease(self, which):
        if self.claims:
            await self.bench.end_lease(self.claims[which % len(self.claims)][0])

    async def give_back(self, which, lost):
        if self.claims:
            lease, now = self.claims[which % len(self.claims)][0].lease, await self.now()
            taken = await self.bench.jobs(
                lambda jobs: jobs.iterations.give_back(lease, now, lost=lost)
            )
            if taken is not None:
                self.lost.add(lease.fence)

    async def wait(self, ms):
        self.store.offset_ms += ms

    async def sweep(self):
        now = await self.now()
        for lease in await self.bench.jobs(lambda jobs: jobs.iterations.expired(now, 100)):
            assert await self.bench.expire(lease, now) is not None
            self.lost.add(lease.fence)
        await self.bench.jobs(lambda jobs: jobs.deadlines.expose(now))
        if self.number in await self.bench.jobs(lambda jobs: jobs.deadlines.due(now)):
            await self.bench.time_out(self.number, now)

    async def cancel(self):
        await self.bench.move(self.number, Change(goal=State.CANCELING))

    async def pause(self):
        await self.bench.move(self.number, Change(goal=State.PAUSED))

    async def resume(self):
        await self.bench.move(self.number, Change(goal=State.RUNNING))

    async def check(self):
        execution = await self.bench.get(self.number)
        items = await self.bench.items(self.number)
        states = [item.state for item in items]
        unclaimed = sum(
            item.state is ItemState.PENDING and item.resource_id > execution.cursor
            for item in items
        )
        ended = sum(state in FINAL for state in states)
        assert len(items) == execution.total == DEVICES
        assert execution.succeeded == states.count(ItemState.SUCCEEDED)
        assert execution.failed == states.count(ItemState.FAILED)
        assert execution.timed_out == states.count(ItemState.TIMED_OUT)
        assert execution.waiting == states.count(ItemState.WAITING)
        assert execution.in_flight == DEVICES - ended - execution.waiting - unclaimed
        assert execution.claimed == DEVICES - unclaimed
        assert execution.in_flight <= execution.pace.concurrency
        for item in items:
            self.check_item(item)

    def check_item(self, item):
        seen = (item.state, item.message, item.completed_ms)
        if item.resource_id in self.final:
            assert self.final[item.resource_id] == seen
        elif item.state in FINAL:
            self.final[item.resource_id] = seen
        assert item.attempt >= self.attempts.get(item.resource_id, 0)
        self.attempts[item.resource_id] = item.attempt

    async def finish(self):
        """Nothing stays stuck: with claims and sweeps alone the execution comes to its end."""
        await self.resume()
        for _ in range(80):
            await self.step("claim", 10)
            await self.step("wait", 2500)
            await self.step("sweep")
            execution = await self.bench.get(self.number)
            ending = execution.state is State.CANCELING
            if ending and execution.in_flight == 0:
                now = await self.now()
                await self.bench.jobs(
                    lambda jobs, now=now: jobs.deadlines.settle_waiting(self.number, now, 100)
                )
                await self.check()
            goal = State.CANCELED if ending else State.SUCCEEDED
            now = await self.now()
            closed = await self.bench.jobs(
                lambda jobs, goal=goal, now=now: jobs.plans.close(
                    self.number, Change(goal=goal), now
                )
            )
            if closed is not None:
                return closed
        raise AssertionError("it never ended")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pace=paces, history=st.lists(steps, min_size=5, max_size=25))
async def test_each_resource_gets_one_final_result_and_the_counts_add_up(pace, history):
    with tempfile.TemporaryDirectory() as folder:
        database = SqliteDatabase(Path(folder) / "drover.db")
        await database.open()
        try:
            model = Model(database)
            await model.begin(pace)
            for step in history:
                await model.step(*step)
            closed = await model.finish()
            if closed.state is State.SUCCEEDED:
                assert closed.ended_items == DEVICES
            assert closed.ended_items + closed.remaining == DEVICES
        finally:
            await database.close()
