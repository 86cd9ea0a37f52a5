"""The registry of workers on each database: what is written, when, and who sees it."""

from __future__ import annotations

import pytest

from drover.app import beacon_registry
from drover.app.beacon_registry import BeaconRegistry, Told
from drover.model.access import Caller, Role
from drover.model.accounts import Account
from drover.model.beacon_job import Hold, NewBeaconJob, Pick, pick, start
from drover.ports.beacons import Sight, Wish
from drover.ports.failures import StoreBusy
from drover.store.session import SqlStore
from tests.support.access_server import FakeClock

LOST_MS = 90_000


class World:
    """A store with two users, a registry on it, and a count of what it writes."""

    def __init__(self, database):
        self.store = SqlStore(database)
        self.clock = FakeClock()
        self.writes = 0
        self.fails = False
        self.registry = BeaconRegistry(self, self.clock, LOST_MS)

    async def begin(self):
        accounts = [_account(number) for number in (1, 2)]

        async def work(session):
            return [await session.access.accounts.add(each) for each in accounts]

        added = await self.store.write(work)
        self.first, self.second = (_caller(each) for each in added)
        return self

    async def write(self, work):
        self.writes += 1
        if self.fails:
            raise StoreBusy("busy")

        async def on_our_clock(session):
            return await work(_Fixed(session, self.clock))

        return await self.store.write(on_our_clock)

    async def read(self, work):
        return await self.store.read(lambda session: work(_Fixed(session, self.clock)))

    async def seen(self, caller):
        return [each async for page in self.registry.pages(caller) for each in page]

    async def statuses(self, caller):
        return {each.worker.worker: each.status for each in await self.seen(caller)}


class _Fixed:
    """A unit of work whose store has the clock of the test."""

    def __init__(self, session, clock):
        self._session = session
        self._clock = clock

    def __getattr__(self, name):
        return getattr(self._session, name)

    async def now_ms(self):
        return self._clock.now_ms()


def _account(number):
    return Account(
        id=f"{number:024x}",
        number=0,
        guid=f"guid-{number}",
        email=f"user{number}@example.com",
        role=Role.USER,
        password_hash="none",
        created_ms=1,
        updated_ms=1,
        password_updated_ms=1,
    )


def _caller(account, **more):
    return Caller(
        type="user",
        id=account.id,
        user_id=account.id,
        scopes=frozenset(),
        number=account.number,
        guid=account.guid,
        **more,
    )


@pytest.fixture
async def world(database):
    return await World(database).begin()


async def test_a_worker_is_seen_with_what_it_told(world):
    world.registry.heard(world.first, "box-1", Told(("a", "b"), ("gpu",), "1.2", draining=False))
    world.clock.advance(0.5)

    await world.registry.flush()

    (seen,) = await world.seen(world.first)
    worker = seen.worker
    assert seen.status == "alive"
    assert (worker.worker, worker.names, worker.labels) == ("box-1", ("a", "b"), ("gpu",))
    assert (worker.version, worker.user_number, worker.jobs) == ("1.2", world.first.number, ())
    assert worker.first_beat_ms == worker.last_beat_ms == world.clock.now_ms() - 500


async def test_what_is_not_told_again_stays_as_it_was(world):
    world.registry.heard(world.first, "box", Told(("a",), ("x",), "1", draining=False))
    await world.registry.flush()
    world.clock.advance(LOST_MS / 1000)
    other_server = BeaconRegistry(world, world.clock, LOST_MS)

    other_server.heard(world.first, "box", Told())
    await other_server.flush()

    (seen,) = await world.seen(world.first)
    assert (seen.status, seen.worker.names, seen.worker.version) == ("alive", ("a",), "1")
    assert seen.worker.first_beat_ms < seen.worker.last_beat_ms


async def test_a_sign_that_comes_late_does_not_turn_back_the_clock(world):
    behind = BeaconRegistry(world, world.clock, LOST_MS)
    behind.heard(world.first, "box", Told(version="old"))
    world.clock.advance(5)
    world.registry.heard(world.first, "box", Told(version="new"))
    await world.registry.flush()

    await behind.flush()

    (seen,) = await world.seen(world.first)
    assert seen.worker.last_beat_ms == world.clock.now_ms()


async def test_workers_are_alive_draining_and_lost(world):
    world.registry.heard(world.first, "goes", Told())
    world.registry.heard(world.first, "stays", Told())
    world.registry.heard(world.first, "silent", Told())
    await world.registry.flush()
    world.clock.advance(LOST_MS / 1000 - 1)
    world.registry.heard(world.first, "goes", Told(draining=True))
    world.registry.heard(world.first, "stays", Told())
    await world.registry.flush()

    assert await world.statuses(world.first) == {
        "goes": "draining",
        "silent": "alive",
        "stays": "alive",
    }
    world.clock.advance(1)
    assert (await world.statuses(world.first))["silent"] == "lost"


async def test_signs_of_many_waiting_workers_are_written_together_and_seldom(world):
    """200 workers that ask every 20 s: a write now and then, not ten in a second."""
    for second in range(60):
        for number in range(200):
            if (number + second) % 20 == 0:
                world.registry.heard(world.first, f"box-{number}", Told(("a",)))
        await world.registry.flush()
        world.clock.advance(1)

    assert len(await world.seen(world.first)) == 200
    assert set((await world.statuses(world.first)).values()) == {"alive"}
    assert world.writes <= 60
    before = world.writes
    await world.registry.flush()
    assert world.writes == before


