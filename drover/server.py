"""A running server: its parts put together, started and stopped in order."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn
import uvloop

import drover.kinds
from drover import __version__, handlers, plugins
from drover.app import beacon_registry
from drover.app.about import ServerFacts
from drover.app.access import assembly as access
from drover.app.access.admit import visible_applications
from drover.app.access.applications import owners_for
from drover.app.answering import FlowHost, Tools
from drover.app.assembly import Surroundings, library
from drover.app.beacon_registry import BeaconRegistry
from drover.app.beacons import assembly as beacons
from drover.app.beacons.callbacks import Callbacks
from drover.app.flow_runs import FlowRuns
from drover.app.inventory import JobInventory
from drover.app.inventory_bulk import BulkOperations
from drover.app.inventory_throttle import Allowance, RequestThrottle
from drover.app.jobs import assembly as jobs
from drover.app.live import assembly as live
from drover.app.live.state_triggers import LiveTriggers
from drover.app.logs import set_up_logs
from drover.app.retention import Keep, Retention
from drover.app.services import Services
from drover.discover import discover
from drover.engine.answers import Answers
from drover.engine.loops import Loop
from drover.engine.service import Engine, Heart
from drover.engine.service import Surroundings as EngineSurroundings
from drover.engine.timing import Timing
from drover.faces import tmm
from drover.faces.connections import Connection
from drover.faces.declared import declared
from drover.faces.http import HttpApp, Limits
from drover.faces.openapi import Published
from drover.flows.matching import matches
from drover.model.kind import Kind
from drover.mqtt.fabric import Fabric
from drover.ports.runner import WorkerLost
from drover.store.access import revisions_of
from drover.store.blobs import ObjectBlobs
from drover.store.inventory import InventoryRows
from drover.store.postgres import PostgresDatabase
from drover.store.session import SqlStore
from drover.store.sqlite import SqliteDatabase
from drover.system import RandomIds, SystemClock, key_file
from drover.workers.local import LocalWorkers, WorkerSettings, registered
from drover.workers.web import GuardedWeb

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rich.console import Console

    from drover.app.access.bootstrap import Created
    from drover.config import Settings
    from drover.store.driver import Database

DRAIN_S: Final = 20
"""How long requests and runs in progress may take to end once the server is told to stop."""

COUNTS_S: Final = 1.0
"""How often the counts of workflows' runs are written."""


SHOWN_LIMITS: Final = (
    "max_requests",
    "max_body_bytes",
    "body_seconds",
    "max_running_executions",
    "max_job_schedules",
    "min_schedule_seconds",
    "min_iteration_timeout_ms",
    "lease_seconds",
    "heartbeat_seconds",
    "sweep_seconds",
    "report_url_seconds",
    "digi_requests_a_minute",
    "digi_requests_at_once",
)
"""Settings that operators see among the limits of a server; none of them holds a secret."""


