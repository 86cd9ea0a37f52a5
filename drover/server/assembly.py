"""A running server: its parts put together, started and stopped in order."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

import drover.app.tasks
import drover.kinds
from drover import __version__, handlers, plugins
from drover.app import audit, beacon_registry, payload_counts
from drover.app.access import assembly as access
from drover.app.access.admit import visible_applications
from drover.app.access.applications import owners_for
from drover.app.assembly import Library, Surroundings, library
from drover.app.audit import AuditLogs, AuditTrail
from drover.app.beacon_registry import BeaconRegistry
from drover.app.beacons import assembly as beacons
from drover.app.beacons import holding
from drover.app.beacons.waiting import Waiters
from drover.app.dashboard_assembly import owned_dashboards
from drover.app.endpoints import Endpoints
from drover.app.files import Files, files_of
from drover.app.inventory import JobInventory
from drover.app.inventory_reads import PatientReads
from drover.app.inventory_throttle import RequestThrottle
from drover.app.jobs import assembly as jobs
from drover.app.live import assembly as live
from drover.app.live.state_triggers import LiveTriggers
from drover.app.notebooks.asking import Notebooks
from drover.app.notebooks.room import NotebookRoom
from drover.app.services import Services
from drover.app.signed_links import SignedLinks
from drover.app.transfer import assembly as transfer
from drover.config import data_folder
from drover.discover import discover
from drover.engine.loops import Loop
from drover.engine.service import Engine, Heart
from drover.faces.audit import audited
from drover.faces.declared import declared
from drover.faces.figures import Figures
from drover.faces.http import HttpApp
from drover.faces.losant.reactions import site_at
from drover.faces.openapi import Published
from drover.model.kind import Kind
from drover.mqtt.fabric import Fabric
from drover.ports.runner import WorkerLost
from drover.sandbox.notebooks.runner import NotebookProcesses
from drover.server.configured import (
    allowance_of,
    archive_form_of,
    blobs_of,
    bulk_of,
    bundle_limits_of,
    calls_of,
    database_of,
    facts_of,
    job_limits_of,
    limits_of,
    notebook_bounds_of,
    own_names_of,
    places_of,
    refusing_limits_of,
    repositories_of,
    timing_of,
    worker_settings_of,
)
from drover.server.device_figures import show_devices, show_watching
from drover.server.roles import Roles
from drover.server.running import Running
from drover.store.access import revisions_of
from drover.store.inventory import InventoryRows
from drover.store.postgres_hints import PostgresHints
from drover.store.session import SqlStore
from drover.system import RandomIds, SystemClock, key_file
from drover.workers.local import registered
from drover.workers.web import GuardedWeb

if TYPE_CHECKING:
    from drover.app.access.bootstrap import Bootstrap, Created
    from drover.app.inventory_bulk import BulkOperations
    from drover.app.live.watching import Watching
    from drover.app.replies import AwaitedReplies
    from drover.config import Settings
    from drover.store.driver import Database

LAG_S: Final = 2.0
"""How often it is measured how late the loop is."""


class Server:
    """The parts of one process; ``open`` starts what its roles ask for."""

    def __init__(self, settings: Settings, url: str) -> None:
        """Make a server that clients reach at ``url``; raises SettingsError."""
        self.settings = settings
        self.url = url
        self.clock = SystemClock()
        self.ids = RandomIds()
        self.app: HttpApp
        self.created: Created | None = None
        self.fabric = Fabric(settings)
        self._archive_form = archive_form_of(settings)
        self._watching: Watching | None = None
        self._replies: AwaitedReplies | None = None
        self._jobs: jobs.JobServices | None = None
        self._beacons: beacons.BeaconServices | None = None
        self._engine: Engine | None = None
        self._bulk: BulkOperations | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._running = Running()

    async def open(self) -> None:
        """Open the store, make the first administrator if there is none, start the roles."""
        await self._learn_handlers()
        database = database_of(self.settings)
        await database.open()
        self._running.ends_with(database.close)
        store = SqlStore(database)
        doors = access.build(store, revisions_of(database), self.ids, self.clock)
        self._running.calls_at_end(doors.close)
        heart = self._heart(store)
        machine = self._machine()
        around = self._around(heart, doors, machine)
        job_hooks = jobs.hooks(self.settings.min_iteration_timeout_ms)
        shelf = library(around, [doors.hooks, job_hooks], report_hooks=[LiveTriggers()])
        devices = live.build(around, shelf, doors, self.settings.mqtt_topics)
        self._watching, self._replies = shelf.watching, shelf.replies
        self._jobs = work = jobs.build(heart, machine, job_limits_of(self.settings))
        files = files_of(store, shelf.catalog, machine)
        bundles = self._bundles(store, shelf, machine, doors)
        notebooks = self._notebooks(store, shelf, machine, files, bundles)
        own = (files, *notebooks, *self._queue(heart), *self._inventory(heart, database))
        services = Services(
            Published(__version__),
            *own,
            *shelf.services,
            *doors.services,
            *work.services,
            *bundles.services,
            AuditLogs(store, self.clock),
            owned_dashboards(store, shelf, doors),
        )
        self.app = self._http(store, services, doors)
        self._watch(store, services[Published], shelf)
        show_watching(self.app.metrics, shelf.watching)
        self._hint(heart)

        # Before jobs go on: what they tell devices at once would reach none.
        await self._let_devices_in(devices)
        self._engine = await self._start_roles(heart, machine, work, services)
        # Last: where something else fails, nobody would be shown the password that was made.
        if "api" in self.settings.roles:
            first = access.bootstrap(doors, shelf.applications, store, self.ids, self.clock)
            await self._make_first(first)

    def _heart(self, store: SqlStore) -> Heart:
        """Return the heart of this process, which the store tells of new work."""
        heart = Heart(store, timing_of(self.settings), self._name())
        store.fired, store.scheduled = heart.signals.fire.set, heart.signals.schedule.set
        store.awaited = self.fabric.listening
        return heart

    async def _start_roles(
        self, heart: Heart, machine: jobs.Machine, work: jobs.JobServices, services: Services
    ) -> Engine | None:
        app, running, bus = self.app, self._running, self.fabric.link
        roles = Roles(self.settings, heart, machine, work, services, app, running, bus)
        return await roles.start()

    def _inventory(self, heart: Heart, database: Database) -> tuple[object, ...]:
        """Return the use cases over jobs of every kind, and what the server tells of itself."""
        self._bulk = bulk = bulk_of(heart, self.ids)
        reads = PatientReads(heart.store, self.settings.inventory_seconds)
        inventory = JobInventory(heart.store, InventoryRows(database), self.clock, bulk, reads)
        throttle = RequestThrottle(self.clock, allowance_of(self.settings))
        return (inventory, bulk, throttle, facts_of(self.settings, self.url, self.clock, database))

    def _bundles(
        self,
        store: SqlStore,
        shelf: Library,
        machine: jobs.Machine,
        doors: access.AccessServices,
    ) -> transfer.TransferServices:
        neighbours = transfer.Neighbours(
            store=store,
            library=shelf,
            machine=machine,
            web=GuardedWeb(self.settings.allowed_networks),
            owners=owners_for,
            admit=doors.gate.admit,
            repositories=repositories_of(self.settings),
        )
        return transfer.build(neighbours, bundle_limits_of(self.settings))

    def _notebooks(
        self,
        store: SqlStore,
        shelf: Library,
        machine: jobs.Machine,
        files: Files,
        bundles: transfer.TransferServices,
    ) -> tuple[object, ...]:
        seconds = self.settings.download_seconds
        room = NotebookRoom(
            store=store,
            blobs=machine.blobs,
            files=files,
            downloads=bundles.downloads,
            links=SignedLinks(machine.report_key, machine.public_url, seconds, machine.clock),
            web=GuardedWeb(self.settings.allowed_networks),
            cage=NotebookProcesses(uncaged=self.settings.notebooks_uncaged),
            bounds=notebook_bounds_of(self.settings),
        )
        return (room, Notebooks(room, shelf.tasks))

    def _http(self, store: SqlStore, services: Services, doors: access.AccessServices) -> HttpApp:
        """Return the edge; what changes is noted, and written every second and at the end."""
        trail = AuditTrail(store, self.ids, self.clock)
        self._running.ends_with(trail.flush)
        self._running.repeat(Loop("audit_trail", trail.flush, asyncio.Event(), audit.FLUSH_S))
        operations = audited(declared(services), trail)
        made = HttpApp(operations, doors.gate, limits=limits_of(self.settings))
        made.site_at = partial(site_at, services[Endpoints].hosts)
        made.metrics.show_count(
            "audit_entries_lost", "Notes that could not wait to be written.", lambda: trail.lost
        )
        return made

    async def _make_first(self, first: Bootstrap) -> None:
        password = self.settings.admin_password or None
        self.created = await first.run(self.settings.admin_email, password)

    async def _learn_handlers(self) -> None:
        """Ask a worker for the names of handlers, to check workflows by: none is imported here."""
        if "engine" in self.settings.roles or not (self.settings.handlers or plugins.offered()):
            return  # an engine's own workers tell
        try:
            names = await registered(worker_settings_of(self.settings, timing_of(self.settings)))
        except WorkerLost as error:
            raise plugins.HandlersError(str(error)) from error
        handlers.announce(names)

    def _around(
        self, heart: Heart, doors: access.AccessServices, machine: jobs.Machine
    ) -> Surroundings:
        return Surroundings(
            store=heart.store,
            ids=self.ids,
            clock=self.clock,
            kinds=discover(drover.kinds, "KIND", Kind),
            hasher=doors.passwords,
            owners=owners_for,
            seen=visible_applications,
            most_events=self.settings.events_in_15_seconds,
            calls=calls_of(self.settings),
            bus=self.fabric.link,
            wake_tasks=heart.signals.asked,
            most_waiting_tasks=self.settings.max_waiting_tasks,
            places=places_of(self.settings),
            archive_form=self._archive_form,
            token_key=machine.report_key,
            own_names=own_names_of(self.settings, self.url),
        )

    def drain(self) -> None:
        """Claim nothing more; called at the moment the server is told to stop."""
        if self._jobs is not None:
            self._jobs.progress.stop()
        if self._bulk is not None:
            self._bulk.stop()
        if self._watching is not None:
            self._loop.call_soon_threadsafe(self._watching.stop)
        if self._replies is not None:
            self._loop.call_soon_threadsafe(self._replies.stop)
        if self._beacons is not None:
            self._loop.call_soon_threadsafe(self._beacons.stop)
        if self._engine is not None:
            self._engine.claim_nothing_more()
            # What runs ends while requests do, not after them: a stop takes no longer than either.
            self._loop.call_soon_threadsafe(self._stop_engine)

    async def close(self) -> None:
        """Stop what was started, last first."""
        await self._running.close()

    def _stop_engine(self) -> None:
        if self._engine is not None:
            self._stopping = asyncio.create_task(self._engine.stop())

    def _name(self) -> str:
        """Return what leases call this process: no other one is called so."""
        return f"{socket.gethostname()}-{os.getpid()}-{self.ids.new()}"

    def _machine(self) -> jobs.Machine:
        folder = data_folder(self.settings)
        return jobs.Machine(
            ids=self.ids,
            clock=self.clock,
            blobs=blobs_of(self.settings),
            report_key=self.settings.report_key.encode() or key_file(folder / "report.key"),
            public_url=self.url,
        )

    def _queue(self, heart: Heart) -> tuple[object, ...]:
        """Return the use cases of beacon jobs; begin to look for what those who wait may take."""
        waiters = Waiters(
            heart.signals.beacons,
            self.settings.max_waiting_beacons,
            self.settings.max_waiting_beacons_of_key,
        )
        self._beacons = queue = beacons.build(
            heart, self.ids, self.settings.beacon_time_zone, waiters
        )
        watch = Loop("beacon_watch", queue.watch.tick, queue.waiters.changed, beacons.LOOK_S)
        self._running.repeat(watch)
        ears = ExitStack()
        told = ears.enter_context(heart.signals.stops.heard())
        self._running.calls_at_end(ears.close)
        self._running.repeat(Loop("beacon_stops", queue.holders.tick, told, holding.LOOK_S))
        lost_ms = int(self.settings.beacon_lost_seconds * 1000)
        registry = BeaconRegistry(heart.store, self.clock, lost_ms)
        self._running.ends_with(registry.flush)
        self._running.repeat(
            Loop("beacon_beats", registry.flush, asyncio.Event(), beacon_registry.FLUSH_S)
        )
        return (*queue.services, registry)

    def _watch(self, store: SqlStore, published: Published, shelf: Library) -> None:
        published.publish(self.app.routes.described, self.app.metrics.text)
        self.app.metrics.declare(refusing_limits_of(self.settings))
        self.app.metrics.show_count(
            "workflow_sends_refused",
            "Sends and presses that workflows made too often.",
            lambda: shelf.flow_pace.refused,
        )
        figures = Figures(self.app.metrics, store)
        sweep_s = self.settings.sweep_seconds
        self._running.repeat(Loop("figures", figures.look, asyncio.Event(), sweep_s))
        for name, flush in (
            ("payload_counts", partial(shelf.counter.flush, store)),
            ("endpoint_calls", shelf.endpoint_calls.flush),
        ):
            self._running.ends_with(flush)
            self._running.repeat(Loop(name, flush, asyncio.Event(), payload_counts.FLUSH_S))
        self._running.repeat(Loop("loop_lag", figures.measure_lag, asyncio.Event(), LAG_S))
        self._watch_queue()

    def _watch_queue(self) -> None:
        if self._beacons is None:
            return
        metrics, work, waiters = self.app.metrics, self._beacons.work, self._beacons.waiters
        metrics.show("beacons_waiting", "Requests that wait for a job here.", lambda: len(waiters))
        held = self._beacons.holders
        metrics.show("beacons_holding", "Beacons that wait to hear of a cancel.", lambda: len(held))
        metrics.show_count(
            "beacon_looks", "Times the store was asked for the next job.", lambda: work.looks
        )

    async def _let_devices_in(self, devices: live.LiveServices) -> None:
        self._running.ends_with(self.fabric.close)
        if not await self.fabric.open():
            return
        self.fabric.link.roots = devices.intake.roots
        if "mqtt" in self.settings.roles:
            devices.start()
            self._running.ends_with(devices.close)
            await self.fabric.serve(devices.door, devices.intake)
            show_devices(self.app.metrics, self.fabric, devices)
            self._running.ends_with(self.fabric.take_nothing_more)

    def _hint(self, heart: Heart) -> None:
        """Let servers on one PostgreSQL wake each other; one alone has nobody to tell."""
        if not self.settings.database:
            return
        shared = heart.signals.shared
        here = {name: wake.here for name, wake in shared.items()}
        hints = PostgresHints(self.settings.database, here)
        for name, wake in shared.items():
            wake.elsewhere = partial(hints.tell, name)
        listening = asyncio.create_task(hints.run())
        self._running.keep(listening)
