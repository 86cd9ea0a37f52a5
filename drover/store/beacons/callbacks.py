"""When others are to be told of jobs: from the moment on at which these ended, and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.store.driver import Transaction


async def note_due_callbacks(tx: Transaction, numbers: Sequence[int], ended_ms: int | None) -> None:
    """Note that callbacks of jobs that have just ended are due, where any were asked for."""
    await tx.execute("beacon_callbacks_due", {"numbers": list(numbers), "due_ms": ended_ms})
