"""Item deadlines in the store; see ``drover.ports.jobs.Deadlines``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from drover.model.iteration import WORKER_LOST, ItemState
from drover.ports.jobs import TimedOut
from drover.store.jobs.counts import count
from drover.store.jobs.iterations import await_range
from drover.store.jobs.rows import execution_of, lease_of
from drover.store.jobs.settling import retries_allowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.store.driver import Row, Transaction


class DeadlineStore:
    """The clocks of items, apart from the leases they run under."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def to_expose(self, now_ms: int) -> bool:
        """Tell whether items still run after their timeout without a deadline of their own."""
        return await self._tx.fetch_one("leases_due_to_expose", {"now_ms": now_ms}) is not None

    async def expose(self, now_ms: int) -> int:
        """Give items that still run after their timeout a deadline of their own."""
        rows = await self._tx.fetch("leases_to_expose", {"now_ms": now_ms})
        for row in rows:
            lease = lease_of(row)
            params = await_range(lease, row["expose_ms"], held_by=lease.fence)
            await self._tx.execute("iterations_await_range", params)
            await self._tx.execute("lease_exposed", {"number": lease.number, "fence": lease.fence})
        return len(rows)

    async def cut_short(self, number: int, now_ms: int) -> None:
        """Let whatever still runs of an execution be past its deadline now."""
        params = {"number": number, "now_ms": now_ms}
        await self._tx.execute("leases_cut_short", params)
        await self._tx.execute("iterations_cut_short", params)

    async def due(self, now_ms: int) -> Sequence[int]:
        """Return the numbers of executions with items whose deadline has passed."""
        rows = await self._tx.fetch("executions_with_due_iterations", {"now_ms": now_ms})
        return [row["number"] for row in rows]

    async def time_out(self, number: int, now_ms: int, limit: int) -> Sequence[TimedOut]:
        """End attempts whose deadline has passed: to be tried again, or for good."""
        row = await self._tx.fetch_one("execution_by_number", {"number": number})
        if row is None:
            return []
        execution = execution_of(row)
        pace = execution.pace
        params = {
            "number": number,
            "now_ms": now_ms,
            "limit": limit,
            "allowed": retries_allowed(execution, wanted=pace.retry_on_timeout),
            "ready_ms": now_ms + pace.retry_delay_ms,
            "accumulator": execution.accumulator if pace.serial else None,
        }
        rows = await self._tx.fetch("iterations_time_out", params)
        if not rows:
            return []
        again = sum(row["state"] == ItemState.WAITING for row in rows)
        await count(
            self._tx,
            number,
            in_flight=-len(rows),
            waiting=again,
            timed_out=len(rows) - again,
            next_claim_ms=now_ms + (0 if again else pace.delay_ms) if pace.serial else None,
        )
        return [_timed_out(row) for row in rows]

    async def settle_waiting(self, number: int, now_ms: int, limit: int) -> int:
        """Give items of an ending execution that wait for another try their final result."""
        params = {"number": number, "now_ms": now_ms, "limit": limit, "message": WORKER_LOST}
        rows = await self._tx.fetch("iterations_settle_waiting", params)
        if not rows:
            return 0
        ended = Counter(row["state"] for row in rows)
        await count(
            self._tx,
            number,
            waiting=-len(rows),
            succeeded=ended[ItemState.SUCCEEDED],
            failed=ended[ItemState.FAILED],
            timed_out=ended[ItemState.TIMED_OUT],
        )
        return len(rows)


def _timed_out(row: Row) -> TimedOut:
    return TimedOut(
        resource_id=row["resource_id"],
        attempt=row["attempt"],
        retries=row["retries"],
        started_ms=row["started_ms"],
        again=row["state"] == ItemState.WAITING,
    )
