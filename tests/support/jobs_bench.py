"""The operations of resource jobs in this process, over an engine that tests tick."""

from __future__ import annotations

from typing import Any

import httpx

import drover.kinds
from drover.app.assembly import Surroundings, library
from drover.app.jobs import assembly as jobs
from drover.app.services import Services
from drover.discover import discover
from drover.engine.scheduler import Scheduler
from drover.faces import losant
from drover.faces.http import HttpApp, Limits, bearer
from drover.faces.losant import (
    data_tables,
    resource_job,
    resource_job_executions,
    resource_job_report,
    resource_job_schedules,
    resources,
)
from drover.model.access import Caller
from drover.model.errors import Forbidden, Missing, Unauthorized
from drover.model.instants import to_ms
from drover.model.kind import Kind
from drover.system import RandomIds
from tests.contract.jobs_store import APPLICATION
from tests.support.catalog_server import MemoryBlobs
from tests.unit.engine_bench import EngineBench

MINE = "mine"
OTHER_APPLICATION = "d" * 24
USER = "5f" * 12
URL = "http://drover.test"
PREFIX = f"/applications/{APPLICATION}/resource-jobs"


class PlainHasher:
    """Passwords are not what is tested here."""

    async def hash(self, password: str) -> str:
        return password


class SimpleGate:
    """Tokens that tests name, each with the application it sees and its scopes."""

    def __init__(self) -> None:
        self.callers = {"mine": (APPLICATION, user()), "theirs": (OTHER_APPLICATION, user())}

    async def identify(self, headers: Any) -> Caller:
        try:
            return self.callers[bearer(headers)][1]
        except KeyError:
            raise Unauthorized("Invalid access token") from None

    async def admit(self, caller: Caller, application_id: Any, scopes: frozenset[str]) -> None:
        seen = {application for application, each in self.callers.values() if each is caller}
        if application_id is not None and application_id not in seen:
            raise Missing("Application was not found")
        if not caller.holds(scopes):
            raise Forbidden("The token lacks a scope")

    def add(self, token: str, *scopes: str) -> str:
        self.callers[token] = (APPLICATION, user(*scopes))
        return token


def user(*scopes: str) -> Caller:
    return Caller(type="user", id=USER, user_id=USER, scopes=frozenset(scopes or {"all.User"}))


class SteppedClock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic_ms(self) -> int:
        return self.ms


class JobsBench(EngineBench):
    """An engine with the HTTP operations of resource jobs in front of it."""

    def __init__(self, database, *given, most_open=100, **named):
        super().__init__(database, *given, **named)
        ids, self.clock, self.gate = RandomIds(), SteppedClock(), SimpleGate()
        kinds = discover(drover.kinds, "KIND", Kind)
        files = MemoryBlobs()
        files.objects = self.blobs.objects
        machine = jobs.Machine(
            ids=ids, clock=self.clock, blobs=files, report_key=b"k" * 32, public_url=URL
        )
        limits = jobs.JobLimits(most_open=most_open, report_url_seconds=3600, most_schedules=5)
        self.work = jobs.build(self.heart, machine, limits)
        actions = self.work.schedules.actions
        self.scheduler = Scheduler(self.store, self.heart.timing, actions)
        around = Surroundings(
            store=self.store, ids=ids, clock=self.clock, kinds=kinds, hasher=PlainHasher()
        )
        shelf = library(around, [jobs.hooks(60_000)])
        services = Services(*shelf.services, *self.work.services)
        modules = (
            resources, data_tables, resource_job, resource_job_executions, resource_job_report,
            resource_job_schedules,
        )  # fmt: skip
        operations = [
            (losant.FACE, each) for module in modules for each in module.operations(services)
        ]
        self.app = HttpApp(operations, self.gate, limits=Limits())
        transport = httpx.ASGITransport(app=self.app)
        self.client = httpx.AsyncClient(transport=transport, base_url=URL)

    async def call(self, method, path, body=None, /, *, token=MINE, headers=None, **query):
        given = {"Authorization": f"Bearer {token}"} if token else {}
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return await self.client.request(
            method, path, headers=given | (headers or {}), params=query or None, **content
        )

    async def ok(self, method, path, body=None, **more):
        answer = await self.call(method, path, body, **more)
        assert answer.status_code < 300, (method, path, answer.status_code, answer.text)
        return answer.json()

    async def refused(self, status, method, path, body=None, /, **more):
        answer = await self.call(method, path, body, **more)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer.json()

    async def job(self, **fields):
        """Make a job over devices, ten at a time, and return its path."""
        body = {
            "name": "Job", "resourceType": "device", "maxIterationConcurrency": 10, **fields,
        }  # fmt: skip
        return f"{PREFIX}/{(await self.ok('POST', PREFIX, body))['id']}"

    async def execute(self, path, body=None, **more):
        return (await self.ok("POST", f"{path}/execute", body, **more))["executionId"]

    async def at(self, text):
        """Let the store's clock tell a moment, given as ISO text; return it in ms."""
        real_ms = await self.store.read(lambda session: session.now_ms()) - self.store.offset_ms
        self.store.offset_ms = to_ms(text) - real_ms
        return to_ms(text)

    async def due(self):
        """Let the scheduler act, and what it made due become executions."""
        await self.scheduler.tick()
        while await self.work.schedules.runs.tick() == 0:
            pass

    async def end(self, path, execution_id):
        """Run until the execution has ended, and return its entry."""
        for _ in range(40):
            await self.tick("planner", "dispatcher", "sweeper", "reporter", "firings")
            entry = await self.ok("GET", f"{path}/executions/{execution_id}")
            if "runCompletedAt" in entry:
                return entry
        raise AssertionError(f"not ended: {entry}")

    async def add_device_documents(self, count, tag="k"):
        """Add devices through HTTP, so that they have documents and tags."""
        path = f"/applications/{APPLICATION}/devices"
        return [
            await self.ok(
                "POST", path, {"name": f"device {n}", "tags": [{"key": tag, "value": str(n)}]}
            )
            for n in range(1, count + 1)
        ]
