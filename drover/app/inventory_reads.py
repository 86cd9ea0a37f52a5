"""Reads of the inventory that may look at every job, each with an end.

What no index serves is tested job by job. Most such reads find enough soon; those that do not are
begun again in a lane of their own, one at a time, so that others find the store free meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from drover.model.errors import Unavailable, reached

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.ports.store import Session, Store

T = TypeVar("T")

QUICK_S: Final = 0.25
"""A read that takes longer goes on in the lane."""

LONGEST_S: Final = 20.0
"""A read ends so long after it came to the lane, unless a setting says otherwise."""


class PatientReads:
    """Runs reads; ``longest_s`` is for those that are not quick, their wait included."""

    def __init__(
        self, store: Store, longest_s: float = LONGEST_S, *, quick_s: float = QUICK_S
    ) -> None:
        self._store = store
        self._longest_s = longest_s
        self._quick_s = quick_s
        self._lane = asyncio.Semaphore()

    async def read(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Return what work reads; raises Unavailable when it does not come to an end in time.

        Both stores stop a read that nobody waits for.
        """
        look = _Look(work)
        reading = asyncio.ensure_future(self._store.read(look.run))
        try:
            while not reading.done() and look.ran_s() < self._quick_s:
                await asyncio.wait((reading,), timeout=self._quick_s)
            if reading.done():
                return reading.result()
        finally:
            await _stopped(reading)
        return await self._read_in_lane(work)

    async def _read_in_lane(self, work: Callable[[Session], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._longest_s), self._lane:
                return await self._store.read(work)
        except TimeoutError:
            raise reached("inventory_seconds", self._too_long()) from None

    def _too_long(self) -> Unavailable:
        return Unavailable(
            f"No end was found in {self._longest_s:g} s: the query has to look at too many jobs,"
            " or others were looked at first. Ask for a status, a job_type, ids or times as well."
        )


class _Look(Generic[T]):
    """A piece of work that tells for how long it has been running: a wait for the store is none."""

    def __init__(self, work: Callable[[Session], Awaitable[T]]) -> None:
        self._work = work
        self._began_s: float | None = None

    async def run(self, session: Session) -> T:
        """Do the work."""
        self._began_s = time.monotonic()
        return await self._work(session)

    def ran_s(self) -> float:
        """Return how long ago the work began."""
        return 0.0 if self._began_s is None else time.monotonic() - self._began_s


async def _stopped(reading: asyncio.Future[T]) -> None:
    """Stop a read that is still going on, and wait until it has let go of the store."""
    if not reading.done():
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
