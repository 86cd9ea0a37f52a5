"""What workers do with beacon jobs: take, begin, tell, end."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog

from drover.app.beacons.jobs import check_number
from drover.app.beacons.sights import check_seen, own_sight, sight_of
from drover.app.beacons.waiting import wait
from drover.engine.rounds import Rounds
from drover.model.beacon_job import (
    DEFAULT_LEASE_MS,
    Hold,
    beat,
    end,
    pick,
    release,
    start,
    update,
)
from drover.model.errors import DroverError, Missing, Unavailable
from drover.model.execution import State
from drover.ports.beacons import Change, Wish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drover.app.beacons.holding import Holders
    from drover.app.beacons.recent import RecentJobs
    from drover.app.beacons.waiting import Patience, Waiter, Waiters
    from drover.model.access import Caller
    from drover.model.beacon_job import BeaconJob, Pick
    from drover.ports.beacons import Sight
    from drover.ports.store import Session, Store

    Rule: TypeAlias = Callable[[BeaconJob, int], BeaconJob]

_LOG = structlog.get_logger("drover.beacons")
_TRIES: Final = 5
_UNHELD_TRIES: Final = 2


class Ending:
    """How a worker ends a job: its results as JSON text, and the error if it failed."""

    __slots__ = ("error", "result")

    def __init__(self, result: bytes = b"[]", error: str | None = None) -> None:
        self.result = result
        self.error = error


class BeaconWork:
    """The use cases of workers; each is one unit of work on one job."""

    def __init__(
        self,
        store: Store,
        waiters: Waiters,
        holders: Holders,
        told: asyncio.Event,
        recent: RecentJobs,
        lease_ms: int = DEFAULT_LEASE_MS,
    ) -> None:
        """Work on jobs; ``told`` is set when somebody is to be told that one has ended.

        ``lease_ms`` is how long a worker may be silent where nothing else is said; ``looks`` counts
        how often the store was asked for the next job.
        """
        self.lease_ms = lease_ms
        self.looks = 0
        self._store = store
        self._waiters = waiters
        self._holders = holders
        self._told = told
        self._recent = recent
        self._looks = Rounds(self._look)
        self._saves = Rounds(self._save)

    async def pick(self, caller: Caller, number: int, asked: Pick) -> BeaconJob:
        """Take a job; raises Missing, JobConflict."""
        return await self._change(caller, number, lambda job, now_ms: pick(job, asked, now_ms))

    async def start(self, caller: Caller, number: int, asked: Pick) -> BeaconJob:
        """Begin a job; raises Missing, JobConflict."""
        return await self._change(caller, number, lambda job, now_ms: start(job, asked, now_ms))

    async def update(self, caller: Caller, number: int, hold: Hold, step: int | None) -> BeaconJob:
        """Tell which task is worked on, and renew the lease; raises Missing, JobConflict."""
        return await self._change(
            caller, number, lambda job, now_ms: update(job, hold, step, now_ms)
        )

    async def beat(
        self, caller: Caller, number: int, hold: Hold, patience: Patience | None = None
    ) -> BeaconJob:
        """Renew the lease; with patience, answer when something became of the job meanwhile.

        Raises Missing, JobConflict, and what ``patience.still`` raises.
        """
        if patience is None or not patience.wait_s:
            return await self._beaten(caller, number, hold)
        with self._holders.listening(number, caller.token_id or "") as holder:
            job = await self._beaten(caller, number, hold)
            if not await self._holders.wait(holder, job, patience):
                return job
        seen = await self._store.glance(lambda session: session.beacons.get(number))
        if seen.state is State.RUNNING and seen.fence == job.fence:
            return seen
        return await self._beaten(caller, number, hold)

    async def _beaten(self, caller: Caller, number: int, hold: Hold) -> BeaconJob:
        return await self._change(caller, number, lambda job, now_ms: beat(job, hold, now_ms))

    async def release(self, caller: Caller, number: int, hold: Hold) -> BeaconJob:
        """Hand a job back to the queue; raises Missing, JobConflict."""
        job = await self._change(caller, number, lambda job, now_ms: release(job, hold, now_ms))
        self._holders.tell(number)
        self._waiters.freed(job)
        return job

    async def end(self, caller: Caller, number: int, hold: Hold, ending: Ending) -> BeaconJob:
        """End a job with its results; raises Missing, JobConflict."""
        job = await self._change(
            caller,
            number,
            lambda job, now_ms: end(job, hold, ending.result, ending.error, now_ms),
        )
        self._holders.tell(number)
        if job.callback_url is not None:
            self._told.set()
        return job

    async def take(
        self, caller: Caller, wish: Wanted, asked: Pick, patience: Patience
    ) -> BeaconJob | None:
        """Take the best eligible job, waiting for one as long as there is patience; None without.

        Raises TooMany where as many wait already as may, and what ``patience.still`` raises.
        """
        key = caller.token_id or ""
        if patience.wait_s:
            self._waiters.check_room(key)
        sight = await self._store.glance(lambda session: sight_of(session, caller))
        worker = (caller.user_id or "", asked.hold.worker) if asked.hold.worker else None
        waiter = self._waiters.join(Wish(wish.names, sight, wish.labels), key, worker)
        try:
            if not patience.wait_s:
                return await self._take_now(waiter, asked)
            return await self._awaited(waiter, asked, patience)
        finally:
            self._waiters.leave(waiter)

    async def _awaited(self, waiter: Waiter, asked: Pick, patience: Patience) -> BeaconJob | None:
        self._holders.make_room()
        until_s = time.monotonic() + patience.wait_s
        gone: asyncio.Future[object] = asyncio.ensure_future(patience.left())
        try:
            while not gone.done() and not waiter.dismissed:
                waiter.look()
                job = await self._take_now(waiter, asked)
                if job is not None:
                    return await self._handed_out(job, gone)
                if time.monotonic() >= until_s or self._waiters.stopping:
                    return None
                await wait(waiter.woken, until_s, gone)
                await patience.still()
            if gone.done():
                raise _gone()
            return None
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def _handed_out(self, job: BeaconJob, gone: asyncio.Future[object]) -> BeaconJob:
        """Return a job that was taken; who went away meanwhile must not hold it for its lease."""
        if not gone.done():
            return job
        freed = await self._store.write(partial(_freed, job=job))
        self._waiters.freed(freed)
        raise _gone()

    def dismiss(self, caller: Caller, worker: str) -> None:
        """Answer a worker that waits at once, without a job: it takes no more of them."""
        self._waiters.dismiss((caller.user_id or "", worker))

    async def _take_now(self, waiter: Waiter, asked: Pick) -> BeaconJob | None:
        self.looks += 1

        async def work(session: Session) -> BeaconJob | None:
            now_ms = await session.now_ms()
            for _ in range(_TRIES):
                seen = await session.beacons.next(waiter.wish, now_ms)
                if seen is None:
                    return None
                job = pick(seen, asked, now_ms)
                if await session.beacons.save(seen, job):
                    return job
            raise _contended()

        job = await self._store.write(work)
        if job is not None:
            self._recent.saved(job)
        return job

    async def _change(self, caller: Caller, number: int, rule: Rule) -> BeaconJob:
        check_number(number)
        for _ in range(_UNHELD_TRIES if self._store.distant else 0):
            job = await self._changed_unheld(caller, number, rule)
            if job is not None:
                return job
        recent = self._recent.get(number)
        change = partial(_changed, caller=caller, number=number, rule=rule, recent=recent)
        job = await self._store.write(change)
        self._recent.saved(job)
        return job

    async def _changed_unheld(self, caller: Caller, number: int, rule: Rule) -> BeaconJob | None:
        """Read, then write with nothing held in between; None where the job changed meanwhile.

        Both are shared with whoever works on a job at the same time.
        """
        sight = await self._sight(caller)
        found, now_ms = await self._looks.ask(number)
        if found is None:
            raise Missing("Job was not found")
        seen = check_seen(sight, found)
        job = rule(seen, now_ms)
        if job is seen or await self._saves.ask(Change(seen, job)):
            return job
        return None

    async def _sight(self, caller: Caller) -> Sight:
        sight = own_sight(caller)
        if sight is not None:
            return sight
        return await self._store.glance(lambda session: sight_of(session, caller))

    async def _look(self, numbers: Sequence[int]) -> list[tuple[BeaconJob | None, int]]:
        found, now_ms = await self._store.glance(lambda session: session.beacons.seen(numbers))
        return [(found.get(number), now_ms) for number in numbers]

    async def _save(self, changes: Sequence[Change]) -> Sequence[bool]:
        return await self._store.write_one(lambda session: session.beacons.save_all(changes))


class Wanted:
    """Which jobs a worker asks for: of these beacons, that ask for none but these labels."""

    __slots__ = ("labels", "names")

    def __init__(self, names: tuple[str, ...], labels: frozenset[str] = frozenset()) -> None:
        self.names = names
        self.labels = labels


async def _freed(session: Session, *, job: BeaconJob) -> BeaconJob:
    """Hand a job back that nobody was told of, unless it has changed meanwhile."""
    seen = await session.beacons.hold(job.number)
    if seen.fence != job.fence or seen.state.is_final:
        return seen
    freed = release(seen, Hold(fence=job.fence), await session.now_ms())
    await session.beacons.save(seen, freed)
    return freed


async def _changed(
    session: Session, *, caller: Caller, number: int, rule: Rule, recent: BeaconJob | None
) -> BeaconJob:
    sight = await sight_of(session, caller)
    now_ms = await session.now_ms()
    if recent is not None:
        job = _unread(recent, sight, rule, now_ms)
        if job is not None and await session.beacons.save(recent, job):
            return job
    for _ in range(_TRIES):
        seen = check_seen(sight, await session.beacons.hold(number))
        job = rule(seen, now_ms)
        if job is seen or await session.beacons.save(seen, job):
            return job
    raise _contended()


def _unread(recent: BeaconJob, sight: Sight, rule: Rule, now_ms: int) -> BeaconJob | None:
    """Return what a rule makes of a job as it is remembered; None where it is to be read first."""
    try:
        job = rule(check_seen(sight, recent), now_ms)
    except DroverError:
        return None
    return None if job is recent else job


def _gone() -> Unavailable:
    return Unavailable("The client went away")


def _contended() -> Unavailable:
    return Unavailable("Too many want this job at once; try again")