class Server:
    """The parts of one process; ``open`` starts what its roles ask for."""

    def __init__(self, settings: Settings, url: str) -> None:
        """Make a server that clients reach at ``url``."""
        self.settings = settings
        self.url = url
        self.clock = SystemClock()
        self.ids = RandomIds()
        self.app: HttpApp
        self.created: Created | None = None
        self.fabric = Fabric(settings)
        self._live: live.LiveServices | None = None
        self._jobs: jobs.JobServices | None = None
        self._beacons: beacons.BeaconServices | None = None
        self._engine: Engine | None = None
        self._bulk: BulkOperations | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._open = AsyncExitStack()

    async def open(self) -> None:
        """Open the store, make the first administrator if there is none, start the roles."""
        await self._learn_handlers()
        database = await self._database()
        store = SqlStore(database)
        doors = access.build(store, revisions_of(database), self.ids, self.clock)
        self._open.callback(doors.close)
        # What leases call this process: no other one is called so.
        name = f"{socket.gethostname()}-{os.getpid()}-{self.ids.new()}"
        heart = Heart(store, timing_of(self.settings), name)
        around = self._around(heart, doors)
        more_hooks = [doors.hooks, jobs.hooks(self.settings.min_iteration_timeout_ms)]
        shelf = library(around, more_hooks, report_hooks=[LiveTriggers(around.wake)])
        self._live = live.build(around, shelf, doors.sessions, self.settings.mqtt_topics)
        machine = self._machine()
        self._jobs = work = jobs.build(heart, machine, job_limits_of(self.settings))
        if "api" in self.settings.roles:
            first = access.bootstrap(doors, shelf.applications, store, self.ids, self.clock)
            self.created = await first.run(
                self.settings.admin_email, self.settings.admin_password or None
            )
        published = Published(__version__)
        self._bulk = bulk = bulk_of(heart, self.ids)
        inventory = JobInventory(store, InventoryRows(database), self.clock, bulk)
        throttle = RequestThrottle(self.clock, allowance_of(self.settings))
        facts = facts_of(self.settings, self.url, self.clock, database)
        own = (published, inventory, bulk, throttle, facts, *self._queue(heart))
        services = Services(*own, *shelf.services, *doors.services, *work.services)
        self.app = HttpApp(declared(services), doors.gate, limits=limits_of(self.settings))
        published.publish(self.app.routes.described, self.app.metrics.text)
        if "engine" in self.settings.roles:
            await self._run_engine(heart, machine, work, services)
        await self.fabric.run(self._live, self._open)

    async def _database(self) -> Database:
        database = database_of(self.settings)
        await database.open()
        self._open.push_async_callback(database.close)
        return database

    def _around(self, heart: Heart, doors: access.AccessServices) -> Surroundings:
        return Surroundings(
            store=heart.store,
            ids=self.ids,
            clock=self.clock,
            kinds=discover(drover.kinds, "KIND", Kind),
            hasher=doors.passwords,
            owners=owners_for,
            seen=visible_applications,
            wake=heart.signals.fire.set,
            most_events=self.settings.events_in_15_seconds,
            bus=self.fabric.link,
        )

    async def _learn_handlers(self) -> None:
        """Ask a worker for the names of handlers, to check workflows by: none is imported here."""
        if "engine" in self.settings.roles or not (self.settings.handlers or plugins.offered()):
            return  # an engine's own workers tell
        try:
            names = await registered(worker_settings_of(self.settings, timing_of(self.settings)))
        except WorkerLost as error:
            raise plugins.HandlersError(str(error)) from error
        handlers.announce(names)

    def drain(self) -> None:
        """Claim nothing more; called at the moment the server is told to stop."""
        if self._jobs is not None:
            self._jobs.progress.stop()
        if self._live is not None:
            self._loop.call_soon_threadsafe(self._live.watching.stop)
        if self._bulk is not None:
            self._bulk.stop()
        if self._beacons is not None:
            self._loop.call_soon_threadsafe(self._beacons.waiters.stop)
        if self._engine is not None:
            self._engine.claim_nothing_more()
            # What runs ends while requests do, not after them: a stop takes no longer than either.
            self._loop.call_soon_threadsafe(self._stop_engine)

    async def close(self) -> None:
        """Stop what was started, last first."""
        await self._open.aclose()

    def _stop_engine(self) -> None:
        if self._engine is not None:
            self._stopping = asyncio.create_task(self._engine.stop())

    def _machine(self) -> jobs.Machine:
        folder = Path(self.settings.data_dir)
        return jobs.Machine(
            ids=self.ids,
            clock=self.clock,
            blobs=ObjectBlobs(self.settings.blobs or str(folder / "blobs")),
            report_key=self.settings.report_key.encode() or key_file(folder / "report.key"),
            public_url=self.url,
        )

    def _queue(self, heart: Heart) -> tuple[object, ...]:
        """Return the use cases of beacon jobs; begin to look for what those who wait may take."""
        self._beacons = queue = beacons.build(heart, self.ids, self.settings.beacon_time_zone)
        watch = Loop("beacon_watch", queue.watch.tick, queue.waiters.changed, beacons.LOOK_S)
        self._repeat(watch)
        lost_ms = int(self.settings.beacon_lost_seconds * 1000)
        registry = BeaconRegistry(heart.store, self.clock, lost_ms)
        self._open.push_async_callback(registry.flush)
        self._repeat(Loop("beacon_beats", registry.flush, asyncio.Event(), beacon_registry.FLUSH_S))
        return (*queue.services, registry)

    async def _run_engine(
        self, heart: Heart, machine: jobs.Machine, work: jobs.JobServices, services: Services
    ) -> None:
        runs = FlowRuns(heart.store, self.clock, heart.signals.fire.set)
        web = GuardedWeb(self.settings.allowed_networks)
        tools = Tools(
            services=services,
            store=heart.store,
            ids=self.ids,
            acks=heart.acks,
            web=web,
            wake=heart.signals.fire.set,
        )
        workers = LocalWorkers(
            Answers(heart.acks, FlowHost(tools)), worker_settings_of(self.settings, heart.timing)
        )
        try:
            await workers.start()
        except WorkerLost as error:
            raise plugins.HandlersError(str(error)) from error
        handlers.announce(workers.handlers)
        self._open.push_async_callback(workers.stop)
        around = EngineSurroundings(
            runner=workers,
            blobs=machine.blobs,
            log=runs,
            report_url=work.links.url,
            matches=matches,
            actions={**beacons.actions(self.ids, heart.signals), **work.schedules.actions},
        )
        self._engine = Engine(heart, around, schedules="scheduler" in self.settings.roles)
        await self._engine.start()
        self._open.push_async_callback(runs.flush)
        self._repeat(Loop("flow_counts", runs.flush, asyncio.Event(), COUNTS_S))
        purge, sweep_s = services[JobInventory].purge, self.settings.sweep_seconds
        self._repeat(Loop("inventory_purge", purge, asyncio.Event(), sweep_s))
        resume = services[BulkOperations].resume
        self._repeat(Loop("inventory_bulk", resume, asyncio.Event(), sweep_s))
        due = work.schedules.runs
        self._open.push_async_callback(due.stop)
        self._repeat(Loop("scheduled_runs", due.tick, heart.signals.runs, sweep_s))
        retention = Retention(heart.store, machine.blobs, keep_of(self.settings))
        every_s = self.settings.retention_seconds
        self._repeat(Loop("retention", retention.tick, asyncio.Event(), every_s))
        self._open.callback(retention.stop)
        callbacks = Callbacks(heart.store, web, self._callback_key(), tmm.callback_body)
        self._repeat(Loop("beacon_callbacks", callbacks.tick, heart.signals.callbacks, sweep_s))
        self._open.push_async_callback(self._engine.stop)

    def _callback_key(self) -> bytes:
        folder = Path(self.settings.data_dir)
        return self.settings.callback_key.encode() or key_file(folder / "callback.key")

    def _repeat(self, loop: Loop) -> None:
        """Run a loop until the server closes."""
        self._open.push_async_callback(_end, loop, asyncio.create_task(loop.run()))


