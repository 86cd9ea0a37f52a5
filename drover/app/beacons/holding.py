"""Workers that hold a job and wait to hear that they are to stop.

One look at the store serves all who wait in this process: when something was told to stop, here or
by another server, and once in a while, for a hint that was lost or a job that others ended.

They share the places of those who wait for a job, and give way to them: a heartbeat that is
answered early loses nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from drover.app.beacons.waiting import wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.beacons.waiting import Patience, Waiters
    from drover.model.beacon_job import BeaconJob
    from drover.ports.store import Store

LOOK_S: Final = 5.0
"""How often the store is looked at while somebody waits."""

MOST_OF_JOB: Final = 2
"""Requests that may wait with one job: its worker's, and one whose client has just gone away."""


class Holder:
    """A worker that holds a job; until its fence is known, whatever happens concerns it."""

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.fence: int | None = None
        self.woken = asyncio.Event()


class Holders:
    """Those who hold a job and wait in this process, by the job's number."""

    def __init__(self, store: Store, waiters: Waiters) -> None:
        """Share the places of ``waiters``."""
        self._store = store
        self._waiters = waiters
        self._holding: dict[int, set[Holder]] = defaultdict(set)
        self._held: dict[Holder, None] = {}
        self._of_key: Counter[str] = Counter()
        self._stopping = False

    def __len__(self) -> int:
        """Count those who wait."""
        return len(self._held)

    @contextmanager
    def listening(self, number: int, key: str = "") -> Iterator[Holder]:
        """Hear from now on what becomes of a job; what happens meanwhile is not missed.

        ``key`` is what the worker came with.
        """
        holder = Holder(key)
        self._holding[number].add(holder)
        try:
            yield holder
        finally:
            self._holding[number].discard(holder)
            if not self._holding[number]:
                del self._holding[number]

    async def wait(self, holder: Holder, job: BeaconJob, patience: Patience) -> bool:
        """Wait until something became of a job; tell whether anybody waited.

        No longer than half its lease, which has just been renewed, lasts. Raises what
        ``patience.still`` raises.
        """
        wait_s = min(patience.wait_s, job.lease_ms / 2000 if job.lease_ms else patience.wait_s)
        if job.cancel_requested or self._stopping or not self._has_room(holder, job.number):
            return False
        holder.fence = job.fence
        self._held[holder] = None
        self._of_key[holder.key] += 1
        gone: asyncio.Future[object] = asyncio.ensure_future(patience.left())
        try:
            await wait(holder.woken, time.monotonic() + wait_s, gone)
        finally:
            self._leave(holder)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        await patience.still()
        return True

    def make_room(self) -> None:
        """Answer early, first come first, as many as those who wait for a job need places of."""
        beyond = len(self._held) + len(self._waiters) - self._waiters.most
        for holder in list(self._held)[: max(0, beyond)]:
            self._leave(holder)
            holder.woken.set()

    def _has_room(self, holder: Holder, number: int) -> bool:
        waiters, of_job = self._waiters, self._holding[number] & self._held.keys()
        return (
            len(self._held) + len(waiters) < waiters.most
            and self._of_key[holder.key] + waiters.of_key(holder.key) < waiters.most_of_key
            and len(of_job) < MOST_OF_JOB
        )

    def _leave(self, holder: Holder) -> None:
        if holder in self._held:
            del self._held[holder]
            self._of_key -= Counter((holder.key,))

    def tell(self, number: int) -> None:
        """Wake who holds a job: something became of it."""
        for holder in self._holding.get(number, ()):
            holder.woken.set()

    def stop(self) -> None:
        """Send everybody away: the server is going to stop."""
        self._stopping = True
        for number in self._holding:
            self.tell(number)

    async def tick(self) -> float | None:
        """Look at the jobs that are held here; wake those who are to go on with theirs no more."""
        numbers = sorted(self._holding)
        if not numbers:
            return None
        kept = await self._store.read(lambda session: session.beacons.kept(numbers))
        for number in numbers:
            for holder in self._holding.get(number, ()):
                if number not in kept or kept[number] != holder.fence:
                    holder.woken.set()
        return None
