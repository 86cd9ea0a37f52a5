"""Gives free workers to running executions, the one that waited longest first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from drover.engine.lane import SHARES, Floor, Lane, chunk_size
from drover.model.errors import DroverError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.engine.chunk import Chunks
    from drover.engine.leases import Leases
    from drover.engine.signals import Signals
    from drover.engine.timing import Timing
    from drover.model.run import Execution
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.engine")
_TAILS = 3


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
        self._timing = timing
        self._signals = signals
        self._lanes = lanes
        self._running: dict[asyncio.Task[bool], int] = {}
        self._chunks_out: set[asyncio.Task[None]] = set()
        self._crowded = False
        self._stopping = False
        self._floor = Floor(
            chunks,
            leases,
            timing,
            self._goes_on,
            signals.dispatch.set,
            self._chunks_out,
            _TAILS * lanes,
        )

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
            await Lane(self._floor, execution).run()
        except DroverError as error:
            # The store refuses. What is left unfinished is handed on when its lease expires.
            _LOG.warning("lane_waits", execution=execution.id, error=error.message)
            return False
        except Exception:  # noqa: BLE001 - a fault of one chunk must not end the engine
            _LOG.exception("lane_failed", execution=execution.id)
            return False
        return True

    def _goes_on(self) -> bool:
        return not (self._stopping or self._crowded)


def _shared_out(
    claimable: Sequence[Execution], busy: dict[int, int], free: int, most: int
) -> list[Execution]:
    """Return who gets the free lanes: one each in turn, no more than an execution can use."""
    wants = {
        each.number: min(SHARES - busy.get(each.number, 0), _usable(each, most))
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
    # What is claimable has room for one more, however much of it is claimed ahead.
    return 1 if pace.delay_ms else max(1, -(-room // chunk_size(pace.concurrency, most)))
