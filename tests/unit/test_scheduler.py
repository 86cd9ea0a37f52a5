"""The scheduler: each due moment acted on once, by whoever looks first."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs

from drover.engine import scheduler
from drover.engine.scheduler import ScheduleAction, Scheduler
from drover.engine.timing import Timing
from drover.model.errors import Invalid
from drover.ports.failures import StoreFull
from drover.ports.schedules import Schedule
from drover.store.driver import StatementFailed
from tests.contract.jobs_store import APPLICATION
from tests.unit.engine_bench import EngineBench

MINUTE = 60_000
TIMER = Schedule(
    kind="timer",
    ref="flow/key",
    application_id=APPLICATION,
    seconds=60,
    detail=b'{"key":"key","flowId":"flow"}',
)
ODD = Schedule(kind="odd", ref="1", seconds=60, makes_up=True)


class Desk:
    """Some schedulers over one store, and what their action was given."""

    def __init__(self, database):
        self.bench = EngineBench(database, triggers={"timer": ["flow"]})
        self.store = self.bench.store
        self.given = []
        self.wakes = 0
        self.poison = {}

    def scheduler(self, **timing):
        actions = {"odd": ScheduleAction(self.act, self.wake)}
        return Scheduler(self.store, Timing(**timing), actions)

    async def act(self, session, due):
        for each in due:
            if each.schedule.ref in self.poison:
                raise self.poison[each.schedule.ref]
        await session.jobs.schedules.put(
            Schedule(kind="done", ref=due[0].schedule.ref, next_due_ms=None)
        )
        self.given.append([(each.schedule.ref, each.due_ms, each.since_ms) for each in due])

    def wake(self):
        self.wakes += 1

    async def now(self):
        return await self.store.read(lambda session: session.now_ms())

    async def put(self, *schedules):
        for each in schedules:
            await self.bench.jobs(lambda jobs, each=each: jobs.schedules.put(each))

    async def only(self, kind, owner):
        (found,) = await self.bench.jobs(lambda jobs: jobs.schedules.of(kind, owner))
        return found

    async def numbered(self, now, *numbers):
        await self.put(*(structs.replace(ODD, ref=str(each), next_due_ms=now) for each in numbers))


@pytest.fixture
def desk(sqlite_database):
    return Desk(sqlite_database)


async def test_a_timer_fires_for_its_moment_alone_and_goes_on_in_its_phase(desk):
    now = await desk.now()
    await desk.put(structs.replace(TIMER, next_due_ms=now - 150_000))

    await desk.bench.tick("scheduler", "scheduler", "firings")

    assert len(desk.bench.runner.batches) == 1
    stored = await desk.only("timer", "flow")
    assert stored.next_due_ms == now + 30_000
    assert stored.last_due_ms == now - 30_000


async def test_a_timer_fires_nothing_for_what_was_missed(desk):
    now = await desk.now()
    rare = structs.replace(TIMER, seconds=7200, next_due_ms=now - 2 * MINUTE)
    await desk.put(rare)

    await desk.bench.tick("scheduler", "firings")

    assert desk.bench.runner.batches == []
    stored = await desk.only("timer", "flow")
    assert (stored.last_due_ms, stored.next_due_ms) == (None, now + 118 * MINUTE)


async def test_all_that_is_due_is_given_at_once_and_then_somebody_is_woken(desk):
    now = await desk.now()
    await desk.numbered(now, 1, 2, 3)

    rest = await desk.scheduler().tick()

    assert desk.given == [[(ref, now, now) for ref in "123"]]
    assert desk.wakes == 1
    assert 50 < rest <= 60


async def test_what_may_be_made_up_for_is_told(desk):
    now = await desk.now()
    await desk.put(structs.replace(ODD, next_due_ms=now - 90 * MINUTE, cron=None))

    await desk.scheduler(make_up_ms=10 * MINUTE).tick()

    ((ref, due, since),) = desk.given[0]
    assert ref == "1"
    assert now <= due <= since + 10 * MINUTE
    assert now - 10 * MINUTE <= since <= now - 10 * MINUTE + 5000


async def test_nothing_is_made_up_for_that_is_too_long_ago(desk):
    now = await desk.now()
    await desk.put(structs.replace(ODD, seconds=7200, next_due_ms=now - 61 * MINUTE))

    await desk.scheduler().tick()

    assert desk.given == []
    assert (await desk.only("odd", "1")).next_due_ms == now + 59 * MINUTE


async def test_schedulers_that_look_at_once_act_once(desk):
    now = await desk.now()
    await desk.numbered(now, *range(40))

    await asyncio.gather(*(desk.scheduler().tick() for _ in range(8)))

    assert sorted(int(ref) for some in desk.given for ref, *_ in some) == list(range(40))


async def test_more_than_is_taken_at_a_time_is_asked_for_at_once(desk, monkeypatch):
    monkeypatch.setattr(scheduler, "_AT_A_TIME", 2)
    now = await desk.now()
    await desk.numbered(now, 1, 2, 3)
    part = desk.scheduler()

    rests = [await part.tick(), await part.tick()]

    assert rests[0] == 0
    assert rests[1] > 0
    assert [len(some) for some in desk.given] == [2, 1]


async def test_a_schedule_of_an_unknown_kind_and_one_that_is_broken_are_moved_on(desk):
    now = await desk.now()
    await desk.put(
        Schedule(kind="other", ref="r", seconds=1, next_due_ms=now),
        Schedule(kind="odd", ref="b", cron="broken", next_due_ms=now),
    )

    await desk.scheduler().tick()

    assert (await desk.only("other", "r")).last_due_ms >= now
    assert not (await desk.only("odd", "b")).active
    assert desk.given == []


@pytest.mark.parametrize("error", [ValueError("odd"), Invalid("odd"), StatementFailed("odd")])
async def test_one_that_an_action_fails_for_keeps_no_other_one_back(desk, error):
    now = await desk.now()
    await desk.numbered(now, 1, 2, 3)
    desk.poison = {"2": error}

    rest = await desk.scheduler().tick()

    assert desk.given == [[("1", now, now)], [("3", now, now)]]
    assert (await desk.only("odd", "2")).next_due_ms > now
    assert rest > 0


async def test_a_full_store_keeps_all_for_later(desk):
    now = await desk.now()
    await desk.numbered(now, 1, 2)
    desk.poison = {"2": StoreFull("full")}
    part = desk.scheduler()

    with pytest.raises(StoreFull):
        await part.tick()
    desk.poison = {}
    await part.tick()

    assert desk.given == [[("1", now, now), ("2", now, now)]]


async def test_a_full_batch_of_failures_is_gone_through_one_by_one(desk, monkeypatch):
    monkeypatch.setattr(scheduler, "_AT_A_TIME", 2)
    now = await desk.now()
    await desk.numbered(now, 1, 2, 3)
    desk.poison = {"1": ValueError("odd"), "2": ValueError("odd")}

    assert await desk.scheduler().tick() == 0

    assert (await desk.only("odd", "3")).next_due_ms == now


async def test_nothing_to_come_is_no_wish(desk):
    assert await desk.scheduler().tick() is None