async def _end(loop: Loop, task: asyncio.Task[None]) -> None:
    loop.stop()
    await task


class _Listener(uvicorn.Server):
    """The HTTP listener; on a signal it first keeps the engine from claiming more."""

    def __init__(self, configuration: uvicorn.Config, server: Server) -> None:
        super().__init__(configuration)
        self._server = server

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begin to stop."""
        self._server.drain()
        super().handle_exit(sig, frame)
        # The listener would raise the signal again at its end, and so end the process before the
        # engine has handed back its work and the store is closed.
        self._captured_signals.clear()


def database_of(settings: Settings) -> Database:
    """Return the database the settings name, not yet open; makes the data folder."""
    folder = Path(settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if settings.database:
        return PostgresDatabase(settings.database)
    return SqliteDatabase(folder / "drover.db")


def timing_of(settings: Settings) -> Timing:
    """Return the clocks of the engine."""
    return Timing(
        lease_ms=int(settings.lease_seconds * 1000),
        beat_ms=int(settings.heartbeat_seconds * 1000),
        sweep_ms=int(settings.sweep_seconds * 1000),
        make_up_ms=int(settings.make_up_seconds * 1000),
        beacon_lease_ms=int(settings.beacon_lease_seconds * 1000),
    )


def limits_of(settings: Settings) -> Limits:
    """Return what the server accepts of requests."""
    return Limits(
        body_bytes=settings.max_body_bytes,
        body_seconds=settings.body_seconds,
        requests=settings.max_requests,
    )


def job_limits_of(settings: Settings) -> jobs.JobLimits:
    """Return what resource jobs may ask for."""
    return jobs.JobLimits(
        most_open=settings.max_running_executions,
        report_url_seconds=settings.report_url_seconds,
        most_schedules=settings.max_job_schedules,
        least_seconds=settings.min_schedule_seconds,
    )


def keep_of(settings: Settings) -> Keep:
    """Return for how long what is kept."""
    return Keep(
        executions=settings.keep_executions_days,
        run_history=settings.keep_run_history_days,
        debug_messages=settings.keep_debug_days,
        deleted_devices=settings.keep_deleted_devices_days,
        device_log=settings.keep_device_log_days,
    )


def allowance_of(settings: Settings) -> Allowance:
    """Return how much an account may ask the inventory."""
    return Allowance(settings.digi_requests_a_minute, settings.digi_requests_at_once)


def facts_of(settings: Settings, url: str, clock: SystemClock, database: Database) -> ServerFacts:
    """Return what the server tells of itself; the database is open."""
    kind = "PostgreSQL" if settings.database else "SQLite"
    return ServerFacts(
        version=__version__,
        url=url,
        clock=clock,
        roles=settings.roles,
        store={"database": kind, **database.settings()},
        limits={name: getattr(settings, name) for name in SHOWN_LIMITS},
    )


def bulk_of(heart: Heart, ids: RandomIds) -> BulkOperations:
    """Return what goes through many jobs at a time, under the leases of this process."""
    return BulkOperations(
        heart.store, ids, heart.signals, worker=heart.worker, lease_ms=heart.timing.lease_ms
    )


def worker_settings_of(settings: Settings, timing: Timing) -> WorkerSettings:
    """Return how the worker processes of this machine are run."""
    return WorkerSettings(
        count=settings.workers,
        handlers=tuple(settings.handlers),
        scripts="drover.sandbox.pool:cages",
        beat_s=timing.beat_ms / 2000,
        silent_s=timing.lease_ms / 2000,
        stuck_s=timing.lease_ms / 500,
        import_s=settings.handlers_seconds,
    )


def url_of(settings: Settings, port: int) -> str:
    """Return the URL that clients reach the server at."""
    if settings.public_url:
        return settings.public_url
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{port}"


def run(settings: Settings) -> None:
    """Run a server until SIGTERM or SIGINT."""
    set_up_logs(settings)
    run_until_done(_serve(settings))


def run_until_done(serving: Coroutine[Any, Any, None]) -> None:
    """Run a process's whole life on a loop made for it."""
    # The store's threads and the loop hand each other work all the time: measured up to twice as
    # fast as with the interpreter's default of 5 ms.
    sys.setswitchinterval(0.0005)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serving)


