"""A server of the resource operations on a free port, with tokens made up by the test."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from argon2 import PasswordHasher

import drover.kinds
from drover.app.about import ServerFacts
from drover.app.access.assembly import build
from drover.app.applications import own_only
from drover.app.assembly import CallLimits, Surroundings, library
from drover.app.beacon_registry import BeaconRegistry
from drover.app.beacons import assembly as beacons
from drover.app.files import files_of
from drover.app.inventory import JobInventory
from drover.app.inventory_throttle import Allowance, RequestThrottle
from drover.app.jobs import assembly as jobs
from drover.app.services import Services
from drover.app.transfer import assembly as transfer
from drover.app.workflows import Workflows
from drover.discover import discover
from drover.engine.service import Heart
from drover.engine.timing import Timing
from drover.faces.declared import declared
from drover.faces.http import HttpApp, Limits, bearer
from drover.faces.openapi import Published
from drover.model.access import Caller
from drover.model.errors import Forbidden, Missing, Unauthorized
from drover.model.kind import Kind
from drover.server.configured import bulk_of
from drover.store.access import StoredRevisions
from drover.store.compile import register_functions
from drover.store.inventory import InventoryRows
from drover.store.postgres import PostgresDatabase
from drover.store.session import SqlStore
from drover.store.sqlite import SqliteDatabase
from drover.system import RandomIds, SystemClock
from drover.workers.git import GitRepositories
from drover.workers.web import GuardedWeb

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
    from pathlib import Path

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
USER = "5f" * 12
OTHER_USER = "6f" * 12


def user(user_id: str = USER, *scopes: str) -> Caller:
    """Return a caller who signed in."""
    return Caller(
        type="user", id=user_id, user_id=user_id, scopes=frozenset(scopes or {"all.User"})
    )


class FakeGate:
    """Lets in tokens that the test names; a user sees the applications that it owns."""

    def __init__(self, database: SqliteDatabase) -> None:
        self.callers = {"mine": user(), "theirs": user(OTHER_USER)}
        self._database = database

    async def identify(self, headers: Mapping[str, str]) -> Caller:
        try:
            return self.callers[bearer(headers)]
        except KeyError:
            raise Unauthorized("Invalid access token") from None

    async def admit(
        self, caller: Caller, application_id: str | None, scopes: frozenset[str]
    ) -> None:
        if application_id is not None:
            key = {"id": application_id, "application_id": application_id}
            row = await self._database.fetch_one("application_get", key)
            bound = caller.application_id == application_id
            if row is None or not (bound or str(caller.user_id) in row["document"]):
                raise Missing("Application was not found")
        if not caller.holds(scopes):
            raise Forbidden("The token lacks a scope")


class MemoryBlobs:
    """Objects in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def put_stream(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        self.objects[key] = b"".join([chunk async for chunk in chunks])
        return len(self.objects[key])

    async def get_stream(self, key: str) -> AsyncIterator[bytes]:
        if key not in self.objects:
            raise Missing("Object was not found")
        yield self.objects[key]

    async def head(self, key: str) -> int | None:
        found = self.objects.get(key)
        return None if found is None else len(found)

    async def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    async def clear(self, prefix: str) -> None:
        for key in [each for each in self.objects if each.startswith(f"{prefix}/")]:
            del self.objects[key]


class CatalogServer:
    """The parts of a running server."""

    def __init__(
        self, database: Any, limits: Limits | None = None, calls: CallLimits | None = None
    ) -> None:
        self.database = database
        self.gate = FakeGate(database)
        kinds = discover(drover.kinds, "KIND", Kind)
        store, ids = SqlStore(database), RandomIds()
        access = build(store, StoredRevisions(database), ids, SystemClock(), CHEAP)
        around = Surroundings(
            store=store,
            ids=ids,
            clock=SystemClock(),
            kinds=kinds,
            hasher=access.passwords,
            calls=calls or CallLimits(),
        )
        shelf = library(around, [jobs.hooks(60_000)])
        self.catalog = shelf.catalog
        self.heart, self.blobs = Heart(store, Timing(), "test"), MemoryBlobs()
        machine = jobs.Machine(
            ids=ids,
            clock=SystemClock(),
            blobs=self.blobs,
            report_key=b"k" * 32,
            public_url="http://drover.test",
        )
        self.jobs = jobs.build(self.heart, machine, jobs.JobLimits())
        bulk = bulk_of(self.heart, ids)
        inventory = JobInventory(store, InventoryRows(database), SystemClock(), bulk)
        published = Published("0")
        self.services = Services(
            published,
            ServerFacts(version="0", url="http://drover.test", clock=SystemClock()),
            Workflows(store),
            inventory,
            RequestThrottle(SystemClock(), Allowance()),
            *shelf.services,
            files_of(store, shelf.catalog, machine),
            *access.services,
            *self.jobs.services,
            *beacons.build(self.heart, ids).services,
            BeaconRegistry(store, SystemClock(), 60_000),
            *transfer.build(
                transfer.Neighbours(
                    store=store,
                    library=shelf,
                    machine=machine,
                    web=GuardedWeb(),
                    owners=own_only,
                    admit=self.gate.admit,
                    repositories=GitRepositories(GuardedWeb()),
                ),
                transfer.BundleLimits(),
            ).services,
        )
        self.app = HttpApp(declared(self.services), self.gate, limits=limits)
        published.publish(self.app.routes.described, self.app.metrics.text)
        self.url = ""


class _Listener(uvicorn.Server):
    """A server that tells when it listens."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._ready.set()


@contextmanager
def serving(
    folder: Path, limits: Limits | None = None, postgres_url: str = ""
) -> Iterator[CatalogServer]:
    """Run a server in a thread of its own until the block ends; on SQLite unless told else."""
    ready, made = threading.Event(), []

    async def main() -> None:
        database: Any = SqliteDatabase(folder / "store.db", functions=register_functions)
        if postgres_url:
            database = PostgresDatabase(postgres_url)
        await database.open()
        server = CatalogServer(database, limits)
        config = uvicorn.Config(
            server.app, port=0, log_level="error", lifespan="off", access_log=False
        )
        listener = _Listener(config, ready)
        made.extend([server, listener])
        await listener.serve()
        await database.close()

    thread = threading.Thread(target=asyncio.run, args=[main()])
    thread.start()
    try:
        assert ready.wait(60), "the server did not start"
        server, listener = made
        server.url = f"http://127.0.0.1:{listener.servers[0].sockets[0].getsockname()[1]}"
        yield server
    finally:
        made[1].should_exit = True
        thread.join(60)
