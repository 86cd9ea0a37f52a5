"""The roles that work without being asked: the engine with its workers, and the scheduler."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import drover.app.tasks
from drover import handlers, plugins
from drover.app import dashboard_reports
from drover.app.access.admit import Gate
from drover.app.answering import FlowHost, Tools
from drover.app.archives.asking import Archives
from drover.app.beacons import assembly as beacons
from drover.app.beacons.callbacks import Callbacks
from drover.app.flow_runs import FlowRuns
from drover.app.inventory import JobInventory
from drover.app.inventory_bulk import BulkOperations
from drover.app.live.silences import SilenceWatch
from drover.app.long_tasks import LongTask, LongTasks
from drover.app.payload_counts import PayloadCounter
from drover.app.retention import Retention
from drover.app.task_telling import TaskTelling
from drover.app.transfer.downloads import Downloads
from drover.discover import discover
from drover.engine.loops import Loop
from drover.engine.service import Engine, Heart, Surroundings, scheduling
from drover.faces import tmm
from drover.faces.in_process import InProcess
from drover.flows.matching import matches
from drover.ports.runner import WorkerLost
from drover.server.configured import keep_of, mail_of, worker_settings_of
from drover.system import key_file
from drover.workers.local import LocalWorkers
from drover.workers.web import GuardedWeb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.app.jobs import assembly as jobs
    from drover.app.services import Services
    from drover.config import Settings
    from drover.engine.scheduler import ScheduleAction
    from drover.faces.http import HttpApp
    from drover.ports.bus import Bus
    from drover.ports.tasks import Work
    from drover.server.running import Running

ARCHIVES_S: Final = 600.0
"""How often it is looked whether a day is due to be archived."""

COUNTS_S: Final = 1.0
"""How often the counts of workflows' runs are written."""


