"""Workers that wait for a job: they are woken one for each job that becomes eligible.

A job that is created wakes the first of those who may take it, in this process, without asking the
store; where nobody waits for it here, other servers are told to look. All else that makes a job
eligible (its time comes, a lease runs out, a hint was lost) is found by one look at the store in a
while, and at the moment the next one is due.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from drover.model.beacon_job import BEACON
from drover.model.errors import TooMany, reached
from drover.model.execution import State
from drover.ports.beacons import Eligible, Wish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.engine.signals import Wake
    from drover.model.beacon_job import BeaconJob
    from drover.ports.store import Session, Store

    Left: TypeAlias = Callable[[], Awaitable[object]]

LOOK_S: Final = 1.0
"""How often the store is looked at while somebody waits."""

MOST_WAITING: Final = 500
"""Workers that may wait at once: each holds a request, of which a server serves only so many."""

MOST_WAITING_OF_KEY: Final = 300
"""Workers that may wait at once with one key, so that nobody takes up all places."""

_LOOKED_AT: Final = 500
_LATER_S: Final = 5


class Patience(NamedTuple):
    """How long somebody waits, in seconds, and what puts an end to it.

    ``left`` returns when they have gone away; ``still`` raises when they may have no job any more.
    """

    wait_s: float
    left: Left
    still: Left


class Waiter:
    """A worker that waits; ``offers`` are the jobs it was woken for since it last looked.

    ``key`` is what it came with, ``worker`` its account and its name, if it told one;
    ``dismissed`` that it wants no job.
    """

    def __init__(self, wish: Wish, key: str = "", worker: tuple[str, str] | None = None) -> None:
        self.wish = wish
        self.key = key
        self.worker = worker
        self.dismissed = False
        self.offers: list[Eligible] = []
        self.woken = asyncio.Event()

    def takes(self, job: Eligible) -> bool:
        """Tell whether it may have a job."""
        return self.wish.sight.covers(job.owner_id) and job.labels <= self.wish.labels

    def look(self) -> None:
        """Note that it is going to ask the store, and so sees whatever it was woken for."""
        self.offers.clear()
        self.woken.clear()


class Waiters:
    """Those who wait in this process, by beacon, the one who waits longest first."""

    def __init__(
        self,
        changed: Wake,
        most: int = MOST_WAITING,
        most_of_key: int = MOST_WAITING_OF_KEY,
    ) -> None:
        """Let up to ``most`` wait, up to ``most_of_key`` of them with one key.

        ``changed`` is set when a job may become eligible other than by what is told.
        """
        self.changed = changed
        self.most = most
        self.most_of_key = most_of_key
        self._of_key: Counter[str] = Counter()
        self._waiting: dict[str, dict[Waiter, None]] = defaultdict(dict)
        self._count = 0
        self._stopping = False

    def __len__(self) -> int:
        return self._count

    @property
    def stopping(self) -> bool:
        """Nobody is to wait any more."""
        return self._stopping

    def names(self) -> list[str]:
        """Return the beacons that somebody waits for."""
        return sorted(self._waiting)

    def of_key(self, key: str) -> int:
        """Count those who wait with a key."""
        return self._of_key[key]

    def check_room(self, key: str) -> None:
        """Raise TooMany where no more may wait, at all or with this key."""
        if self._count >= self.most:
            limit, many = "max_waiting_beacons", f"{self.most} wait for jobs already"
        elif self._of_key[key] >= self.most_of_key:
            limit = "max_waiting_beacons_of_key"
            many = f"{self.most_of_key} wait for jobs with this key already"
        else:
            return
        raise reached(limit, TooMany(many, retry_after_s=_LATER_S))

    def join(self, wish: Wish, key: str = "", worker: tuple[str, str] | None = None) -> Waiter:
        """Begin to wait."""
        waiter = Waiter(wish, key, worker)
        if not self._waiting.keys() >= set(wish.names):
            self.changed.here()  # when its next job is due is not known yet
        for name in wish.names:
            self._waiting[name][waiter] = None
        self._count += 1
        self._of_key[key] += 1
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Wait no more; what the waiter was woken for and did not look at goes to others."""
        for name in waiter.wish.names:
            waiting = self._waiting.get(name)
            if waiting is not None:
                waiting.pop(waiter, None)
                if not waiting:
                    del self._waiting[name]
        self._count -= 1
        self._of_key[waiter.key] -= 1
        if not self._of_key[waiter.key]:
            del self._of_key[waiter.key]
        for offer in waiter.offers:
            self._pass_on(offer)

    def dismiss(self, worker: tuple[str, str]) -> None:
        """Send away the worker of this account and name: it has asked for no more jobs."""
        for waiting in self._waiting.values():
            for waiter in waiting:
                if waiter.worker == worker:
                    waiter.dismissed = True
                    waiter.woken.set()

    def added(self, job: BeaconJob) -> None:
        """Wake whoever a job that was just stored is for."""
        if job.kind == BEACON and job.state is State.QUEUED and job.due_ms > job.requested_ms:
            self.changed.set()  # its moment is to be waited for
        else:
            self.freed(job)

    def freed(self, job: BeaconJob) -> None:
        """Wake whoever a job that may be taken now is for; with nobody here, those elsewhere."""
        if job.kind == BEACON and job.state is State.QUEUED:
            self._pass_on(Eligible(job.beacon_name, job.owner_id, frozenset(job.labels)))

    def offer(self, job: Eligible) -> bool:
        """Wake the first who may take a job and is not awake yet; False when there is nobody."""
        for waiter in self._waiting.get(job.beacon_name, ()):
            if not waiter.offers and waiter.takes(job):
                waiter.offers.append(job)
                waiter.woken.set()
                return True
        return False

    def _pass_on(self, job: Eligible) -> None:
        if not self.offer(job):
            self.changed.elsewhere()

    def stop(self) -> None:
        """Send everybody away: the server is going to stop."""
        self._stopping = True
        for waiting in self._waiting.values():
            for waiter in waiting:
                waiter.woken.set()


class Watch:
    """Looks at the store for those who wait in this process."""

    def __init__(self, store: Store, waiters: Waiters) -> None:
        self._store = store
        self._waiters = waiters

    async def tick(self) -> float | None:
        """Wake whom something is there for; return in how many seconds something is due."""
        names = self._waiters.names()
        if not names:
            return None

        async def work(session: Session) -> tuple[list[Eligible], float | None]:
            now_ms = await session.now_ms()
            found = await session.beacons.eligible(names, now_ms, _LOOKED_AT)
            next_ms = await session.beacons.next_due_ms(names, now_ms)
            return list(found), None if next_ms is None else (next_ms - now_ms) / 1000

        found, rest_s = await self._store.read(work)
        for each in found:
            self._waiters.offer(each)
        return rest_s


async def wait(woken: asyncio.Event, until_s: float, left: asyncio.Future[Any]) -> None:
    """Wait to be woken, for the client to go away, or for a moment of the monotonic clock."""
    waking = asyncio.create_task(woken.wait())
    either: list[asyncio.Future[Any]] = [waking, left]
    try:
        rest_s = max(0.0, until_s - time.monotonic())
        await asyncio.wait(either, timeout=rest_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waking.cancel()
        await asyncio.gather(waking, return_exceptions=True)
