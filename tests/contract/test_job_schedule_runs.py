"""Runs of resource jobs that are due by schedule: taken, put off, given up; what hinders them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

import pytest
import pytest_asyncio

from drover.app.schedules import runs
from drover.model.errors import Invalid, TooMany
from drover.ports.failures import StoreBusy, StoreFull
from drover.ports.schedules import DueRun
from drover.store.jobs.executions import ExecutionStore
from tests.support.job_schedules import executions, job_of, made, opened, tagged
from tests.support.jobs_bench import JobsBench

ABSENT = "e" * 24


@pytest_asyncio.fixture
async def bench(database):
    async with opened(database) as bench:
        yield bench


@pytest_asyncio.fixture
async def quick(sqlite_database):
    """One on the quicker database, for what is decided before any is asked."""
    async with opened(sqlite_database) as bench:
        yield bench


# Two steps ----------------------------------------------------------------------------------------


async def test_a_run_whose_server_died_is_taken_up_by_another(bench):
    await bench.at("2026-01-10T00:00:01Z")
    path = await made(bench, min="*/10")
    await bench.at("2026-01-10T00:10:01Z")
    await bench.scheduler.tick()
    lost = await bench.store.write(runs._take)
    await bench.due()
    meanwhile = await executions(bench, path)

    await bench.at("2026-01-10T00:11:02Z")
    await bench.due()

    assert len(lost) == 1
    assert meanwhile == []
    assert len(await executions(bench, path)) == 1
    assert (await bench.ok("GET", path))["lastRun"] == "2026-01-10T00:10:00.000Z"


async def test_a_run_that_servers_die_over_is_given_up(quick):
    await quick.at("2026-01-10T00:00:01Z")
    path = await made(quick, hour=3)
    await quick.at("2026-01-10T03:00:01Z")
    await quick.scheduler.tick()
    for minute in range(1, 12, 2):
        await quick.store.write(runs._take)
        await quick.at(f"2026-01-10T03:{minute:02}:10Z")

    await quick.due()

    assert (await quick.ok("GET", path))["lastError"] == "The run could not be begun"
    assert await executions(quick, path) == []


async def test_a_run_that_takes_long_to_render_keeps_no_other_one_back(quick, monkeypatch):
    monkeypatch.setattr(runs, "_PATIENCE_S", 0.01)
    await quick.at("2026-01-10T00:00:01Z")
    slow, fast = await made(quick, min="*/10"), await made(quick, min="*/10")
    gate, prepared = asyncio.Event(), quick.work.executions.prepared

    async def waits(job, *given):
        if job.id in slow:
            await gate.wait()
        return await prepared(job, *given)

    monkeypatch.setattr(quick.work.executions, "prepared", waits)
    await quick.at("2026-01-10T00:10:01Z")
    await quick.due()
    before = [len(await executions(quick, path)) for path in (slow, fast)]
    gate.set()
    async with asyncio.timeout(60):
        while not await executions(quick, slow):
            await asyncio.sleep(0)

    assert before == [0, 1]


async def test_one_broken_run_keeps_no_other_one_back(quick, monkeypatch):
    await quick.at("2026-01-10T00:00:01Z")
    paths = [await made(quick, min="*/10") for _ in range(4)]
    prepared, add = quick.work.executions.prepared, quick.work.executions.add_several

    async def breaks(job, *given):
        if job.id in paths[0]:
            raise ValueError("odd")
        return await prepared(job, *given)

    async def breaks_too(session, place, new):
        if place[1] in paths[1]:
            raise ValueError("odd")
        return await add(session, place, new)

    monkeypatch.setattr(quick.work.executions, "prepared", breaks)
    monkeypatch.setattr(quick.work.executions, "add_several", breaks_too)
    await quick.ok("DELETE", job_of(paths[2]))
    await quick.at("2026-01-10T00:10:01Z")
    await quick.due()

    told = [(await quick.ok("GET", path)).get("lastError") for path in (*paths[:2], paths[3])]
    assert told == ["The run failed before it was begun", "The run could not be stored", None]
    assert len(await executions(quick, paths[3])) == 1
    assert await quick.store.read(lambda session: session.jobs.due_runs.next_ms()) is None


async def test_a_job_that_goes_while_its_run_is_due_takes_that_with_it(quick):
    await quick.at("2026-01-10T00:00:01Z")
    path = await made(quick, min="*/10")
    await quick.at("2026-01-10T00:10:01Z")
    await quick.scheduler.tick()
    await quick.ok("DELETE", job_of(path))

    await quick.due()

    assert await quick.store.read(lambda session: session.jobs.due_runs.next_ms()) is None


# What hinders runs --------------------------------------------------------------------------------


async def due_now(bench, count=1, **body):
    """Make schedules that are due, and return their paths."""
    await bench.at("2026-01-10T00:00:01Z")
    paths = [await made(bench, min="*/10", **body) for _ in range(count)]
    await bench.at("2026-01-10T00:10:01Z")
    return paths


async def waiting_ms(bench):
    """Return in how many ms the next due run is tried, None without any."""

    async def work(session):
        next_ms = await session.jobs.due_runs.next_ms()
        return None if next_ms is None else next_ms - await session.now_ms()

    return await bench.store.read(work)


@pytest.mark.parametrize("error", [TooMany("many"), StoreBusy("busy")])
async def test_a_run_that_cannot_be_rendered_now_is_tried_soon_again(quick, monkeypatch, error):
    (path,) = await due_now(quick)
    prepared = quick.work.executions.prepared
    failures = [error]

    async def busy(*given):
        if failures:
            raise failures.pop()
        return await prepared(*given)

    monkeypatch.setattr(quick.work.executions, "prepared", busy)
    await quick.due()
    early = await executions(quick, path), await waiting_ms(quick)
    await quick.at("2026-01-10T00:10:07Z")
    await quick.due()

    assert early[0] == []
    assert 0 < early[1] <= 5000
    assert len(await executions(quick, path)) == 1


async def test_a_job_that_cannot_be_used_any_more_is_told(quick, monkeypatch):
    (path,) = await due_now(quick, executionOptions={"queryJson": "{}"})

    async def refuses(*_given):
        raise Invalid("not usable")

    monkeypatch.setattr(quick.work.executions, "prepared", refuses)
    await quick.due()

    assert (await quick.ok("GET", path))["lastError"] == "not usable"


async def test_a_full_store_leaves_runs_for_later(quick, monkeypatch):
    (path,) = await due_now(quick)
    add = quick.work.executions.add_several
    failures = [StoreFull("full")]

    async def full(*given):
        if failures:
            raise failures.pop()
        return await add(*given)

    monkeypatch.setattr(quick.work.executions, "add_several", full)
    await quick.due()
    early = await executions(quick, path)
    await quick.at("2026-01-10T00:11:02Z")
    await quick.due()

    assert early == []
    assert len(await executions(quick, path)) == 1


async def test_a_store_that_fails_again_and_again_leaves_the_run_and_says_so(quick, monkeypatch):
    await due_now(quick)

    async def broken(*_given):
        raise ValueError("odd")

    monkeypatch.setattr(runs, "_told_apart", broken)
    await quick.due()

    assert 50_000 < await waiting_ms(quick) <= 60_000


async def test_no_more_runs_are_taken_while_very_many_are_rendered(quick, monkeypatch):
    monkeypatch.setattr(runs, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(runs, "_MOST_LATE", 1)
    monkeypatch.setattr(runs, "_AT_A_TIME", 1)
    paths = await due_now(quick, 2)

    async def never(*_given):
        await asyncio.Event().wait()

    monkeypatch.setattr(quick.work.executions, "prepared", never)
    part = quick.work.schedules.runs
    await quick.scheduler.tick()

    wishes = [await part.tick(), await part.tick()]
    await part.stop()

    assert wishes == [0.0, None]
    assert [await executions(quick, path) for path in paths] == [[], []]


async def test_zones_are_looked_up_once_for_all_schedules_of_a_tag(quick):
    await tagged(quick, "Asia/Kathmandu", "UTC")
    job = await quick.job()
    await quick.at("2026-01-09T21:00:01Z")
    local = [await made(quick, job, hour=3, localTimeTag="timezone") for _ in range(2)]
    await quick.at("2026-01-09T21:15:01Z")

    await quick.due()

    assert len(await executions(quick, local[0])) == 2
    assert [(await quick.ok("GET", path))["lastRun"] for path in local] == [
        "2026-01-09T21:15:00.000Z"
    ] * 2


async def test_two_servers_with_runs_of_one_schedule_begin_no_second_beside_the_first(
    postgres_database, monkeypatch
):
    bench = JobsBench(postgres_database)
    await bench.add_devices(1)
    await bench.at("2026-01-10T00:20:01Z")
    path = await made(bench, min="*/10")
    due = bench.work.schedules.runs
    ready = await _ready_twice(bench, due)
    both = asyncio.Barrier(2)
    real = ExecutionStore.open_keyed

    async def open_keyed(self, keys):
        found = await real(self, keys)
        with suppress(TimeoutError, asyncio.BrokenBarrierError):
            async with asyncio.timeout(0.5):  # the other one is kept waiting for the schedule
                await both.wait()
        return found

    monkeypatch.setattr(ExecutionStore, "open_keyed", open_keyed)
    await asyncio.gather(*(due._keep([each]) for each in ready))

    assert len(await executions(bench, path)) == 1
    assert await bench.store.read(lambda session: session.jobs.due_runs.next_ms()) is None
    await bench.client.aclose()


async def _ready_twice(bench, due):
    """Return two runs of the one schedule there is, rendered and ready to be begun."""

    async def work(session):
        [schedule] = (await session.jobs.schedules.due(2**60, 2))[:1]
        moments = (1_768_004_400_000, 1_768_004_500_000)
        await session.jobs.due_runs.add(
            [DueRun(ref=schedule.ref, zone="", due_ms=each) for each in moments],
            await session.now_ms(),
        )
        return await runs._take(session)

    taken = await bench.store.write(work)
    owners = await bench.store.read(partial(runs._owners, runs=taken))
    return [await due._made_ready(each, *owners[each.ref]) for each in taken]
