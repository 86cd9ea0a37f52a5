"""Whatever happens to an execution, in whatever order: one final result each, counts add up."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drover.model.execution import State
from drover.model.iteration import FINAL, Acknowledgement, ItemState
from drover.model.run import Change, Pace
from drover.ports.jobs import Follow, Held, Unlike
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
    st.tuples(st.just("claim_ahead"), st.integers(0, 5), st.integers(1, 4)),
    st.tuples(st.just("settle"), st.integers(0, 5), chosen, st.booleans()),
    st.tuples(st.just("settle_and_follow"), st.integers(0, 5), st.integers(1, 4)),
    st.tuples(st.just("settle_alike"), st.integers(0, 5), st.booleans(), st.integers(0, 4)),
    st.tuples(st.just("put_back"), st.integers(0, 5)),
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
        self.held = set()
        self.waits = {}
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
        await self.note(claim)

    async def note(self, claim, after=None):
        if claim is not None:
            items = await self.bench.documents(claim)
            self.claims.append((claim, [item.resource_id for item in items], set()))
            self.held.add(claim.lease.fence)
            if after is not None and after.fence in self.held:
                self.waits[claim.lease.fence] = after.fence

    async def claim_ahead(self, which, limit):
        """As a lane does: after a fresh chunk that runs and has none after it."""
        if not self.claims:
            return
        lease = self.claims[which % len(self.claims)][0].lease
        runs = lease.fence in self.held and not self.is_waiting(lease)
        if lease.again or not runs or self.waiting_for(lease) is not None:
            return
        claim = await self.bench.claim(
            self.number, limit, now=await self.now(), lease_ms=2000, after=lease
        )
        await self.note(claim, lease)

    def is_waiting(self, lease):
        return lease.fence in self.held and self.waits.get(lease.fence) in self.held

    def waiting_for(self, lease):
        for claim, _, _ in self.claims:
            if self.waits.get(claim.lease.fence) == lease.fence and claim.lease.fence in self.held:
                return claim.lease
        return None

    async def settle(self, which, numbers, ok, follow_limit=0):
        if not self.claims:
            return
        claim, items, settled = self.claims[which % len(self.claims)]
        given = [(each, ok) for each in items if int(each, 16) in numbers]
        if not given or self.is_waiting(claim.lease):
            return
        after = self.waiting_for(claim.lease)
        follow = Follow(limit=follow_limit, worker="w", lease_ms=2000, after=after)
        outcome = await self.bench.settle(
            self.number,
            *given,
            lease=claim.lease,
            unsettled=claim.lease.size - len(settled),
            follow=follow if follow_limit else None,
        )
        if claim.lease.fence in self.lost:
            assert not outcome.moved
        freed = claim.lease.size - len(settled) - outcome.unsettled
        settled |= set(list(outcome.moved)[:freed])
        if outcome.unsettled == 0:
            self.held.discard(claim.lease.fence)
        await self.note(outcome.following, after)

    async def settle_and_follow(self, which, limit):
        await self.settle(which, set(range(1, DEVICES + 1)), True, limit)

    async def settle_alike(self, which, ok, follow_limit):
        """As the engine does: all of a chunk by its range, or else each by its id."""
        if not self.claims:
            return
        claim, items, settled = self.claims[which % len(self.claims)]
        if settled or self.is_waiting(claim.lease):
            return
        after = self.waiting_for(claim.lease)
        follow = Follow(limit=follow_limit, worker="w", lease_ms=2000, after=after)
        held = Held(lease=claim.lease, unsettled=claim.lease.size)
        try:
            outcome = await self.bench.jobs(
                lambda jobs: jobs.iterations.settle_all(
                    self.number, Acknowledgement("", ok), held, follow if follow_limit else None
                )
            )
        except Unlike:
            await self.settle(which, set(range(1, DEVICES + 1)), ok, follow_limit)
            return
        assert claim.lease.fence in self.held
        settled |= set(items)
        self.held.discard(claim.lease.fence)
        await self.note(outcome.following, after)

    async def put_back(self, which):
        if self.claims:
            lease = self.claims[which % len(self.claims)][0].lease
            if self.is_waiting(lease):
                await self.put_back_lease(lease)

    async def put_back_lease(self, lease):
        now = await self.now()
        assert await self.bench.jobs(lambda jobs: jobs.iterations.put_back(lease, now)) is not None
        self.held.discard(lease.fence)
        self.lost.add(lease.fence)

    async def ended(self, lease):
        """What waits for a chunk that ended without all its results never begins."""
        waiting = self.waiting_for(lease)
        self.held.discard(lease.fence)
        if waiting is not None:
            await self.put_back_lease(waiting)

    async def acknowledge(self, numbers, ok):
        given = [(device_id(number), ok, f"told {ok}") for number in sorted(numbers)]
        if given:
            await self.bench.settle(self.number, *given)

    async def end_lease(self, which):
        if self.claims:
            claim = self.claims[which % len(self.claims)][0]
            if not self.is_waiting(claim.lease) and await self.bench.end_lease(claim):
                await self.ended(claim.lease)

    async def give_back(self, which, lost):
        if self.claims:
            lease, now = self.claims[which % len(self.claims)][0].lease, await self.now()
            taken = await self.bench.jobs(
                lambda jobs: jobs.iterations.give_back(lease, now, lost=lost)
            )
            if taken is not None:
                self.lost.add(lease.fence)
                await self.ended(lease)

    async def wait(self, ms):
        self.store.offset_ms += ms

    async def sweep(self):
        now = await self.now()
        for lease in await self.bench.jobs(lambda jobs: jobs.iterations.expired(now, 100)):
            if await self.bench.expire(lease, now) is not None:
                self.lost.add(lease.fence)
                await self.ended(lease)
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
        left = self.left_unbegun(items, execution)
        assert len(items) == execution.total == DEVICES
        assert execution.succeeded == states.count(ItemState.SUCCEEDED)
        assert execution.failed == states.count(ItemState.FAILED)
        assert execution.timed_out == states.count(ItemState.TIMED_OUT)
        assert execution.waiting == states.count(ItemState.WAITING)
        assert execution.in_flight == DEVICES - ended - execution.waiting - unclaimed - left
        assert execution.claimed == DEVICES - unclaimed
        begun = execution.in_flight - self.not_begun(items)
        assert begun <= execution.pace.concurrency
        for item in items:
            self.check_item(item)

    def left_unbegun(self, items, execution):
        """Count what was claimed ahead, put back, and never begun before the execution ended."""
        leased = {
            each for claim, ids, _ in self.claims if claim.lease.fence in self.held for each in ids
        }
        left = sum(
            item.state is ItemState.PENDING
            and item.resource_id <= execution.cursor
            and item.resource_id not in leased
            for item in items
        )
        assert left == 0 or execution.state is State.CANCELING
        return left

    def not_begun(self, items):
        states = {item.resource_id: item.state for item in items}
        return sum(
            states[each] is ItemState.PENDING
            for claim, ids, _ in self.claims
            if self.is_waiting(claim.lease)
            for each in ids
        )

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
