"""The leases this process holds: renewed while their chunks run, given up when they have run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from drover.engine.flushes import Flushes
from drover.ports.jobs import Held, Ticket
from drover.ports.runner import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.engine.timing import Timing
    from drover.model.run import Execution
    from drover.ports.jobs import Claim, Follow, Lease, LeaseKey
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.engine")


FRESH_MS: Final = 250
"""A chunk claimed ahead that has not begun after so long is handed back.

So nothing of an execution begins later than this after it was paused or cancelled, and an item's
timeout, which counts from the claim, loses no more.
"""


class HeldLease:
    """A lease in use: what it covers, and how many of its items are not settled yet.

    Once all are, ``settled`` is set and the lease is gone. If more is wanted then, the next chunk
    of the execution is claimed in the same unit of work: that is ``following``.

    One that was claimed ahead begins when the items of ``after`` are acknowledged; ``unbegun``
    tells that this took too long. ``flows`` is how many its items were given to.
    """

    def __init__(self, claim: Claim, after: HeldLease | None = None) -> None:
        self.claim = claim
        self.after = after
        self.unbegun = False
        self.flows = 0
        self._claimed_s = asyncio.get_running_loop().time()
        self.lease: Lease = claim.lease
        self.execution: Execution = claim.execution
        self.unsettled = claim.lease.size
        self.lost = asyncio.Event()
        self.settled = asyncio.Event()
        self.settling = asyncio.Lock()
        self.next_chunk: Callable[[], Follow | None] = _nothing
        self.following: Claim | None = None

    @property
    def key(self) -> LeaseKey:
        """The execution's number and the fence."""
        return self.lease.number, self.lease.fence

    @property
    def id(self) -> str:
        """The key as text, for batches."""
        return f"{self.lease.number}-{self.lease.fence}"

    @property
    def fresh_ms(self) -> int:
        """For how long the store's word that the execution goes on still counts."""
        age_s = asyncio.get_running_loop().time() - self._claimed_s
        return max(0, FRESH_MS - int(age_s * 1000))

    @property
    def was_short(self) -> bool:
        """Whether its items were all settled before long."""
        return self.settled.is_set() and self.fresh_ms > 0

    @property
    def follow(self) -> Follow | None:
        """What is to be claimed once all is settled."""
        return self.next_chunk()

    @property
    def held(self) -> Held:
        """The lease as acknowledgements need it; raises LeaseLost."""
        if self.lost.is_set():
            raise LeaseLost(self.id)
        return Held(lease=self.lease, unsettled=self.unsettled)


def _nothing() -> Follow | None:
    return None


class Leases:
    """The leases of this process, by id. ``worker`` is its name, unique among all processes.

    Claims, acknowledgements and what is handed back are written through ``flushes``: they all move
    the counts of their execution.
    """

    def __init__(self, store: Store, timing: Timing, worker: str) -> None:
        self.worker = worker
        self.flushes = Flushes(store)
        self._store = store
        self._timing = timing
        self._held: dict[str, HeldLease] = {}

    def __len__(self) -> int:
        return len(self._held)

    def take(self, claim: Claim, after: HeldLease | None = None) -> HeldLease:
        """Look after a lease that was just claimed, ``after`` another one if it was ahead."""
        held = HeldLease(claim, after)
        self._held[held.id] = held
        return held

    def get(self, lease_id: str | None) -> HeldLease:
        """Return a lease that is held; raises LeaseLost."""
        held = self._held.get(lease_id or "")
        if held is None:
            raise LeaseLost(lease_id)
        return held

    def holds(self, held: HeldLease) -> bool:
        """Tell whether a lease is looked after still."""
        return held.id in self._held

    async def ticket(self, session: Session, after: Lease | None = None) -> Ticket:
        """Return what a claim of this process needs, from now on."""
        now_ms = await session.now_ms()
        until_ms = now_ms + self._timing.lease_ms
        return Ticket(worker=self.worker, now_ms=now_ms, until_ms=until_ms, after=after)

    def drop(self, held: HeldLease) -> None:
        """Renew a lease no more."""
        self._held.pop(held.id, None)

    async def end(self, held: HeldLease) -> None:
        """Give up a lease whose chunk has run; what is not settled awaits its acknowledgement."""
        self.drop(held)
        if held.settled.is_set() or held.lost.is_set():
            return
        pace = held.execution.pace
        number = held.lease.number
        await self.flushes.write(
            number, lambda session: session.jobs.iterations.end_lease(held.lease, pace)
        )

    async def give_back(self, held: HeldLease, *, lost: bool) -> None:
        """Hand unfinished work back at once; ``lost`` when its worker died of it, perhaps."""
        self.drop(held)

        async def work(session: Session) -> None:
            now_ms = await session.now_ms()
            await session.jobs.iterations.give_back(held.lease, now_ms, lost=lost)

        async with held.settling:  # what is being settled need not be handed back
            if not held.settled.is_set():
                await self.flushes.write(held.lease.number, work)

    async def put_back(self, held: HeldLease) -> None:
        """Hand work back that was never begun."""
        if held.lease.again:  # its attempt was counted when it was claimed
            await self.give_back(held, lost=False)
            return
        self.drop(held)

        async def work(session: Session) -> None:
            await session.jobs.iterations.put_back(held.lease, await session.now_ms())

        if not held.settled.is_set():
            await self.flushes.write(held.lease.number, work)

    async def beat(self) -> None:
        """Renew all leases; those that are not ours any more are marked as lost."""
        alive = list(self._held.values())
        if not alive:
            return

        async def work(session: Session) -> set[LeaseKey]:
            until_ms = await session.now_ms() + self._timing.lease_ms
            keys = [held.key for held in alive]
            return await session.jobs.iterations.renew(self.worker, keys, until_ms)

        renewed = await self._store.write(work)
        for held in alive:
            if held.key not in renewed and self._runs(held):
                _LOG.warning("lease_lost", execution=held.execution.id, fence=held.lease.fence)
                held.lost.set()

    def _runs(self, held: HeldLease) -> bool:
        """Tell whether a lease is to be there: one being settled may be given up already."""
        return not (held.settled.is_set() or held.settling.locked()) and self.holds(held)
