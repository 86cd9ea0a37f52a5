"""A lane: chunks of one execution, one after the other, the next made ready while one runs."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog

from drover.ports.jobs import Claim, Follow

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.engine.chunk import Chunks
    from drover.engine.leases import HeldLease, Leases
    from drover.engine.timing import Timing
    from drover.model.run import Execution
    from drover.ports.jobs import Lease
    from drover.ports.store import Session

_LOG = structlog.get_logger("drover.engine")
SHARES: Final = 4
"""An execution's concurrency is divided among so many lanes."""


class Floor(NamedTuple):
    """What the lanes of a process have in common.

    ``out`` holds the chunks that run, ``most_out`` is how many may be before a lane waits for the
    rest of its own; ``goes_on`` tells whether a lane may claim more, ``wake`` that there is more to
    claim.
    """

    chunks: Chunks
    leases: Leases
    timing: Timing
    goes_on: Callable[[], bool]
    wake: Callable[[], None]
    out: set[asyncio.Task[None]]
    most_out: int


class _Running(NamedTuple):
    held: HeldLease
    chunk: asyncio.Task[None]


class Lane:
    """Runs chunks while there are any.

    Where chunks prove to be short, the one after is claimed ahead and handed to the worker that
    runs the one before: it begins there at the moment when the last item of that one has been
    acknowledged. So a lane has no more items going than its first claim allowed, and no time is
    lost between them.
    """

    def __init__(self, floor: Floor, execution: Execution) -> None:
        pace = execution.pace
        self._floor = floor
        self._execution = execution
        self._size = chunk_size(pace.concurrency, floor.timing.chunk)
        self._may_overlap = not (pace.serial or pace.delay_ms)
        self._short = False
        self._current: _Running | None = None
        self._upcoming: _Running | None = None
        self._claiming: asyncio.Future[Claim | None] | None = None

    async def run(self) -> None:
        """Run until nothing can be claimed, or others are to be let in."""
        try:
            claim = await self._claim()
            while claim is not None:
                self._current = self._begin(claim)
                while self._current is not None:
                    await self._advance(self._current)
                claim = await self._claim() if self._floor.goes_on() else None
        except BaseException:
            await asyncio.shield(self._abandon())
            raise

    async def _advance(self, current: _Running) -> None:
        """See the chunk that runs to its settlement, then go on to the next."""
        if self._upcoming is None and self._wants_more_after(current.held):
            claim = await self._claim(current.held.lease)
            self._upcoming = self._begin(claim, current.held) if claim is not None else None
        await self._settled(current)
        self._short = current.held.flows == 1 and current.held.was_short
        following, current.held.following = current.held.following, None
        upcoming = self._upcoming_alive
        self._current, self._upcoming = upcoming, None
        if following is not None and upcoming is None:
            self._current = self._begin(following)
        elif following is not None and upcoming is not None:
            self._upcoming = self._begin(following, upcoming.held)

    @property
    def _upcoming_alive(self) -> _Running | None:
        upcoming = self._upcoming
        return None if upcoming is None or upcoming.held.unbegun else upcoming

    def _wants_more_after(self, held: HeldLease) -> bool:
        left = held.execution.total - held.execution.claimed
        if not (self._short and self._may_overlap) or held.lease.again:
            return False
        return left > 0 and self._floor.goes_on()

    def _begin(self, claim: Claim, after: HeldLease | None = None) -> _Running:
        held = self._floor.leases.take(claim, after)
        held.next_chunk = partial(self._next_chunk, held)
        chunk = asyncio.create_task(self._floor.chunks.run(held))
        self._floor.out.add(chunk)
        chunk.add_done_callback(partial(self._chunk_ended, held))
        return _Running(held, chunk)

    def _chunk_ended(self, held: HeldLease, chunk: asyncio.Task[None]) -> None:
        self._floor.out.discard(chunk)
        if held.unbegun:
            self._floor.wake()
        if not chunk.cancelled() and (error := chunk.exception()) is not None:
            _LOG.warning("chunk_failed", error=repr(error))

    async def _settled(self, running: _Running) -> None:
        """Wait until a chunk is settled or has ended; what its flows do then goes on aside."""
        held, chunk = running
        settled: asyncio.Task[Any] = asyncio.create_task(held.settled.wait())
        try:
            await asyncio.wait([chunk, settled], return_when=asyncio.FIRST_COMPLETED)
        finally:
            settled.cancel()
        if chunk.done() or len(self._floor.out) > self._floor.most_out:
            await chunk

    def _next_chunk(self, held: HeldLease) -> Follow | None:
        """Say what is to be claimed when a chunk is settled."""
        before = held.after
        if not self._floor.goes_on() or (before is not None and not before.settled.is_set()):
            return None
        return Follow(
            limit=self._size,
            worker=self._floor.leases.worker,
            lease_ms=self._floor.timing.lease_ms,
            after=self._next_of(held),
        )

    def _next_of(self, held: HeldLease) -> Lease | None:
        """Return what takes the place of a chunk, if that is claimed already."""
        current, upcoming = self._current, self._upcoming_alive
        if upcoming is None or upcoming.held is not held:
            return upcoming.held.lease if upcoming is not None else None
        after = current.held.following if current is not None else None
        return after.lease if after is not None else None

    async def _claim(self, after: Lease | None = None) -> Claim | None:
        async def work(session: Session) -> Claim | None:
            ticket = await self._floor.leases.ticket(session, after)
            return await session.jobs.iterations.claim(number, self._size, ticket)

        number = self._execution.number
        self._claiming = asyncio.ensure_future(self._floor.leases.flushes.write(number, work))
        claim = await asyncio.shield(self._claiming)  # what it takes is not lost with the lane
        self._claiming = None
        return claim

    async def _abandon(self) -> None:
        """Hand back what a lane that ends leaves behind."""
        left = [each for each in (self._current, self._upcoming) if each is not None]
        for running in left:
            if not running.chunk.cancelling():  # a second time would break off its handing back
                running.chunk.cancel()
        if left:
            await asyncio.wait([running.chunk for running in left])
        leases = self._floor.leases
        unbegun = [running.held for running in left if leases.holds(running.held)]
        claims: list[object] = [running.held.following for running in left]
        if self._claiming is not None:
            claims += await asyncio.gather(self._claiming, return_exceptions=True)
        unbegun += [leases.take(claim) for claim in claims if isinstance(claim, Claim)]
        for held in unbegun:
            await leases.put_back(held)


def chunk_size(concurrency: int, most: int) -> int:
    """Return how many items to claim together, so that several chunks are on their way at once."""
    return max(1, min(most, -(-concurrency // SHARES)))