async def test_an_unchanged_worker_is_not_written_again_before_its_sign_is_old(world):
    for _ in range(int(LOST_MS / 1000 / 4)):
        world.registry.heard(world.first, "box", Told(("a",)))
        await world.registry.flush()
        world.clock.advance(1)

    assert world.writes == 1


async def test_signs_are_not_lost_when_the_store_is_busy(world):
    world.registry.heard(world.first, "box", Told())
    world.fails = True
    with pytest.raises(StoreBusy):
        await world.registry.flush()
    world.fails = False

    await world.registry.flush()

    assert await world.statuses(world.first) == {"box": "alive"}


async def test_users_see_their_own_workers_administrators_all(world):
    world.registry.heard(world.first, "mine", Told())
    world.registry.heard(world.second, "theirs", Told())
    world.registry.heard(world.second, "mine", Told())
    await world.registry.flush()
    boss = Caller(
        type="user", id="f" * 24, scopes=frozenset(), is_administrator=True, role=Role.ADMINISTRATOR
    )

    assert [each.worker.worker for each in await world.seen(world.first)] == ["mine"]
    assert [each.worker.worker for each in await world.seen(world.second)] == ["mine", "theirs"]
    assert len(await world.seen(boss)) == 3


async def test_a_worker_shows_the_jobs_it_has_as_far_as_the_caller_sees_them(world):
    async def work(session):
        for caller in (world.first, world.second):
            new = NewBeaconJob(
                id=caller.id[::-1],
                name="n",
                owner_id=caller.user_id,
                user_number=None,
                user_guid=None,
                queued_ms=1,
            )
            job = await session.beacons.add(new, 1)
            wish = Wish(("default",), sight=Sight())
            seen = await session.beacons.next(wish, 10)
            asked = Pick(hold=Hold(worker="box"))
            taken = start(pick(seen, asked, 10), asked, 10)
            assert taken.number == job.number
            await session.beacons.save(seen, taken)

    await world.store.write(work)
    world.registry.heard(world.first, "box", Told())
    await world.registry.flush()

    (seen,) = await world.seen(world.first)
    assert len(seen.worker.jobs) == 1


async def test_an_account_cannot_fill_the_store_with_workers(world, monkeypatch):
    monkeypatch.setattr(beacon_registry, "MOST_WORKERS", 5)
    for number in range(9):
        world.registry.heard(world.first, f"box-{number}", Told())
    await world.registry.flush()
    world.clock.advance(1)
    other_server = BeaconRegistry(world, world.clock, LOST_MS)
    other_server.heard(world.first, "newest", Told())
    await other_server.flush()

    found = await world.statuses(world.first)
    assert len(found) == 5
    assert "newest" in found


async def test_workers_that_were_silent_for_long_are_forgotten(world):
    world.registry.heard(world.first, "old", Told())
    await world.registry.flush()
    world.clock.advance(beacon_registry.FORGOTTEN_MS / 1000 + 1)
    world.registry.heard(world.first, "new", Told())

    await world.registry.flush()

    assert await world.statuses(world.first) == {"new": "alive"}


async def test_workers_of_an_account_that_is_gone_are_passed_over(world):
    world.registry.heard(world.second, "box", Told())
    await world.store.write(lambda s: s.access.accounts.remove(world.second.user_id))

    await world.registry.flush()

    boss = Caller(type="user", id="f" * 24, scopes=frozenset(), is_administrator=True)
    assert await world.seen(boss) == []


async def test_more_workers_than_a_page_holds_are_all_seen(world, monkeypatch):
    monkeypatch.setattr(beacon_registry, "PAGE", 3)
    for number in range(7):
        world.registry.heard(world.first, f"box-{number}", Told())
    await world.registry.flush()

    assert len(await world.seen(world.first)) == 7


async def test_what_waits_and_what_is_worked_on_is_told_by_beacon_in_the_order_it_is_taken(world):
    owner, other = world.first.user_id, world.second.user_id
    added = [("a", owner, 0), ("a", owner, 5), ("a", owner, 0), ("b", owner, 0), ("a", other, 9)]

    async def work(session):
        jobs = [
            await session.beacons.add(
                NewBeaconJob(
                    id=f"{place:024x}",
                    name="job",
                    owner_id=owner_id,
                    user_number=None,
                    user_guid=None,
                    beacon_name=name,
                    queued_ms=1,
                    priority=priority,
                ),
                1,
            )
            for place, (name, owner_id, priority) in enumerate(added)
        ]
        asked = Pick(hold=Hold(worker="box"), beacon_name=None, lease_ms=0)
        assert await session.beacons.save(jobs[0], pick(jobs[0], asked, 2))
        return [job.number for job in jobs]

    numbers = await world.store.write(work)
    working, waiting = await world.registry.work_of(world.first, "a", 10)

    assert [each.number for each in working] == [numbers[0]]
    assert [each.number for each in waiting] == [numbers[1], numbers[2]]
    assert await world.registry.queues(world.first) == [("a", 2), ("b", 1)]
    assert await world.registry.queues(world.second) == [("a", 1)]
    assert await world.registry.work_of(world.second, "b", 10) == ([], [])