async def _serve(settings: Settings) -> None:
    listening = bind(settings.host, settings.port)
    server = Server(settings, url_of(settings, listening.getsockname()[1]))
    try:
        await server.open()
        _greet(server)
        await _Listener(listening_of(server.app), server).serve(sockets=[listening])
    finally:
        await server.close()


def listening_of(app: Any) -> uvicorn.Config:
    """Return how an application is listened for."""
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=DRAIN_S,
        server_header=False,
    )


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.listen(2048)
    return listening


def _greet(server: Server) -> None:
    lines = [f"Drover {__version__} listens on {server.url}"]
    if server.created:
        lines.append(f"Administrator  {server.created.email}")
        if server.created.password:
            lines.append(f"Password       {server.created.password}   (shown this once)")
    lines += server.fabric.told
    print("\n".join(lines), flush=True)  # noqa: T201 - what a person or a script waits for


def examine(settings: Settings, console: Console) -> bool:
    """Print what a server would run with and whether its store can be opened."""

    async def look() -> dict[str, Any]:
        database = database_of(settings)
        await database.open()
        try:
            return dict(database.settings())
        finally:
            await database.close()

    console.print(f"Drover {__version__}, data in {Path(settings.data_dir).resolve()}")
    try:
        found = asyncio.run(look())
    except Exception as error:  # noqa: BLE001 - whatever it is, the doctor tells it
        console.print(f"[red]The store cannot be opened:[/] {error}")
        return False
    for name, value in found.items():
        console.print(f"  {name} = {value}")
    console.print("[green]The store is durable and can be opened.[/]")
    return True
