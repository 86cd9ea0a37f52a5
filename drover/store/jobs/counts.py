"""Moves items between the counts of their execution, in the transaction that moves the items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.model.errors import Missing
from drover.store.jobs.rows import execution_of

if TYPE_CHECKING:
    from drover.model.run import Execution
    from drover.store.driver import Transaction

_NOTHING: Final = {
    "succeeded": 0,
    "failed": 0,
    "timed_out": 0,
    "in_flight": 0,
    "waiting": 0,
    "accumulator": None,
    "next_claim_ms": None,
}


async def count(tx: Transaction, number: int, **changes: object) -> Execution:
    """Add to the counts, and set accumulator and next claim where given; return the result."""
    row = await tx.fetch_one("execution_count", {**_NOTHING, **changes, "number": number})
    if row is None:
        raise Missing("Execution was not found")
    return execution_of(row)
