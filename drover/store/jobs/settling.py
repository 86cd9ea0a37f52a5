"""Acknowledgements: one statement for many items, and the counts that follow from it."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from drover.model.errors import Missing
from drover.model.execution import State
from drover.model.iteration import Acknowledgement, ItemState
from drover.ports.jobs import Refusal, Settlement, Unlike
from drover.store.jobs.claiming import claim_following
from drover.store.jobs.counts import count
from drover.store.jobs.rows import execution_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.run import Execution
    from drover.ports.jobs import Claim, Follow, Held, Lease
    from drover.store.driver import Row, Transaction

_ANY_FENCE: Final = (1 << 62) - 1
_NO_LEASE: Final = -1
_ENDING: Final = frozenset({State.CANCELING, State.FAILING})
_IDS: Final = msgspec.json.Decoder(list[Acknowledgement])
_STATE: Final = tuple(ItemState)
_ID: Final = itemgetter(0)
_BEFORE: Final = itemgetter(1)
_NOW: Final = itemgetter(2)


def retries_allowed(execution: Execution, *, wanted: bool) -> int:
    """Return how many retries an item may have used up and still be tried again."""
    return execution.pace.max_retries if wanted and execution.state not in _ENDING else 0


class Given(NamedTuple):
    """Acknowledgements as they come: JSON rows and how many, under which lease, what follows."""

    rows: str
    expected: int
    held: Held | None
    follow: Follow | None


async def settle(tx: Transaction, number: int, given: Given) -> Settlement:
    """Apply acknowledgements and move the counts; see ``Iterations.settle``."""
    execution, now_ms, is_held = await _read(tx, number, given.held)
    lost = given.held is not None and not is_held
    moves: Sequence[Row] = []
    if not lost:
        moves = await tx.fetch("iterations_settle", _parameters(execution, given, now_ms))
    unsettled = _unsettled(moves, given.held)
    changes = _changes(execution, moves, given.rows, now_ms)
    following = None
    if given.held is not None and not unsettled:
        moment = {**changes, "now_ms": now_ms}
        following = await _follow(tx, execution, given.held.lease, given.follow, moment)
    if following is not None:
        execution = following.execution
    elif moves:
        execution = await count(tx, number, **changes)
    await _shrink_leases_ahead(tx, number, moves, given.held)
    return Settlement(
        execution=execution,
        now_ms=now_ms,
        moved=dict(zip(map(_ID, moves), map(_STATE.__getitem__, map(_NOW, moves)), strict=True)),
        refused=await _refusals(tx, number, given, moves, lost=lost),
        unsettled=unsettled,
        following=following,
    )


async def _shrink_leases_ahead(
    tx: Transaction, number: int, moves: Sequence[Row], held: Held | None
) -> None:
    """Let items of other chunks that ended before they began take nobody's place from now on."""
    after_id, upto_id = (held.lease.after_id, held.lease.upto_id) if held else ("", "")
    others = [
        row[0] for row in moves if row[1] == ItemState.PENDING and not after_id < row[0] <= upto_id
    ]
    if others:
        bounds = {"first_id": min(others), "last_id": max(others)}
        await tx.execute("leases_ahead_shrink", {"number": number, **bounds})


async def settle_all(
    tx: Transaction, number: int, given: Acknowledgement, held: Held, follow: Follow | None
) -> Settlement:
    """Settle all items of a fresh lease alike; see ``Iterations.settle_all``."""
    execution, now_ms, is_held = await _read(tx, number, held)
    if not is_held or held.lease.again or execution.pace.serial:
        raise Unlike
    items, goal = held.unsettled, _goal(execution, given)
    params = _range_parameters(execution, given, held, goal, now_ms)
    if await tx.execute("iterations_settle_range", params) != items:
        raise Unlike
    changes: dict[str, Any] = {
        "succeeded": items if goal is ItemState.SUCCEEDED else 0,
        "failed": items if goal is ItemState.FAILED else 0,
        "in_flight": -items,
        "waiting": items if goal is ItemState.WAITING else 0,
        "accumulator": None,
        "next_claim_ms": None,
    }
    moment = {**changes, "now_ms": now_ms}
    following = await _follow(tx, execution, held.lease, follow, moment)
    return Settlement(
        execution=following.execution if following else await count(tx, number, **changes),
        now_ms=now_ms,
        unsettled=0,
        following=following,
    )


def _goal(execution: Execution, given: Acknowledgement) -> ItemState:
    """Return where an item goes that was never tried before."""
    if given.ok:
        return ItemState.SUCCEEDED
    again = retries_allowed(execution, wanted=execution.pace.retry_on_failure)
    return ItemState.WAITING if again else ItemState.FAILED


