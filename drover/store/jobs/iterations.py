"""Items and leases in the store; see ``drover.ports.jobs.Iterations``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from drover.model.execution import State
from drover.model.iteration import MAX_LOSSES, WORKER_LOST, ItemState
from drover.ports.jobs import ClaimedItem
from drover.store.jobs.claiming import claim
from drover.store.jobs.counts import count
from drover.store.jobs.rows import lease_of
from drover.store.jobs.settling import Given, settle, settle_all
from drover.store.jobs.sources import TABLES, matching, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.model.iteration import Acknowledgement
    from drover.model.run import Execution, Pace, Target
    from drover.ports.jobs import Claim, Follow, Held, Lease, LeaseKey, Settlement, Ticket
    from drover.query.tree import Node
    from drover.store.driver import Row, Transaction


class IterationStore:
    """The items of executions and the leases they run under."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def snapshot(
        self, execution: Execution, target: Target, query: Node, after_id: str, limit: int
    ) -> str | None:
        """Add up to ``limit`` matching resources; return the last id, None when all are in."""
        if not await self._is_planned(execution.number):
            return None
        return await snapshot(self._tx, execution, target, query, (after_id, limit))

    async def matching(
        self, application_id: str, target: Target, query: Node, sample: int
    ) -> tuple[int, list[bytes]]:
        """Count the resources that match now, and read the first of them by id."""
        return await matching(self._tx, application_id, target, query, sample)

    async def copy(self, number: int, source: int, states: Sequence[ItemState]) -> int:
        """Add the items of an ended execution that stand in one of the states."""
        if not await self._is_planned(number):
            return 0
        params = {
            "number": number,
            "source": source,
            "unstarted": int(ItemState.PENDING in states),
            "failed": int(ItemState.FAILED in states),
            "timed_out": int(ItemState.TIMED_OUT in states),
        }
        return await self._tx.execute("iterations_copy", params)

    async def claim(self, number: int, limit: int, ticket: Ticket) -> Claim | None:
        """Take up to ``limit`` items, those to be tried again first; None when none may be."""
        return await claim(self._tx, number, limit, ticket)

    async def documents(self, claim: Claim, resource_type: str) -> list[ClaimedItem]:
        """Return the claim's items with their resources' JSON (None where one was deleted)."""
        lease = claim.lease
        if not lease.again:
            params = {"number": lease.number, "after_id": lease.after_id, "upto_id": lease.upto_id}
            rows = await self._tx.fetch(f"{TABLES[resource_type]}_documents_fresh", params)
            return [ClaimedItem(row[0], 1, 0, _document(row[1])) for row in rows]
        ids = [item.resource_id for item in claim.items]
        found = await self.resources(resource_type, ids)
        return [
            msgspec.structs.replace(item, document=found.get(item.resource_id))
            for item in claim.items
        ]

    async def resources(self, resource_type: str, ids: Sequence[str]) -> dict[str, bytes]:
        """Return the JSON of resources by id; deleted ones are left out."""
        statement = f"{TABLES[resource_type]}_documents"
        rows = await self._tx.fetch(statement, {"ids": list(ids)})
        return {row[0]: row[1].encode() for row in rows}

    async def settle(
        self,
        number: int,
        rows: str,
        count: int,
        held: Held | None = None,
        follow: Follow | None = None,
    ) -> Settlement:
        """Apply acknowledgements, given as the JSON array of Acknowledgement arrays."""
        return await settle(self._tx, number, Given(rows, count, held, follow))

    async def settle_all(
        self, number: int, given: Acknowledgement, held: Held, follow: Follow | None = None
    ) -> Settlement:
        """Settle all items of a fresh lease alike; raises Unlike where some stand otherwise."""
        return await settle_all(self._tx, number, given, held, follow)

    async def end_lease(self, lease: Lease, pace: Pace) -> bool:
        """Give up a lease whose chunk has run: what is not settled awaits its acknowledgement."""
        key = {"number": lease.number, "fence": lease.fence}
        if await self._tx.fetch_one("lease_end", key) is None:
            return False
        if not lease.again:
            params = await_range(lease, lease.started_ms + pace.timeout_ms, held_by=None)
            await self._tx.execute("iterations_await_range", params)
        await self._tx.execute("iterations_release", key)
        return True

    async def renew(self, worker: str, leases: Sequence[LeaseKey], until_ms: int) -> set[LeaseKey]:
        """Renew leases; return those that are still held."""
        text = msgspec.json.encode(leases).decode()
        params = {"worker": worker, "leases": text, "until_ms": until_ms}
        rows = await self._tx.fetch("leases_renew", params)
        return {(row["execution"], row["fence"]) for row in rows}

    async def expired(self, now_ms: int, limit: int) -> Sequence[Lease]:
        """Return leases that were not renewed in time."""
        rows = await self._tx.fetch("leases_expired", {"now_ms": now_ms, "limit": limit})
        return [lease_of(row) for row in rows]

    async def expire(self, lease: Lease, now_ms: int) -> int | None:
        """Take back the items of a lease that was not renewed; return how many there were."""
        key = {"number": lease.number, "fence": lease.fence, "now_ms": now_ms}
        if await self._tx.fetch_one("lease_expire", key) is None:
            return None
        taken = await self._take_back(lease, now_ms, lost=True)
        return taken + await self._spare_behind(lease, now_ms) if taken else 0

    async def _spare_behind(self, lease: Lease, now_ms: int) -> int:
        """Take back the items that waited for the end of a chunk; they lost nobody a worker."""
        key = {"number": lease.number, "fence": lease.fence}
        taken = 0
        for row in await self._tx.fetch("leases_behind", key):
            behind = lease_of(row)
            await self._tx.fetch_one("lease_end", {**key, "fence": behind.fence})
            taken += await self._take_back(behind, now_ms, lost=False)
            taken += await self._spare_behind(behind, now_ms)
        return taken

    async def give_back(self, lease: Lease, now_ms: int, *, lost: bool) -> int | None:
        """Hand the unsettled items of a lease back; ``lost`` counts it against them."""
        key = {"number": lease.number, "fence": lease.fence}
        if await self._tx.fetch_one("lease_end", key) is None:
            return None
        return await self._take_back(lease, now_ms, lost=lost)

    async def put_back(self, lease: Lease, now_ms: int) -> int | None:
        """Hand items back that were claimed and never begun; no attempt of theirs is counted."""
        key = {"number": lease.number, "fence": lease.fence}
        if await self._tx.fetch_one("lease_end", key) is None:
            return None
        params = {
            "number": lease.number,
            "after_id": lease.after_id,
            "upto_id": lease.upto_id,
            "fence": await self._raised_fence(lease.number),
            "now_ms": now_ms,
        }
        items = len(await self._tx.fetch("iterations_put_back", params))
        await count(self._tx, lease.number, in_flight=-items, waiting=items)
        return items

    async def _is_planned(self, number: int) -> bool:
        """Tell whether items may be added: not to one that was paused or cancelled meanwhile."""
        row = await self._tx.fetch_one("execution_hold", {"number": number})
        return row is not None and row["state"] == State.QUEUED

    async def _take_back(self, lease: Lease, now_ms: int, *, lost: bool) -> int:
        params: dict[str, object] = {
            "number": lease.number,
            "held_by": lease.fence,
            "fence": await self._raised_fence(lease.number),
            "size": lease.size,
            "step": int(lost),
            "started_ms": lease.started_ms,
            "now_ms": now_ms,
            "message": WORKER_LOST,
            "max_losses": MAX_LOSSES,
        }
        states = [row["state"] for row in await self._lose(lease, params)]
        ended = sum(state == ItemState.TIMED_OUT for state in states)
        await count(
            self._tx,
            lease.number,
            in_flight=-len(states),
            waiting=len(states) - ended,
            timed_out=ended,
        )
        return len(states)

    async def _raised_fence(self, number: int) -> int:
        row = await self._tx.fetch_one("execution_raise_fence", {"number": number})
        return row["fence"] if row is not None else 0

    async def _lose(self, lease: Lease, params: dict[str, object]) -> Sequence[Row]:
        if lease.again:
            return await self._tx.fetch("iterations_lose_held", params)
        bounds = {"after_id": lease.after_id, "upto_id": lease.upto_id}
        return await self._tx.fetch("iterations_lose_range", {**params, **bounds})


def await_range(lease: Lease, deadline_ms: int, *, held_by: int | None) -> dict[str, object]:
    """Return the parameters that let the unsettled items of a fresh lease await."""
    return {
        "number": lease.number,
        "after_id": lease.after_id,
        "upto_id": lease.upto_id,
        "started_ms": lease.started_ms,
        "deadline_ms": deadline_ms,
        "held_by": held_by,
    }


def _document(text: str | None) -> bytes | None:
    return text.encode() if text is not None else None
