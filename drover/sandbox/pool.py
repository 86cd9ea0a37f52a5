"""The scripts port on a pool of caged processes.

A call of `run` is cut into slices. A free child takes a slice of the call that waited longest, and
a child that has worked for a quarter of a second hands the rest of its slice back: one call with
ten thousand slow payloads delays the others by a slice, not by hours. There are twice as many
workers as children, so that the next slice is written while a child is busy.

When a child ends in the middle of a slice, what it had answered stands. The item it was running
(the progress page tells) is answered with the limit it broke, and the rest goes to another child.
A child that ended for no limit of ours may be a victim: its item gets another try.
"""

import asyncio
import os
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

import msgspec

from drover.ports.scripts import ScriptResult, ScriptsUnavailable
from drover.sandbox.batch import FEW, Run, Slice
from drover.sandbox.cage import Cage, Ending, Patience
from drover.sandbox.fidelity import changes_builtins

_QUANTUM_S: Final = 0.25
_SLICE_ITEMS: Final = 256
_SMALLEST_SLICE: Final = 32


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the pool allows; every figure can be set."""

    children: int = os.cpu_count() or 1
    memory_bytes: int = 128 * 1024 * 1024
    open_runs: int = 1024
    recycle_after: int = 1000


class CagedScripts:
    """Runs scripts in caged processes; start it, use it from one event loop, close it."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Nothing is started before `start`."""
        self._limits = limits or Limits()
        self._ready: deque[Run] = deque()
        self._open_runs: set[Run] = set()
        self._idle: list[Cage | None] = []
        self._turns = asyncio.Semaphore(0)
        self._wake = asyncio.Condition()
        self._workers: list[asyncio.Task[None]] = []
        self._cages: set[Cage] = set()

    async def start(self) -> None:
        """Start the children. Raises `ScriptsUnavailable` when they cannot be."""
        places = range(self._limits.children)
        started = await asyncio.gather(*(self._open() for _ in places), return_exceptions=True)
        self._idle = [cage if isinstance(cage, Cage) else None for cage in started]
        self._turns = asyncio.Semaphore(len(self._idle))
        self._workers = [asyncio.create_task(self._work()) for _ in (*places, *places)]
        for failure in started:
            if isinstance(failure, BaseException):
                await self.close()
                raise failure

    async def close(self) -> None:
        """End the children; calls still waiting raise `ScriptsUnavailable`."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await asyncio.gather(*(self._drop(cage) for cage in list(self._cages)))
        self._idle = []
        for run in list(self._open_runs):
            run.fail(ScriptsUnavailable("The script processes are being stopped"))

    async def __aenter__(self) -> Self:
        """Start on entry."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close on exit."""
        await self.close()

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the children alive now."""
        return frozenset(cage.pid for cage in self._cages)

    async def run(
        self,
        script: str,
        payloads: Sequence[object],
        *,
        timeout_ms: int = 5000,
        owner: str = "",
    ) -> list[ScriptResult]:
        """Run one script over many payloads; see `drover.ports.scripts.Scripts`."""
        if not payloads:
            return []
        if not self._workers or len(self._open_runs) >= self._limits.open_runs:
            raise ScriptsUnavailable("The script processes are stopped or have too much to do")
        run = Run(script, payloads, timeout_ms / 1000, _shared(script, len(payloads), owner))
        self._open_runs.add(run)
        try:
            await self._queue(run)
            return await run.done
        finally:
            self._open_runs.discard(run)

    async def _queue(self, run: Run) -> None:
        """Let a call wait for a worker, behind the others."""
        if run.queued or not run.waiting:
            return
        run.queued = True
        self._ready.append(run)
        async with self._wake:
            self._wake.notify()

    async def _next(self) -> Run:
        """Take the call that has waited longest and is still wanted."""
        while True:
            async with self._wake:
                await self._wake.wait_for(lambda: self._ready)
                run = self._ready.popleft()
            run.queued = False
            if not run.done.done():
                return run

    async def _work(self) -> None:
        """Serve slice after slice for as long as the pool is open."""
        while True:
            run = await self._next()
            try:
                await self._turn(run)
            except Exception as error:  # noqa: BLE001 - the caller gets it, the worker lives on
                run.fail(error)

    async def _turn(self, run: Run) -> None:
        """Let a child work on one slice of a call."""
        piece = Slice(run, self._slice_items(run))
        await self._queue(run)
        if not piece.indexes:
            return
        request = piece.request(self._limits.memory_bytes)
        async with self._cage() as cage:
            if run.done.done():
                return
            ending = await cage.serve(request, piece.take, _patience(run.timeout_s))
            if ending is not Ending.DONE:
                piece.blame(cage.item, timed_out=ending is Ending.TIMEOUT)
        piece.give_back()
        await self._queue(run)

    def _slice_items(self, run: Run) -> int:
        """Enough to be worth a round trip, few enough to leave the other children a share."""
        share = -(-len(run.waiting) // self._limits.children)
        return min(_SLICE_ITEMS, max(_SMALLEST_SLICE, share))

    @asynccontextmanager
    async def _cage(self) -> AsyncIterator[Cage]:
        """Hold a child that can take a request, in the place of one dead or worn if need be."""
        await (
            self._turns.acquire()
        )  # hands out turns in order; a queue lets the last one back in first
        cage = self._idle.pop()
        try:
            if cage and not (cage.alive and cage.requests < self._limits.recycle_after):
                await self._drop(cage)
                cage = None
            cage = cage or await self._open()
            yield cage
        finally:
            self._idle.append(cage)
            self._turns.release()

    async def _open(self) -> Cage:
        cage = await Cage.open(self._limits.memory_bytes)
        self._cages.add(cage)
        return cage

    async def _drop(self, cage: Cage) -> None:
        self._cages.discard(cage)
        await cage.close()


def _patience(timeout_s: float) -> Patience:
    """Return how long a child may take for a slice of which each item may take this long."""
    return Patience(_QUANTUM_S + 1.5 * timeout_s + 0.5, _QUANTUM_S + timeout_s)


def cages(children: int) -> CagedScripts:
    """Return scripts run by so many children: what a worker process makes its cage with."""
    return CagedScripts(Limits(children=children))


def _shared(script: str, count: int, owner: str) -> str:
    """Name of the hardened realm to use, or nothing for a fresh realm for each payload."""
    if changes_builtins(script):
        return ""
    if owner:
        return f"owner {owner}"
    return f"run {secrets.token_hex(8)}" if count > FEW else ""
