"""What the tests of the job tables share: a fleet, an execution, and the usual moves."""

from __future__ import annotations

import msgspec

from drover.model.execution import State
from drover.model.iteration import Acknowledgement
from drover.model.run import RESOURCE_JOB, NewExecution, Pace, Target
from drover.ports.jobs import Held, Ticket
from drover.query.tree import All
from drover.store.session import SqlStore

APPLICATION = "a" * 24
JOB = "b" * 24
NOW = 1_700_000_000_000


def device_id(number):
    return f"{number:024x}"


class Bench:
    """A store with some devices, and short names for what tests do with it."""

    def __init__(self, database):
        self.database = database
        self.store = SqlStore(database)
        self.count = 0

    async def add_devices(self, count, application=APPLICATION):
        rows = [
            (application, device_id(n), f"device {n}", "standalone", 1, 1, f'{{"n":{n}}}')
            for n in range(1, count + 1)
        ]
        columns = (
            "application_id", "id", "name", "device_class", "created_ms", "updated_ms", "document",
        )  # fmt: skip
        await self.database.write(lambda tx: tx.copy_rows("device", columns, rows))

    async def add(self, **changes):
        self.count += 1
        new = NewExecution(
            **{
                "id": f"{self.count:024x}",
                "kind": RESOURCE_JOB,
                "name": "Job",
                "application_id": APPLICATION,
                "job_id": JOB,
                **changes,
            }
        )
        return await self.jobs(lambda jobs: jobs.executions.add(new, NOW))

    async def jobs(self, work):
        return await self.store.write(lambda session: work(session.jobs))

    async def begin(self, devices=5, *, pace=None, **changes):
        """Add devices and an execution over all of them, and begin it."""
        await self.add_devices(devices)
        execution = await self.add(pace=pace or Pace(concurrency=10), **changes)
        await self.snapshot(execution)
        return await self.jobs(lambda jobs: jobs.plans.begin(execution.number, NOW))

    async def snapshot(self, execution, limit=100_000, after=""):
        target = Target(resource_type="device")
        return await self.jobs(
            lambda jobs: jobs.iterations.snapshot(execution, target, All(), after, limit)
        )

    async def claim(self, number, limit=1000, *, now=NOW, worker="w", lease_ms=30_000, after=None):
        ticket = Ticket(worker=worker, now_ms=now, until_ms=now + lease_ms, after=after)
        return await self.jobs(lambda jobs: jobs.iterations.claim(number, limit, ticket))

    async def documents(self, claim):
        return await self.jobs(lambda jobs: jobs.iterations.documents(claim, "device"))

    async def settle(self, number, *given, lease=None, unsettled=None, follow=None):
        rows = [Acknowledgement(*each) if isinstance(each, tuple) else each for each in given]
        text = msgspec.json.encode(rows).decode()
        held = lease and Held(lease=lease, unsettled=unsettled or lease.size)
        return await self.jobs(
            lambda jobs: jobs.iterations.settle(number, text, len(rows), held, follow)
        )

    async def end_lease(self, claim):
        return await self.jobs(
            lambda jobs: jobs.iterations.end_lease(claim.lease, claim.execution.pace)
        )

    async def expire(self, lease, now):
        return await self.jobs(lambda jobs: jobs.iterations.expire(lease, now))

    async def time_out(self, number, now, limit=100):
        return await self.jobs(lambda jobs: jobs.deadlines.time_out(number, now, limit))

    async def move(self, number, change):
        return await self.jobs(lambda jobs: jobs.executions.move(number, change))

    async def get(self, number):
        return await self.jobs(lambda jobs: jobs.executions.get_number(number))

    async def items(self, number, states=()):
        return await self.jobs(
            lambda jobs: jobs.items.page(number, states=states, after_id="", limit=10_000)
        )


def open_states():
    return [state for state in State if not state.is_final]


def counts(execution):
    """Return the counts of an execution that are not zero."""
    return {
        name: getattr(execution, name)
        for name in ("total", "in_flight", "waiting", "succeeded", "failed", "timed_out")
        if getattr(execution, name)
    }
