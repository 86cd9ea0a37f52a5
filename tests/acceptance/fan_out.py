"""A fan-out with real worker processes over a real store, for tests and measurements."""

from __future__ import annotations

import asyncio

import msgspec

from drover.engine.service import Engine, Heart, Surroundings
from drover.engine.timing import Timing
from drover.model.iteration import Acknowledgement
from drover.model.run import Pace, Target
from drover.ports.flows import FlowToRun
from drover.workers.local import LocalWorkers, WorkerSettings
from tests.contract.jobs_store import JOB, Bench
from tests.unit.engine_bench import FakeBlobs, FakeFlows, FakeLog, FakeStore


def node(identity, kind, config, *then):
    return {"id": identity, "type": kind, "config": config, "meta": {}, "outputIds": [list(then)]}


def flow(*nodes):
    trigger = {
        "type": "resourceJobIteration",
        "key": JOB,
        "config": {},
        "outputIds": [[nodes[0]["id"]]],
    }
    return msgspec.json.encode(
        {"id": "f" * 24, "name": "Flow", "triggers": [trigger], "nodes": nodes, "globals": []}
    )


ACKNOWLEDGE = node("ack", "ResourceJobAcknowledgeNode", {"successExpression": "true"})
NO_OP = flow(node("call", "PythonHandlerNode", {"handler": "no-op"}, "ack"), ACKNOWLEDGE)


class RealFlows(FakeFlows):
    """One flow for iterations."""

    def __init__(self, definition):
        super().__init__({})
        self.definition = definition

    async def subscribed(self, application_id, trigger_type, key, *, flow_id=None, version=None):
        if trigger_type != "resourceJobIteration":
            return []
        return [FlowToRun(flow_id="f" * 24, tag="1", definition=self.definition, trigger_index=0)]


class NoHost:
    """Answers of a server that can only settle."""

    def __init__(self, acks):
        self._acks = acks

    async def call(self, batch, operation, requests):
        return [{"error": {"type": "NotFound", "message": operation}}] * len(requests)

    async def settle(self, batch, rows, count):
        return await self._acks.settle(batch, rows, count)

    async def settle_all(self, batch, *, ok, message):
        return await self._acks.settle_all(batch, Acknowledgement("", ok, message))


class FanOut(Bench):
    """A whole engine with workers."""

    def __init__(
        self,
        database,
        definition=NO_OP,
        *,
        workers=2,
        handlers=("tests.acceptance.handlers",),
        worker="server",
        blobs=None,
        silent_s=30.0,
        **timing,
    ):
        super().__init__(database)
        self.store = FakeStore(database, RealFlows(definition))
        self.heart = Heart(self.store, Timing(**timing), worker)
        beat_s = self.heart.timing.beat_ms / 1000
        self.workers = LocalWorkers(
            NoHost(self.heart.acks),
            WorkerSettings(
                count=workers,
                handlers=handlers,
                beat_s=beat_s,
                silent_s=silent_s,
            ),
        )
        self.log = FakeLog()
        self.engine = Engine(
            self.heart,
            Surroundings(
                runner=self.workers,
                blobs=blobs or FakeBlobs(),
                log=self.log,
                report_url=lambda execution: execution.id,
                matches=lambda *_given: True,
                actions={},
            ),
        )

    async def __aenter__(self):
        await self.workers.start()
        await self.engine.start()
        return self

    async def __aexit__(self, *_given):
        await self.engine.stop()
        await self.workers.stop()

    async def execute(self, **pace):
        detail = msgspec.json.encode(Target(resource_type="device"))
        execution = await self.add(detail=detail, pace=Pace(**pace))
        self.heart.signals.plan.set()
        return execution.number

    async def ended(self, number, seconds=60, poll_s=0.02):
        async with asyncio.timeout(seconds):
            while not (execution := await self.get(number)).state.is_final:
                await asyncio.sleep(poll_s)
        return execution