@dataclass(frozen=True)
class Roles:
    """What the engine and the scheduler of one process are made of."""

    settings: Settings
    heart: Heart
    machine: jobs.Machine
    work: jobs.JobServices
    services: Services
    app: HttpApp
    running: Running
    bus: Bus

    async def start(self) -> Engine | None:
        """Start what the settings ask of this process, and return its engine, if it has one.

        Raises:
            HandlersError: a module of handlers does not load.

        """
        engine = None
        if "engine" in self.settings.roles:
            engine = await self._run_engine()
            every_s, past = self.settings.retention_seconds, self.services[Downloads].tick
            self.running.repeat(Loop("past_downloads", past, asyncio.Event(), every_s))
        if "scheduler" in self.settings.roles:
            await self.heart.store.write(dashboard_reports.set_missing)
            self._run_schedules(alone=engine is None)
            daily = self.services[Archives].daily
            self.running.repeat(Loop("daily_archives", daily, asyncio.Event(), ARCHIVES_S))
        return engine

    async def _run_engine(self) -> Engine:
        heart, services, running = self.heart, self.services, self.running
        runs = FlowRuns(heart.store, self.machine.clock, services[PayloadCounter], self.bus)
        web = GuardedWeb(self.settings.allowed_networks)
        workers = await self._started_workers(web)
        around = Surroundings(
            runner=workers,
            blobs=self.machine.blobs,
            log=runs,
            report_url=self.work.links.url,
            matches=matches,
            actions=self._actions(),
            works=_works(services),
            most_tasks=self.settings.max_running_tasks,
        )
        engine = Engine(heart, around, schedules="scheduler" in self.settings.roles)
        self._watch_engine(engine, workers)
        if not heart.store.distant:  # no other process has this store: who took them has ended
            await heart.store.write(lambda session: session.jobs.firings.release())
        await engine.start()
        running.ends_with(runs.flush)
        running.repeat(Loop("flow_counts", runs.flush, asyncio.Event(), COUNTS_S))
        self._tidy()
        self._tell(web)
        running.ends_with(engine.stop)
        return engine

    async def _started_workers(self, web: GuardedWeb) -> LocalWorkers:
        workers = LocalWorkers(
            FlowHost(self._tools(web)), worker_settings_of(self.settings, self.heart.timing)
        )
        try:
            await workers.start()
        except WorkerLost as error:
            raise plugins.HandlersError(str(error)) from error
        handlers.announce(workers.handlers)
        self.running.ends_with(workers.stop)
        return workers

    def _tools(self, web: GuardedWeb) -> Tools:
        """Return what the requests of running workflows are answered with."""
        heart, services = self.heart, self.services
        return Tools(
            services=services,
            store=heart.store,
            ids=self.machine.ids,
            acks=heart.acks,
            web=web,
            mail=mail_of(self.settings),
            api=InProcess(self.app, services[Gate]),
        )

    def _tidy(self) -> None:
        """Take away what is past, and go on with verbs over many jobs that were broken off."""
        services, sweep_s = self.services, self.settings.sweep_seconds
        purge, resume = services[JobInventory].purge, services[BulkOperations].resume
        self.running.repeat(Loop("inventory_purge", purge, asyncio.Event(), sweep_s))
        self.running.repeat(Loop("inventory_bulk", resume, asyncio.Event(), sweep_s))
        retention = Retention(self.heart.store, self.machine.blobs, keep_of(self.settings))
        every_s = self.settings.retention_seconds
        self.running.repeat(Loop("retention", retention.tick, asyncio.Event(), every_s))
        self.running.calls_at_end(retention.stop)

    def _tell(self, web: GuardedWeb) -> None:
        """Call back, and mail, those who asked to hear of an end."""
        store, signals, sweep_s = self.heart.store, self.heart.signals, self.settings.sweep_seconds
        key = self._callback_key()
        callbacks = Callbacks(store, web, key, tmm.callback_body, signals.callbacks)
        self.running.ends_with(callbacks.settle)
        self.running.repeat(Loop("beacon_callbacks", callbacks.tick, signals.callbacks, sweep_s))
        telling = TaskTelling(store, web, mail_of(self.settings), key)
        self.running.repeat(Loop("task_telling", telling.tick, signals.telling, sweep_s))

    def _watch_engine(self, engine: Engine, workers: LocalWorkers) -> None:
        heart, metrics, lanes = self.heart, self.app.metrics, engine.dispatcher
        metrics.show_count(
            "fenced_writes", "Writes refused: their lease was lost.", lambda: heart.acks.fenced
        )
        metrics.show("leases_held", "Chunks that run here.", lambda: len(heart.leases))
        metrics.show("lanes_running", "Lanes that run here.", lambda: lanes.running)
        metrics.show("lanes_limit", "Lanes there may be here.", lambda: workers.capacity)
        metrics.show("tasks_running", "Long tasks that run here.", lambda: engine.tasks.running)
        metrics.show("workers_alive", "Worker processes alive here.", lambda: len(workers.pids))

    def _run_schedules(self, *, alone: bool) -> None:
        """Fire what is due; a scheduler that stands ``alone`` has no engine to do it."""
        heart, due = self.heart, self.work.schedules.runs
        if alone:
            self.running.repeat(scheduling(heart, self._actions()))
        sweep_s = self.settings.sweep_seconds
        silences = SilenceWatch(heart.store)
        self.running.repeat(Loop("silences", silences.tick, asyncio.Event(), sweep_s))
        self.running.ends_with(due.stop)
        self.running.repeat(Loop("scheduled_runs", due.tick, heart.signals.runs, sweep_s))

    def _actions(self) -> Mapping[str, ScheduleAction]:
        """Return what schedules do, by kind."""
        of_beacons = beacons.actions(self.machine.ids, self.heart.signals)
        of_dashboards = dashboard_reports.actions(self.services[LongTasks])
        return {**of_beacons, **of_dashboards, **self.work.schedules.actions}

    def _callback_key(self) -> bytes:
        folder = Path(self.settings.data_dir)
        return self.settings.callback_key.encode() or key_file(folder / "callback.key")


def _works(services: Services) -> dict[str, Work]:
    """Return the long tasks there are, by kind, ready to be run."""
    found = discover(drover.app.tasks, "TASK", LongTask)
    return {each.kind: each.make(services) for each in found}
