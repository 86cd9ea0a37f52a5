"""Claims: the next items of an execution, leased to a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from drover.model.iteration import redelivery_size
from drover.ports.jobs import Claim, ClaimedItem, Lease, Ticket
from drover.store.jobs.counts import count
from drover.store.jobs.rows import execution_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.model.run import Execution
    from drover.ports.jobs import Follow
    from drover.store.driver import Row, Transaction


async def claim(tx: Transaction, number: int, limit: int, ticket: Ticket) -> Claim | None:
    """Take up to ``limit`` items, those to be tried again first; see ``Iterations.claim``."""
    row = await tx.fetch_one("execution_hold", {"number": number})
    if row is None:
        return None
    execution = execution_of(row)
    room = execution.pace.concurrency - execution.in_flight + int(row["ahead"])
    if ticket.after is not None:
        return await _claim_ahead(tx, execution, min(limit, ticket.after.size), room, ticket)
    most = min(limit, room) if not execution.pace.delay_ms else min(1, room)
    if execution.waiting:
        again = await _claim_again(tx, execution, most, ticket)
        if again is not None:
            return again
    return await _claim_new(tx, execution, most, ticket)


async def claim_following(
    tx: Transaction, execution: Execution, old: Lease, follow: Follow, changes: Mapping[str, Any]
) -> Claim | None:
    """Move the counts by ``changes`` and take the next items, in one step, under the same lease.

    ``changes`` holds ``now_ms`` too. None, with nothing done, where something is in the way.
    """
    items = min(
        follow.limit, execution.total - execution.claimed, _places(execution, follow, changes)
    )
    if items < 1 or changes["waiting"] or execution.waiting or execution.pace.delay_ms:
        return None
    spare = follow.after.size if follow.after is not None else 0
    params = {**changes, "number": execution.number, "items": items, "spare": spare}
    row = await tx.fetch_one("execution_count_and_claim", params)
    if row is None:
        return None
    now_ms = changes["now_ms"]
    until_ms = now_ms + follow.lease_ms
    ticket = Ticket(worker=follow.worker, now_ms=now_ms, until_ms=until_ms, after=follow.after)
    lease = _lease(row, ticket, items, again=False)
    columns = _columns(lease, ticket, now_ms + execution.pace.timeout_ms)
    if not await tx.execute("lease_replace", {**columns, "old_fence": old.fence}):
        await tx.execute("lease_add", columns)
    return Claim(lease=lease, execution=execution_of(row), items=[])


def _places(execution: Execution, follow: Follow, changes: Mapping[str, Any]) -> int:
    """Return how many items may follow: in the free places, or in those given up just now.

    Those may go to items claimed ahead before; then it is the places of these that are taken.
    """
    if follow.after is not None:
        return follow.after.size
    landed = -changes["in_flight"]
    return int(max(landed, execution.pace.concurrency - execution.in_flight + landed))


async def _claim_ahead(
    tx: Transaction, execution: Execution, most: int, room: int, ticket: Ticket
) -> Claim | None:
    """Take items that begin in the places of a chunk that runs, as it gives these up.

    Those that it has given up already may have been taken: for them there must be room.
    """
    if ticket.after is None or execution.waiting or execution.pace.delay_ms:
        return None
    params = {"number": execution.number, "fence": ticket.after.fence}
    row = await tx.fetch_one("lease_landed", params)
    if row is None:
        return None
    landed, room = row["landed"], max(room, 0)
    return await _claim_new(tx, execution, most if landed <= room else room, ticket, landed)


async def _claim_new(
    tx: Transaction, execution: Execution, most: int, ticket: Ticket, landed: int | None = None
) -> Claim | None:
    """Take items that were never begun; ahead, only for ``landed`` of them there must be room."""
    items = min(most, execution.total - execution.claimed)
    if items < 1:
        return None
    params = {
        "number": execution.number,
        "items": items,
        "places": items if landed is None else min(items, landed),
        "now_ms": ticket.now_ms,
    }
    row = await tx.fetch_one("execution_claim_new", params)
    if row is None:
        return None
    lease = _lease(row, ticket, items, again=False)
    columns = _columns(lease, ticket, ticket.now_ms + execution.pace.timeout_ms)
    await tx.execute("lease_add", columns)
    return Claim(lease=lease, execution=execution_of(row), items=[])


async def _claim_again(
    tx: Transaction, execution: Execution, most: int, ticket: Ticket
) -> Claim | None:
    if most < 1:
        return None
    moment = {"number": execution.number, "now_ms": ticket.now_ms}
    first = await tx.fetch_one("iterations_waiting_first", moment)
    if first is None:
        return None
    losses = first["losses"]
    if losses:
        most = min(most, redelivery_size(losses))
    row = await tx.fetch_one("execution_claim_again", moment)
    if row is None:
        return None
    params = {
        **moment,
        "fence": row["fence"],
        "losses": losses,
        "items": min(most, execution.waiting),
        "deadline_ms": ticket.now_ms + execution.pace.timeout_ms,
    }
    rows = await tx.fetch("iterations_claim_again", params)
    items = [ClaimedItem(each[0], each[1], each[2]) for each in rows]
    items.sort(key=lambda item: item.resource_id)
    lease = _lease(row, ticket, len(items), again=True)
    await tx.execute("lease_add", _columns(lease, ticket, None))
    held = await count(tx, execution.number, in_flight=len(items), waiting=-len(items))
    return Claim(lease=lease, execution=held, items=items, suspect=losses > 0)


def _lease(row: Row, ticket: Ticket, size: int, *, again: bool) -> Lease:
    return Lease(
        number=row["number"],
        fence=row["fence"],
        again=again,
        after_id="" if again else row["claim_after"],
        upto_id="" if again else row["claim_cursor"],
        size=size,
        worker=ticket.worker,
        started_ms=ticket.now_ms,
        until_ms=ticket.until_ms,
    )


def _columns(lease: Lease, ticket: Ticket, expose_ms: int | None) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(lease),
        "again": int(lease.again),
        "now_ms": lease.started_ms,
        "expose_ms": expose_ms,
        "after_fence": ticket.after.fence if ticket.after is not None else None,
    }
