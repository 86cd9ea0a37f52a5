"""Gives free workers to running executions, the one that waited longest first."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from drover.model.errors import DroverError
from drover.ports.jobs import Follow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.engine.chunk import Chunks
    from drover.engine.leases import HeldLease, Leases
    from drover.engine.signals import Signals
    from drover.engine.timing import Timing
    from drover.model.run import Execution
    from drover.ports.jobs import Claim
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.engine")
_SHARES = 4
_TAILS = 2


class Dispatcher:
    """Runs lanes: each claims a chunk of one execution, runs it, and claims the next.

    At most ``lanes`` run at once. A lane gives way when another execution waits for one.
    """

    def __init__(
        self,
        store: Store,
        chunks: Chunks,
        timing: Timing,
        signals: Signals,
        leases: Leases,
        lanes: int,
    ) -> None:
        self._store = store
        self._chunks = chunks
        self._timing = timing
        self._signals = signals
        self._leases = leases
        self._lanes = lanes
        self._running: dict[asyncio.Task[bool], int] = {}
        self._chunks_out: set[asyncio.Task[None]] = set()
        self._crowded = False
        self._stopping = False

    async def tick(self) -> float | None:
        """Start lanes for what can be claimed; return in how many seconds more can, if known."""
        free = self._lanes - len(self._running)
        if free <= 0 or self._stopping:
            return None
        claimable, rest_s = await self._store.read(self._look)
        self._crowded = len(claimable) > free
        for execution in _shared_out(claimable, self._busy(), free, self._timing.chunk):
            self._start(execution)
        return None if claimable else rest_s

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping = True

    async def drain(self, seconds: float) -> None:
        """Wait for the lanes to end, then have them hand back what is unfinished."""
        if self._working:
            await asyncio.wait(self._working, timeout=seconds)
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    @property
    def running(self) -> int:
        """How many lanes run now."""
        return len(self._running)

    @property
    def _working(self) -> list[asyncio.Task[Any]]:
        return [*self._running, *self._chunks_out]

    async def _look(self, session: Session) -> tuple[Sequence[Execution], float | None]:
        now_ms = await session.now_ms()
        claimable = await session.jobs.plans.claimable(now_ms, self._lanes + 1)
        if claimable:
            return claimable, None
        next_ms = await session.jobs.plans.next_ms()
        return [], None if next_ms is None else max(0.0, (next_ms - now_ms) / 1000)

    def _busy(self) -> dict[int, int]:
        counts: dict[int, int] = {}
        for number in self._running.values():
            counts[number] = counts.get(number, 0) + 1
        return counts

    def _start(self, execution: Execution) -> None:
        lane = asyncio.create_task(self._lane(execution))
        self._running[lane] = execution.number
        lane.add_done_callback(self._ended)

    def _ended(self, lane: asyncio.Task[bool]) -> None:
        del self._running[lane]
        if not lane.cancelled() and lane.result():
            self._signals.dispatch.set()

    async def _lane(self, execution: Execution) -> bool:
        """Run chunks while there are any; False when the lane failed, and more would too."""
        try:
            await self._serve(execution)
        except DroverError as error:
            # The store refuses. What is left unfinished is handed on when its lease expires.
            _LOG.warning("lane_waits", execution=execution.id, error=error.message)
            return False
        except Exception:  # noqa: BLE001 - a fault of one chunk must not end the engine
            _LOG.exception("lane_failed", execution=execution.id)
            return False
        return True

    async def _serve(self, execution: Execution) -> None:
        size = chunk_size(execution.pace.concurrency, self._timing.chunk)
        claim = await self._claim(execution.number, size)
        while claim is not None:
            held = self._leases.take(claim)
            held.next_chunk = partial(self._next_chunk, size)
            claim = await self._follow(held)
            if claim is None and self._goes_on():
                claim = await self._claim(execution.number, size)

    async def _follow(self, held: HeldLease) -> Claim | None:
        """Run a chunk until it is settled, or to its end; return the one claimed with that.

        What its flows do after their acknowledgements goes on aside.
        """
        chunk = asyncio.create_task(self._chunks.run(held))
        self._chunks_out.add(chunk)
        chunk.add_done_callback(self._chunk_ended)
        settled = asyncio.create_task(held.settled.wait())
        try:
            await asyncio.wait([chunk, settled], return_when=asyncio.FIRST_COMPLETED)
            if chunk.done() or len(self._chunks_out) > _TAILS * self._lanes:
                await chunk
        except BaseException:
            await asyncio.shield(self._abandon(held, chunk))
            raise
        finally:
            settled.cancel()
        return held.following

    async def _abandon(self, held: HeldLease, chunk: asyncio.Task[None]) -> None:
        """Hand back what a lane that ends leaves behind."""
        chunk.cancel()
        await asyncio.wait([chunk])
        if held.following is not None:
            await self._leases.give_back(self._leases.take(held.following), lost=False)

    def _chunk_ended(self, chunk: asyncio.Task[None]) -> None:
        self._chunks_out.discard(chunk)
        if not chunk.cancelled() and (error := chunk.exception()) is not None:
            _LOG.warning("chunk_failed", error=repr(error))

    def _goes_on(self) -> bool:
        return not (self._stopping or self._crowded)

    def _next_chunk(self, size: int) -> Follow | None:
        if not self._goes_on():
            return None
        worker, lease_ms = self._leases.worker, self._timing.lease_ms
        return Follow(limit=size, worker=worker, lease_ms=lease_ms)

    async def _claim(self, number: int, size: int) -> Claim | None:
        async def work(session: Session) -> Claim | None:
            ticket = await self._leases.ticket(session)
            return await session.jobs.iterations.claim(number, size, ticket)

        return await self._store.write(work)


def chunk_size(concurrency: int, most: int) -> int:
    """Return how many items to claim together, so that several chunks are on their way at once."""
    return max(1, min(most, -(-concurrency // _SHARES)))


def _shared_out(
    claimable: Sequence[Execution], busy: dict[int, int], free: int, most: int
) -> list[Execution]:
    """Return who gets the free lanes: one each in turn, no more than an execution can use."""
    wants = {
        each.number: min(_SHARES - busy.get(each.number, 0), _usable(each, most))
        for each in claimable
    }
    chosen: list[Execution] = []
    while len(chosen) < free:
        taking = [each for each in claimable if wants[each.number] > 0][: free - len(chosen)]
        if not taking:
            break
        chosen += taking
        for each in taking:
            wants[each.number] -= 1
    return chosen


def _usable(execution: Execution, most: int) -> int:
    pace = execution.pace
    room = min(pace.concurrency - execution.in_flight, execution.total - execution.ended_items)
    return 1 if pace.delay_ms else -(-room // chunk_size(pace.concurrency, most))
