"""An engine over a real SQLite store with fake workers, driven tick by tick."""

from __future__ import annotations

import asyncio

import msgspec

from drover.engine.payloads import execution_object
from drover.engine.service import Engine, Heart, Surroundings
from drover.engine.timing import Timing
from drover.model.execution import State
from drover.model.iteration import Acknowledgement
from drover.model.run import Execution, Pace, Target
from drover.ports.flows import FlowToRun
from drover.ports.runner import RunRecord, WorkerLost
from drover.store.session import SqlStore, StoreSession
from tests.contract.jobs_store import Bench

__all__ = ["EngineBench", "execution_object"]


class FakeFlows:
    """Flows by trigger type."""

    def __init__(self, triggers):
        self.triggers = triggers

    async def subscribed(self, application_id, trigger_type, key, *, flow_id=None, version=None):
        return [
            FlowToRun(flow_id=flow, tag="1", definition=b"{}", trigger_index=0)
            for flow in self.triggers.get(trigger_type, ())
        ]

    async def awaited(self, application_id, trigger_type, key):
        return trigger_type in self.triggers


class FakeStore:
    """The store with flows that exist only here."""

    def __init__(self, database, flows):
        self.database = database
        self.flows = flows
        self.offset_ms = 0

    async def write(self, work):
        return await self.database.write(lambda tx: work(self._session(tx)))

    async def read(self, work):
        return await self.database.read(lambda tx: work(self._session(tx)))

    async def glance(self, *given):
        return await SqlStore(self.database).glance(*given)

    def _session(self, tx):
        session = StoreSession(_Shifted(tx, self))
        session.__dict__["flows"] = self.flows
        return session


class _Shifted:
    """A transaction whose clock the test moves."""

    def __init__(self, tx, store):
        self._tx = tx
        self._store = store

    def __getattr__(self, name):
        return getattr(self._tx, name)

    async def now_ms(self):
        return await self._tx.now_ms() + self._store.offset_ms


class FakeBlobs:
    """Objects in memory."""

    def __init__(self):
        self.objects = {}

    async def put_stream(self, key, chunks):
        self.objects[key] = b"".join([chunk async for chunk in chunks])
        return len(self.objects[key])


class FakeRunner:
    """Runs a batch by acknowledging what ``outcome`` says of each resource.

    ``outcome(resource_id, batch)`` returns True, False, None (no acknowledgement), a whole
    Acknowledgement, or raises.
    """

    def __init__(self, outcome, capacity=4):
        self.capacity = capacity
        self.batches = []
        self.outcome = outcome
        self.acks = None
        self.before = None

    async def run(self, batch):
        self.batches.append(batch)
        if self.before is not None:
            await self.before(batch)
        if batch.iterations is None or batch.lease_id is None:
            return [RunRecord(ok=True)] * batch.size
        rows = []
        for resource_id in batch.iterations.resource_ids:
            given = self.outcome(resource_id, batch)
            if isinstance(given, Acknowledgement):
                rows.append(given)
            elif given is not None:
                rows.append(Acknowledgement(resource_id, given))
        if rows:
            await self.acks.settle(batch, msgspec.json.encode(rows), len(rows))
        return [RunRecord(ok=True)] * batch.size


class FakeLog:
    """Keeps what it is told."""

    def __init__(self):
        self.notes = []

    async def note(self, batch, records):
        self.notes.append((batch, records))


def fail_worker(_resource_id, _batch):
    raise WorkerLost


class EngineBench(Bench):
    """The parts of an engine, each of which a test may tick."""

    def __init__(self, database, outcome=lambda _id, _batch: True, triggers=None, **timing):
        super().__init__(database)
        self.flows = FakeFlows(triggers or {"resourceJobIteration": ["flow"]})
        self.store = FakeStore(database, self.flows)
        self.heart = Heart(self.store, Timing(**{"chunk": 100, **timing}), "worker")
        self.runner = FakeRunner(outcome)
        self.runner.acks = self.heart.acks
        self.blobs = FakeBlobs()
        self.log = FakeLog()
        self.engine = Engine(
            self.heart,
            Surroundings(
                runner=self.runner,
                blobs=self.blobs,
                log=self.log,
                report_url=lambda execution: f"/reports/{execution.id}",
                matches=lambda config, _firing: config != b"never",
                actions={},
            ),
        )
        self.loops = {loop.name: loop for loop in self.engine._loops}

    async def tick(self, *names):
        for name in names:
            result = await self.loops[name]._tick()
            while name == "dispatcher" and self.engine.dispatcher._working:
                await asyncio.wait(self.engine.dispatcher._working)
            while name == "firings" and self.engine.firings._running:
                await asyncio.wait(self.engine.firings._running)
        return result

    async def run_to_end(self, number, rounds=40):
        for _ in range(rounds):
            await self.tick("planner", "dispatcher", "sweeper", "reporter", "firings")
            execution = await self.get(number)
            if execution.state.is_final:
                return execution
        raise AssertionError(f"not ended: {execution}")


MANY = Pace(concurrency=10)


def target(**changes):
    """Return the detail of an execution over devices."""
    return msgspec.json.encode(Target(**{"resource_type": "device", **changes}))


async def begun(bench, devices=3, **changes):
    """Add devices and a planned execution over them; return its number."""
    await bench.add_devices(devices)
    execution = await bench.add(**{"detail": target(), "pace": MANY, **changes})
    await bench.tick("planner")
    return execution.number


def refusing(bench, error):
    """Let the store refuse each write with an error."""

    async def refuse(*_given, **_named):
        raise error

    bench.store.write = refuse


EXECUTION = msgspec.convert(
    {
        **dict.fromkeys(
            (
                "application_id",
                "owner_id",
                "job_id",
                "error",
                "source",
                "cancel_source",
                "retry_of",
                "unique_key",
                "started_ms",
                "completed_ms",
                "deadline_ms",
                "queue",
                "worker",
                "lease_until_ms",
                "accumulator",
                "report_key",
                "result",
            )
        ),
        **dict.fromkeys(
            (
                "requested_ms",
                "due_ms",
                "priority",
                "tries",
                "total",
                "claimed",
                "in_flight",
                "waiting",
                "succeeded",
                "failed",
                "timed_out",
                "fence",
                "next_claim_ms",
                "number",
            ),
            0,
        ),
        "id": "e" * 24,
        "kind": "resource_job",
        "name": "Job",
        "state": State.QUEUED,
        "pace": Pace(),
        "detail": b"{}",
        "cancel_requested": False,
        "cursor": "",
    },
    type=Execution,
)