def _range_parameters(
    execution: Execution, given: Acknowledgement, held: Held, goal: ItemState, now_ms: int
) -> dict[str, object]:
    waits, lease = goal is ItemState.WAITING, held.lease
    return {
        "number": lease.number,
        "after_id": lease.after_id,
        "upto_id": lease.upto_id,
        "fence": lease.fence,
        "goal": int(goal),
        "outcome": int(ItemState.SUCCEEDED if given.ok else ItemState.FAILED),
        "ready_ms": now_ms + execution.pace.retry_delay_ms if waits else None,
        "completed_ms": None if waits else now_ms,
        "retries": int(waits),
        "started_ms": lease.started_ms,
        "message": given.message,
    }


async def _read(tx: Transaction, number: int, held: Held | None) -> tuple[Execution, int, bool]:
    """Return an execution, the store's clock, and whether a lease is still held."""
    fence = held.lease.fence if held else _NO_LEASE
    row = await tx.fetch_one("execution_under_lease", {"number": number, "fence": fence})
    if row is None:
        raise Missing("Execution was not found")
    return execution_of(row), row["now_ms"] or await tx.now_ms(), row["held"] is not None


def _parameters(execution: Execution, given: Given, now_ms: int) -> dict[str, object]:
    pace, held = execution.pace, given.held
    return {
        "number": execution.number,
        "rows": given.rows,
        "now_ms": now_ms,
        "ready_ms": now_ms + pace.retry_delay_ms,
        "allowed": retries_allowed(execution, wanted=pace.retry_on_failure),
        "cursor": execution.cursor,
        "accumulator": execution.accumulator if pace.serial else None,
        "fence": held.lease.fence if held else _ANY_FENCE,
        "held_by": held.lease.fence if held else -1,
        "started_ms": held.lease.started_ms if held else now_ms,
    }


def _unsettled(moves: Sequence[Row], held: Held | None) -> int:
    if held is None:
        return 0
    before = Counter(map(_BEFORE, moves))
    return held.unsettled - before[ItemState.PENDING] - before[ItemState.AWAITING]


async def _follow(
    tx: Transaction,
    execution: Execution,
    lease: Lease,
    follow: Follow | None,
    changes: dict[str, Any],
) -> Claim | None:
    """Give up a lease whose last item was settled, for the next one where that is wanted."""
    if follow is not None:
        following = await claim_following(tx, execution, lease, follow, changes)
        if following is not None:
            return following
    await tx.fetch_one("lease_end", {"number": lease.number, "fence": lease.fence})
    return None


def _changes(execution: Execution, moves: Sequence[Row], rows: str, now_ms: int) -> dict[str, Any]:
    """Return how the moves of items move the counts of their execution."""
    ended = Counter(map(_NOW, moves))
    left = Counter(map(_BEFORE, moves))[ItemState.WAITING]  # those that leave the wait, not flight
    landed = len(moves) - left
    return {
        "succeeded": ended[ItemState.SUCCEEDED],
        "failed": ended[ItemState.FAILED],
        "in_flight": -landed,
        "waiting": ended[ItemState.WAITING] - left,
        **_handed_on(execution, moves, rows, now_ms),
    }


def _handed_on(
    execution: Execution, moves: Sequence[Row], rows: str, now_ms: int
) -> Mapping[str, Any]:
    """Return what a serial execution hands to its next item, and when that may begin."""
    if not execution.pace.serial or not moves:
        return {"accumulator": None, "next_claim_ms": None}
    if moves[-1][2] == ItemState.WAITING:
        return {"accumulator": None, "next_claim_ms": now_ms}
    given = {each.resource_id: each.accumulator for each in _IDS.decode(rows)}
    return {
        "accumulator": given[moves[-1][0]],
        "next_claim_ms": now_ms + execution.pace.delay_ms,
    }


async def _refusals(
    tx: Transaction, number: int, given: Given, moves: Sequence[Row], *, lost: bool
) -> dict[str, Refusal]:
    if len(moves) == given.expected:
        return {}
    moved = {row[0] for row in moves}
    ids = [each.resource_id for each in _IDS.decode(given.rows) if each.resource_id not in moved]
    found = await tx.fetch("iterations_among", {"number": number, "ids": ids})
    standing = {row["resource_id"]: _reason(row, given.held, lost=lost) for row in found}
    return {each: standing.get(each, Refusal.UNKNOWN) for each in ids}


def _reason(row: Row, held: Held | None, *, lost: bool) -> Refusal:
    if row["state"] >= ItemState.SUCCEEDED:
        return Refusal.ENDED
    if lost or (held is not None and row["fence"] > held.lease.fence):
        return Refusal.FENCED
    return Refusal.UNKNOWN
