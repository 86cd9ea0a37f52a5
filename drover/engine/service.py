"""The engine of one process: its loops, started and stopped together.

How a server puts it together, from its settings::

    timing = Timing(lease_ms=..., beat_ms=..., sweep_ms=...)
    heart = Heart(store, timing, worker=a name no other process has)
    workers = LocalWorkers(answerer with heart.acks, WorkerSettings(
        count=settings.workers, handlers=tuple(settings.handlers),
        scripts="drover.sandbox.pool:cages", beat_s=timing.beat_ms / 2000,
        silent_s=timing.lease_ms / 2000))
    await workers.start()
    engine = Engine(heart, Surroundings(runner=workers, blobs=blobs, log=flow_runs,
        report_url=..., matches=drover.flows.matching.matches, actions={}))
    await engine.start()

On a signal to stop, ``engine.claim_nothing_more()`` at once; then ``engine.stop()`` and
``workers.stop()``, in this order, before the store is closed. Whoever changes an execution calls
``heart.signals.changed(execution)``; the store that holds new firings is to call
``heart.signals.fire.set()``, that with new schedules ``heart.signals.schedule.set()``: it saves
waiting for the next sweep, no more. A process without the role of the engine uses ``Heart`` alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drover.engine.acks import Acks
from drover.engine.beacon_clocks import BeaconClocks
from drover.engine.chunk import Chunks
from drover.engine.dispatcher import Dispatcher
from drover.engine.firings import FiringDispatcher
from drover.engine.leases import Leases
from drover.engine.loops import Loop
from drover.engine.planner import Planner
from drover.engine.reporter import Reporter
from drover.engine.scheduler import Scheduler
from drover.engine.signals import Signals
from drover.engine.sweeper import Sweeper
from drover.engine.tasks import TaskRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.engine.firings import Matches
    from drover.engine.scheduler import ScheduleAction
    from drover.engine.timing import Timing
    from drover.model.run import Execution
    from drover.ports.blobs import Blobs
    from drover.ports.runner import RunLog, Runner
    from drover.ports.store import Store
    from drover.ports.tasks import Work


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What an engine works with beside the store.

    ``report_url`` signs a report's address, ``matches`` tells whether a trigger's config wants a
    firing, ``actions`` says what schedules do by kind. ``works`` are the long tasks there are, by
    kind; ``most_tasks`` of them run at a time.
    """

    runner: Runner
    blobs: Blobs
    log: RunLog
    report_url: Callable[[Execution], str]
    matches: Matches
    actions: Mapping[str, ScheduleAction]
    works: Mapping[str, Work] = field(default_factory=dict)
    most_tasks: int = 2


class Heart:
    """What exists before the workers do: leases, acknowledgements, wake-ups."""

    def __init__(self, store: Store, timing: Timing, worker: str) -> None:
        self.store = store
        self.timing = timing
        self.worker = worker
        self.signals = Signals()
        self.leases = Leases(store, timing, worker)
        self.acks = Acks(self.leases, self.signals)


class Engine:
    """Plans, dispatches, sweeps, ends and schedules; any number may share one store."""

    def __init__(self, heart: Heart, around: Surroundings, *, schedules: bool = True) -> None:
        store, timing, signals = heart.store, heart.timing, heart.signals
        chunks = Chunks(store, around.runner, heart.leases, heart.acks, around.log, timing)
        self.dispatcher = Dispatcher(
            store, chunks, timing, signals, heart.leases, around.runner.capacity
        )
        self.firings = FiringDispatcher(
            store, around.runner, around.log, timing, signals, around.matches
        )
        self.tasks = TaskRunner(heart, around.works, most=around.most_tasks)
        self._heart = heart
        self._never = asyncio.Event()
        planner = Planner(store, timing, signals, heart.worker)
        reporter = Reporter(store, around.blobs, around.report_url)
        clocks = BeaconClocks(store, signals, timing.beacon_lease_ms)
        sweep_s = timing.sweep_ms / 1000
        self._loops = [
            Loop("planner", planner.tick, signals.plan, sweep_s),
            Loop("dispatcher", self.dispatcher.tick, signals.dispatch, sweep_s),
            Loop("firings", self.firings.tick, signals.fire, sweep_s),
            Loop("sweeper", Sweeper(store, signals).tick, self._never, sweep_s),
            Loop("beacons", clocks.tick, self._never, sweep_s),
            Loop("reporter", reporter.tick, signals.close, sweep_s),
            Loop("tasks", self.tasks.tick, signals.tasks, sweep_s),
        ]
        if schedules:
            self._loops.append(scheduling(heart, around.actions))
        self._beat = Loop("heartbeat", heart.leases.beat, asyncio.Event(), timing.beat_ms / 1000)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the loops. Safe to call twice."""
        if not self._tasks:
            loops = [*self._loops, self._beat]
            self._tasks = [asyncio.create_task(loop.run(), name=loop.name) for loop in loops]

    def claim_nothing_more(self) -> None:
        """Begin to stop: what runs goes on, nothing else is begun. Safe to call twice."""
        self.dispatcher.stop()
        self.firings.stop()
        self.tasks.stop()
        for loop in self._loops:
            loop.stop()

    async def stop(self) -> None:
        """Claim nothing more, let chunks end, hand back what is unfinished. Safe twice."""
        self.claim_nothing_more()
        drain_s = self._heart.timing.drain_ms / 1000
        await asyncio.gather(
            self.dispatcher.drain(drain_s), self.firings.drain(drain_s), self.tasks.drain(drain_s)
        )
        self._beat.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []


def scheduling(heart: Heart, actions: Mapping[str, ScheduleAction]) -> Loop:
    """Return the loop that acts on schedules, for an engine or a process that does nothing else."""
    scheduler = Scheduler(heart.store, heart.timing, actions)
    sweep_s = heart.timing.sweep_ms / 1000
    return Loop("scheduler", scheduler.tick, heart.signals.schedule, sweep_s)
