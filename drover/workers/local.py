"""Worker processes of the machine itself: started, watched, replaced when they end."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Final

import structlog

from drover.ports.runner import LeaseLost, NotBegun, WorkerLost
from drover.workers.process import WorkerProcess, WorkerSettings

if TYPE_CHECKING:
    from drover.ports.runner import Answerer, FlowBatch, RunRecord, Settled

__all__ = ["LocalWorkers", "WorkerSettings"]

_LOG = structlog.get_logger("drover.engine")
_BATCHES_EACH: Final = 8
_LONGEST_REST_S: Final = 10.0
_LONGEST_RUN_S: Final = 90.0


class LocalWorkers:
    """Runs batches on the worker that has the least to do; answers the port Runner."""

    def __init__(self, answerer: Answerer, settings: WorkerSettings | None = None) -> None:
        self._answerer = answerer
        self._settings = settings or WorkerSettings()
        self._count = self._settings.count or os.cpu_count() or 1
        self._workers: list[WorkerProcess] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    @property
    def capacity(self) -> int:
        """How many batches can run at once."""
        return self._count * _BATCHES_EACH

    @property
    def handlers(self) -> frozenset[str]:
        """The names of the registered functions that the workers know."""
        return frozenset(name for worker in self._workers for name in worker.handlers)

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers alive now."""
        return [worker.pid for worker in self._workers if worker.alive]

    async def start(self) -> None:
        """Start the workers. Raises WorkerLost, naming the module that is in the way."""
        workers = [WorkerProcess(self._answerer) for _ in range(self._count)]
        self._workers = workers
        try:
            await asyncio.gather(*(self._begin(worker) for worker in workers))
        except BaseException:
            await asyncio.gather(*(worker.stop() for worker in workers))
            self._workers = []
            raise
        self._keepers = [asyncio.create_task(self._keep(place)) for place in range(self._count)]

    async def stop(self) -> None:
        """End the workers. Safe to call twice."""
        keepers, self._keepers = [*self._keepers, *self._leaving], []
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        workers, self._workers = self._workers, []
        await asyncio.gather(*(worker.stop() for worker in workers))

    async def run(self, batch: FlowBatch) -> list[RunRecord]:
        """Run a batch to its end; raises WorkerLost, LeaseLost, NotBegun."""
        if batch.alone:
            return await self._run_alone(batch)
        if batch.after is not None:
            return await self._run_after(batch, batch.after)
        worker = await self._pick()
        return await worker.run(batch)

    async def _run_after(self, batch: FlowBatch, lease_id: str) -> list[RunRecord]:
        """Run a batch where the one runs that it comes after."""
        for worker in self._workers:
            if worker.alive and not worker.reserved and worker.runs(lease_id):
                return await worker.run(batch)
        raise NotBegun

    async def _run_alone(self, batch: FlowBatch) -> list[RunRecord]:
        """Run a batch that may kill its worker where it takes no other along."""
        worker = await self._pick()
        while True:
            worker.reserved = True
            try:
                await worker.idle()
                if worker.alive:
                    return await worker.run(batch)
            finally:
                worker.reserved = False
                self._changed.set()
            worker = await self._pick()

    async def _pick(self) -> WorkerProcess:
        """Return the worker with the least to do, once there is one to be had."""
        while True:
            free = [worker for worker in self._workers if worker.alive and not worker.reserved]
            if free:
                return min(free, key=lambda worker: worker.load)
            if not self._keepers:
                raise WorkerLost("the workers are stopped")
            self._changed.clear()
            await self._changed.wait()

    async def _begin(self, worker: WorkerProcess) -> None:
        await worker.start(self._settings)

    async def _keep(self, place: int) -> None:
        """Watch the worker at a place; end it when it is silent, put another in its place."""
        rest_s = 0.0
        while True:
            await self._watch(self._workers[place])
            self._let_go(self._workers[place])
            await asyncio.sleep(rest_s)
            self._workers[place] = WorkerProcess(self._answerer)
            try:
                await self._begin(self._workers[place])
            except (WorkerLost, OSError) as error:
                _LOG.error("worker_not_started", error=str(error))
                rest_s = min(max(0.1, rest_s * 2), _LONGEST_REST_S)
                continue
            rest_s = 0.0
            self._changed.set()

    def _let_go(self, worker: WorkerProcess) -> None:
        task = asyncio.create_task(self._end(worker))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _end(self, worker: WorkerProcess) -> None:
        """Let a worker finish what it has in hand, within the time that a run may take."""
        if worker.alive:
            _LOG.warning("worker_replaced", pid=worker.pid)
        try:
            async with asyncio.timeout(_LONGEST_RUN_S if worker.alive else 0):
                await worker.idle()
        except TimeoutError:
            pass  # it is ended with what it has in hand
        finally:
            await worker.stop()

    async def _watch(self, worker: WorkerProcess) -> None:
        """Return when a worker has ended, or is to be replaced."""
        while worker.alive and not worker.worn:
            if worker.hear(self._settings.beat_s) > self._settings.silent_s:
                _LOG.warning("worker_silent", pid=worker.pid)
                worker.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.beat_s):
                    await worker.ended()


async def registered(settings: WorkerSettings) -> list[str]:
    """Return the names of the registered functions that a worker knows; raises WorkerLost."""
    worker = WorkerProcess(_Nobody())
    try:
        await worker.start(settings)
        return worker.handlers
    finally:
        await worker.stop()


class _Nobody:
    """Answers nothing: the worker is only asked for names."""

    async def call(self, *_given: object) -> list[dict[str, object]]:
        """Refuse."""
        raise LeaseLost

    async def settle(self, *_given: object) -> Settled:
        """Refuse."""
        raise LeaseLost

    async def settle_all(self, *_given: object, **_named: object) -> Settled:
        """Refuse."""
        raise LeaseLost
