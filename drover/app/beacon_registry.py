"""Which workers take the jobs of beacons, and which of them still give signs of life.

A sign comes with every question for a job and every word about one, hundreds in a second. It is
kept in memory and written with others a moment later, and only when it tells something new or the
last one that was written has become old: what waits costs next to nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from drover.app.beacons.sights import sight_of
from drover.ports.beacon_registry import Beat, SeenWorker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from drover.model.access import Caller
    from drover.model.beacon_job import BeaconJob
    from drover.ports.beacon_registry import Queue
    from drover.ports.clock import Clock
    from drover.ports.store import Session, Store

FLUSH_S: Final = 1.0
"""How often signs of life are written."""

MOST_WORKERS: Final = 2000
"""Workers that are remembered of one account; those silent for longest are forgotten first."""

FORGOTTEN_MS: Final = 7 * 24 * 3600 * 1000
"""After how long a silence a worker is forgotten."""

MOST_COUNTED: Final = 100_000
"""Waiting jobs that are counted; of more than these it is only known that there are so many."""

PAGE: Final = 1000
_OLD: Final = 4
"""What was written is old after this part of the time after which a worker counts as lost."""


class Told(Struct, frozen=True):
    """What a worker told of itself with a sign of life; None where it told nothing."""

    names: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    version: str | None = None
    draining: bool | None = None


class Listed(Struct, frozen=True, kw_only=True):
    """A worker as it stands now: alive, draining or lost."""

    worker: SeenWorker
    status: str


class _Known(Struct):
    """What a worker told so far, when it last gave a sign, and what of that was written."""

    told: Told
    user_number: int | None
    beat_ms: int
    written: tuple[Told, int] | None = None

    def is_due(self, old_ms: int) -> bool:
        """Tell whether there is something to write."""
        if self.written is None:
            return True
        told, beat_ms = self.written
        return told != self.told or self.beat_ms - beat_ms >= old_ms


class BeaconRegistry:
    """Workers by what they tell; one that is silent for ``lost_ms`` counts as lost."""

    def __init__(self, store: Store, clock: Clock, lost_ms: int) -> None:
        self._store = store
        self._clock = clock
        self._lost_ms = lost_ms
        self._known: dict[str, dict[str, _Known]] = defaultdict(dict)

    def heard(self, caller: Caller, worker: str, told: Told) -> None:
        """Note a sign of life; it is written with the next ``flush``."""
        now_ms = self._clock.monotonic_ms()
        known = self._known[caller.user_id or ""]
        before = known.get(worker)
        if before is not None:
            before.told = _merged(before.told, told)
            before.beat_ms = now_ms
        elif len(known) < MOST_WORKERS:
            known[worker] = _Known(told, caller.number, now_ms)

    async def flush(self) -> None:
        """Write the signs of life that came since the last time, in one unit of work."""
        now_ms = self._clock.monotonic_ms()
        due = list(self._due())
        if not due:
            return
        new_owners = sorted({beat.owner_id for beat, known in due if known.written is None})

        async def work(session: Session) -> None:
            ahead_ms = await session.now_ms() - now_ms
            beats = [structs.replace(beat, beat_ms=beat.beat_ms + ahead_ms) for beat, _ in due]
            await session.beacon_registry.note(beats)
            for owner_id in new_owners:
                await session.beacon_registry.trim(owner_id, MOST_WORKERS)
            await session.beacon_registry.forget(now_ms + ahead_ms - FORGOTTEN_MS)

        await self._store.write(work)
        for beat, known in due:
            known.written = (_told(beat), beat.beat_ms)
        self._drop_silent(now_ms)

    def _due(self) -> Iterator[tuple[Beat, _Known]]:
        for owner_id, workers in self._known.items():
            for worker, known in workers.items():
                if known.is_due(self._lost_ms // _OLD):
                    yield _beat(owner_id, worker, known), known

    async def pages(self, caller: Caller) -> AsyncIterator[Sequence[Listed]]:
        """Yield the workers of the accounts in the caller's sight, some at a time."""
        after = ("", "")
        while True:
            found = await self._page(caller, after)
            if found:
                yield found
            if len(found) < PAGE:
                return
            after = (found[-1].worker.owner_id, found[-1].worker.worker)

    async def queues(self, caller: Caller) -> Sequence[Queue]:
        """Return how many jobs in the caller's sight wait for each beacon, by name."""

        async def work(session: Session) -> Sequence[Queue]:
            sight = await sight_of(session, caller)
            return await session.beacon_registry.queues(sight, MOST_COUNTED)

        return await self._store.read(work)

    async def work_of(
        self, caller: Caller, name: str, limit: int
    ) -> tuple[Sequence[BeaconJob], Sequence[BeaconJob]]:
        """Return the jobs of a beacon that somebody works on, and those taken next."""

        async def work(session: Session) -> tuple[list[BeaconJob], list[BeaconJob]]:
            sight = await sight_of(session, caller)
            registry = session.beacon_registry
            working = await registry.worked_on(sight, name, limit)
            waiting = await registry.waiting(sight, name, limit)
            return (
                [await session.beacons.get(number) for number in working],
                [await session.beacons.get(number) for number in waiting],
            )

        return await self._store.read(work)

    async def _page(self, caller: Caller, after: tuple[str, str]) -> Sequence[Listed]:
        async def work(session: Session) -> Sequence[Listed]:
            sight = await sight_of(session, caller)
            now_ms = await session.now_ms()
            workers = await session.beacon_registry.page(sight, after=after, limit=PAGE)
            return [Listed(worker=each, status=self._status(each, now_ms)) for each in workers]

        return await self._store.read(work)

    def _status(self, worker: SeenWorker, now_ms: int) -> str:
        if now_ms - worker.last_beat_ms >= self._lost_ms:
            return "lost"
        return "draining" if worker.draining else "alive"

    def _drop_silent(self, now_ms: int) -> None:
        """Keep in mind only who may still be there."""
        for owner_id, workers in list(self._known.items()):
            for worker, known in list(workers.items()):
                if now_ms - known.beat_ms > 2 * self._lost_ms:
                    del workers[worker]
            if not workers:
                del self._known[owner_id]


def _merged(before: Told, now: Told) -> Told:
    news = {name: value for name, value in structs.asdict(now).items() if value is not None}
    return structs.replace(before, **news)


def _beat(owner_id: str, worker: str, known: _Known) -> Beat:
    return Beat(
        owner_id=owner_id,
        worker=worker,
        user_number=known.user_number,
        beat_ms=known.beat_ms,
        **structs.asdict(known.told),
    )


def _told(beat: Beat) -> Told:
    return Told(beat.names, beat.labels, beat.version, beat.draining)
