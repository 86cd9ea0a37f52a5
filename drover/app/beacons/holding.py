"""Workers that hold a job and wait to hear that they are to stop.

One look at the store serves all who wait in this process: when something was told to stop, here or
by another server, and once in a while, for a hint that was lost or a job that others ended.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from drover.app.beacons.waiting import wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.beacons.waiting import Patience
    from drover.model.beacon_job import BeaconJob
    from drover.ports.store import Store

LOOK_S: Final = 5.0
"""How often the store is looked at while somebody waits."""

MOST_HOLDING: Final = 500
"""Workers that may wait at once: each holds a request. One more is answered without waiting."""


class Holder:
    """A worker that holds a job; until its fence is known, whatever happens concerns it."""

    def __init__(self) -> None:
        self.fence: int | None = None
        self.woken = asyncio.Event()


class Holders:
    """Those who hold a job and wait in this process, by the job's number."""

    def __init__(self, store: Store, most: int = MOST_HOLDING) -> None:
        self.most = most
        self._store = store
        self._holding: dict[int, set[Holder]] = defaultdict(set)
        self._count = 0
        self._stopping = False

    def __len__(self) -> int:
        return self._count

    @contextmanager
    def listening(self, number: int) -> Iterator[Holder]:
        """Hear from now on what becomes of a job; what happens meanwhile is not missed."""
        holder = Holder()
        self._holding[number].add(holder)
        self._count += 1
        try:
            yield holder
        finally:
            self._count -= 1
            self._holding[number].discard(holder)
            if not self._holding[number]:
                del self._holding[number]

    async def wait(self, holder: Holder, job: BeaconJob, patience: Patience) -> bool:
        """Wait until something became of a job; tell whether anybody waited.

        No longer than half its lease, which has just been renewed, lasts. Raises what
        ``patience.still`` raises.
        """
        wait_s = min(patience.wait_s, job.lease_ms / 2000 if job.lease_ms else patience.wait_s)
        if job.cancel_requested or self._stopping or self._count > self.most:
            return False
        holder.fence = job.fence
        gone: asyncio.Future[object] = asyncio.ensure_future(patience.left())
        try:
            await wait(holder.woken, time.monotonic() + wait_s, gone)
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        await patience.still()
        return True

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
