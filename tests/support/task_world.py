"""A store with long tasks, and runners on it that do what a test says."""

from __future__ import annotations

import asyncio

from drover.engine.service import Heart
from drover.engine.tasks import TaskRunner
from drover.engine.timing import Timing
from drover.model.task import NewTask
from tests.contract.jobs_store import APPLICATION, Bench

KIND = "archive_data"
LONG_MS = 3_600_000


class Doing:
    """A long task that does what the test says."""

    def __init__(self, run):
        self.run_it = run
        self.began = asyncio.Event()
        self.task = None

    async def run(self, task):
        self.task = task
        self.began.set()
        return await self.run_it(task)


class Telling(Doing):
    """One that has something to store once a task of it has ended."""

    def __init__(self, run):
        super().__init__(run)
        self.told = []

    async def ended(self, session, task):
        log = await session.tasks.log(APPLICATION, task.id)
        self.told.append((task.id, log.status))


class World(Bench):
    """A store, and runners on it: each is a server of its own."""

    def __init__(self, database):
        super().__init__(database)
        self.runners = []

    def runner(self, work, *, most=1, worker="one", **timing):
        clocks = Timing(**{"lease_ms": LONG_MS, "beat_ms": LONG_MS, **timing})
        heart = Heart(self.store, clocks, worker)
        runner = TaskRunner(heart, {KIND: work}, most=most)
        self.runners.append(runner)
        self.signals = heart.signals
        return runner

    async def ask(self, **changes):
        self.count += 1
        new = NewTask(
            **{
                "id": f"{self.count:024x}",
                "kind": KIND,
                "name": "ArchiveData",
                "application_id": APPLICATION,
                "input": {"date": 7},
                **changes,
            }
        )

        async def work(session):
            return await session.tasks.add(new, await session.now_ms())

        return await self.store.write(work)

    async def log(self, execution):
        return await self.store.read(lambda session: session.tasks.log(APPLICATION, execution.id))

    async def lose(self, execution):
        """End the lease as the clock would, had its server fallen silent."""
        sql = "UPDATE execution SET lease_until_ms = 0 WHERE number = :number"
        await self.database.write(lambda tx: tx.execute_sql(sql, {"number": execution.number}))


async def idle(runner):
    async with asyncio.timeout(60):
        while runner.running:
            await asyncio.sleep(0)


async def forever(_task):
    await asyncio.Event().wait()
