"""Schedulers killed again and again: each due moment is acted on once, or not at all."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from drover.ports.schedules import Schedule
from drover.store.jobs.schedules import ScheduleStore
from tests.acceptance.engine_server import asked, database_of

pytestmark = pytest.mark.timeout(300)

SCHEDULES = 40
INTERVAL_S = 0.25
ROUNDS = 5


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """The place of a store: a file, or the URL of a database."""
    if request.param == "sqlite":
        return str(tmp_path / "drover.db")
    return request.getfixturevalue("postgres_url")


class Schedulers:
    """Processes of schedulers on one store: as many as that allows."""

    def __init__(self, place):
        self.place = place
        self.running = []

    async def fill(self):
        while len(self.running) < (3 if "://" in self.place else 1):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.acceptance.scheduler_server",
                self.place,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            )
            async for line in process.stdout:
                if line.strip() == b"ready":
                    break
            assert process.returncode is None
            self.running.append(process)

    async def kill_one(self):
        process = self.running.pop(random.randrange(len(self.running)))
        process.kill()
        await process.wait()

    async def kill_all(self):
        while self.running:
            await self.kill_one()


@pytest_asyncio.fixture
async def schedulers(place):
    schedulers = Schedulers(place)
    yield schedulers
    await schedulers.kill_all()


async def with_store(place, work):
    database = database_of(place)
    await database.open()
    try:
        return await database.write(work)
    finally:
        await database.close()


async def begin(tx):
    now_ms = await tx.now_ms()
    for number in range(SCHEDULES):
        await ScheduleStore(tx).put(
            Schedule(
                kind="timer",
                ref=f"f/{number:02}",
                application_id="a" * 24,
                seconds=INTERVAL_S,
                next_due_ms=now_ms + number,
                detail=b'{"key":"%02d"}' % number,
            )
        )


async def end(tx):
    fired = await tx.fetch_sql("SELECT trigger_key, due_ms FROM firing")
    moments = [(row["trigger_key"], row["due_ms"]) for row in fired]
    return moments, await ScheduleStore(tx).of("timer", "f")


async def test_each_moment_is_acted_on_once_whoever_dies(place, schedulers):
    await with_store(place, begin)
    for _ in range(ROUNDS):
        await schedulers.fill()
        await until_more_than(place, await moments_of(place) + SCHEDULES)
        await schedulers.kill_one()
    await schedulers.kill_all()

    moments, schedules = await with_store(place, end)

    assert len(moments) == len(set(moments)) > SCHEDULES * ROUNDS
    for schedule in schedules:
        own = [due_ms for key, due_ms in moments if key == schedule.ref[2:]]
        assert max(own) == schedule.last_due_ms
        assert schedule.next_due_ms == schedule.last_due_ms + round(INTERVAL_S * 1000)


async def moments_of(place):
    return await asked(place, "SELECT count(*) FROM firing")


async def until_more_than(place, count):
    async with asyncio.timeout(120):
        while await moments_of(place) <= count:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_one_that_is_frozen_while_others_go_on_acts_on_no_moment_again(place, schedulers):
    await with_store(place, begin)
    await schedulers.fill()
    await until_more_than(place, SCHEDULES)
    frozen = schedulers.running[0]

    frozen.send_signal(signal.SIGSTOP)
    await until_more_than(place, await moments_of(place) + 2 * SCHEDULES)
    frozen.send_signal(signal.SIGCONT)
    await until_more_than(place, await moments_of(place) + 2 * SCHEDULES)
    await schedulers.kill_all()

    moments, _ = await with_store(place, end)
    assert len(moments) == len(set(moments)) > 5 * SCHEDULES
