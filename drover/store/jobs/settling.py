"""Acknowledgements: one statement for many items, and the counts that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.errors import Missing
from drover.model.execution import State
from drover.model.iteration import Acknowledgement, ItemState
from drover.ports.jobs import Refusal, Settlement
from drover.store.jobs.counts import count
from drover.store.jobs.rows import execution_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.run import Execution
    from drover.ports.jobs import Held
    from drover.store.driver import Row, Transaction

_ANY_FENCE: Final = (1 << 62) - 1
_ENDING: Final = frozenset({State.CANCELING, State.FAILING})
_IDS: Final = msgspec.json.Decoder(list[Acknowledgement])
_STATES: Final = tuple(ItemState)
_HELD: Final = frozenset({ItemState.PENDING, ItemState.AWAITING})


def retries_allowed(execution: Execution, *, wanted: bool) -> int:
    """Return how many retries an item may have used up and still be tried again."""
    return execution.pace.max_retries if wanted and execution.state not in _ENDING else 0


async def settle(
    tx: Transaction, number: int, rows: str, expected: int, held: Held | None
) -> Settlement:
    """Apply acknowledgements and move the counts; see ``Iterations.settle``."""
    row = await tx.fetch_one("execution_by_number", {"number": number})
    if row is None:
        raise Missing("Execution was not found")
    execution, now_ms = execution_of(row), await tx.now_ms()
    moves = await tx.fetch("iterations_settle", _parameters(execution, rows, now_ms, held))
    unsettled = await _release(tx, moves, held)
    if moves:
        execution = await _count(tx, execution, moves, rows, now_ms)
    refused = {} if len(moves) == expected else await _refusals(tx, number, rows, moves, held)
    moved = {row[0]: _STATES[row[2]] for row in moves}
    return Settlement(
        execution=execution, now_ms=now_ms, moved=moved, refused=refused, unsettled=unsettled
    )


def _parameters(
    execution: Execution, rows: str, now_ms: int, held: Held | None
) -> dict[str, object]:
    pace = execution.pace
    return {
        "number": execution.number,
        "rows": rows,
        "now_ms": now_ms,
        "ready_ms": now_ms + pace.retry_delay_ms,
        "allowed": retries_allowed(execution, wanted=pace.retry_on_failure),
        "cursor": execution.cursor,
        "accumulator": execution.accumulator if pace.serial else None,
        "fence": held.lease.fence if held else _ANY_FENCE,
        "held_by": held.lease.fence if held else -1,
        "started_ms": held.lease.started_ms if held else now_ms,
    }


async def _release(tx: Transaction, moves: Sequence[Row], held: Held | None) -> int:
    """Give up the lease when its last item was settled; return how many are not."""
    if held is None:
        return 0
    unsettled = held.unsettled - sum(row[1] in _HELD for row in moves)
    if unsettled == 0:
        await tx.fetch_one("lease_end", {"number": held.lease.number, "fence": held.lease.fence})
    return unsettled


async def _count(
    tx: Transaction, execution: Execution, moves: Sequence[Row], rows: str, now_ms: int
) -> Execution:
    ended = dict.fromkeys(ItemState, 0)
    landed = left = 0  # items that leave flight, and those that leave the wait
    for row in moves:
        ended[_STATES[row[2]]] += 1
        landed += row[1] != ItemState.WAITING
        left += row[1] == ItemState.WAITING
    return await count(
        tx,
        execution.number,
        succeeded=ended[ItemState.SUCCEEDED],
        failed=ended[ItemState.FAILED],
        in_flight=-landed,
        waiting=ended[ItemState.WAITING] - left,
        **_handed_on(execution, moves, rows, now_ms),
    )


def _handed_on(
    execution: Execution, moves: Sequence[Row], rows: str, now_ms: int
) -> Mapping[str, Any]:
    """Return what a serial execution hands to its next item, and when that may begin."""
    if not execution.pace.serial:
        return {"accumulator": None, "next_claim_ms": None}
    if moves[-1][2] == ItemState.WAITING:
        return {"accumulator": None, "next_claim_ms": now_ms}
    given = {each.resource_id: each.accumulator for each in _IDS.decode(rows)}
    return {
        "accumulator": given[moves[-1][0]],
        "next_claim_ms": now_ms + execution.pace.delay_ms,
    }


async def _refusals(
    tx: Transaction, number: int, rows: str, moves: Sequence[Row], held: Held | None
) -> dict[str, Refusal]:
    moved = {row[0] for row in moves}
    ids = [each.resource_id for each in _IDS.decode(rows) if each.resource_id not in moved]
    found = await tx.fetch("iterations_among", {"number": number, "ids": ids})
    standing = {row["resource_id"]: _reason(row, held) for row in found}
    return {each: standing.get(each, Refusal.UNKNOWN) for each in ids}


def _reason(row: Row, held: Held | None) -> Refusal:
    if row["state"] >= ItemState.SUCCEEDED:
        return Refusal.ENDED
    if held is not None and row["fence"] > held.lease.fence:
        return Refusal.FENCED
    return Refusal.UNKNOWN
