"""Executions in the store; see ``drover.ports.executions``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from drover.model.errors import Duplicate, Missing
from drover.model.execution import before
from drover.model.run import RESOURCE_JOB
from drover.store.jobs.rows import execution_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.run import Change, Execution, NewExecution
    from drover.store.driver import Transaction


_GIVEN: Final = (
    "id",
    "kind",
    "name",
    "application_id",
    "owner_id",
    "job_id",
    "error",
    "retry_of",
    "unique_key",
    "queue",
    "priority",
    "total",
)


class ExecutionStore:
    """Executions of every kind."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, new: NewExecution, now_ms: int) -> Execution:
        """Store one; raises Duplicate when its unique key is taken within the job."""
        stored = await _one(self._tx, "execution_add", _columns(new, now_ms))
        if stored is None:
            raise Duplicate("An execution was asked for with this key already")
        return stored

    async def get(self, execution_id: str) -> Execution:
        """Return one by its 24-hex id; raises Missing."""
        return _there(await _one(self._tx, "execution_by_id", {"id": execution_id}))

    async def get_number(self, number: int) -> Execution:
        """Return one by its integer id; raises Missing."""
        return _there(await _one(self._tx, "execution_by_number", {"number": number}))

    async def by_unique_key(self, job_id: str, unique_key: str) -> Execution | None:
        """Return the execution of a job that was asked for with this key."""
        params = {"job_id": job_id, "unique_key": unique_key}
        return await _one(self._tx, "execution_by_unique_key", params)

    async def of_job(
        self, job_id: str, *, limit: int, since_ms: int = 0, offset: int = 0
    ) -> Sequence[Execution]:
        """Return executions of a job, newest first."""
        return await _all(
            self._tx,
            "executions_of_job",
            {"job_id": job_id, "limit": limit, "since_ms": since_ms, "offset": offset},
        )

    async def count(self, job_id: str) -> int:
        """Return how many executions of a job are kept."""
        row = await self._tx.fetch_one("count_executions", {"job_id": job_id})
        return int(row["count"]) if row is not None else 0

    async def count_open(self, job_id: str) -> int:
        """Return how many executions of a job have not ended."""
        row = await self._tx.fetch_one("count_open_executions", {"job_id": job_id})
        return int(row["count"]) if row is not None else 0

    async def open_keyed(self, keys: Sequence[tuple[str, str]]) -> set[str]:
        """Return beginnings of unique keys, given with a job each, that ones not ended yet have."""
        params = {"jobs": [job for job, _ in keys], "prefixes": [prefix for _, prefix in keys]}
        return {row["prefix"] for row in await self._tx.fetch("execution_keys_open", params)}

    async def open_of_job(self, job_id: str) -> Sequence[Execution]:
        """Return the executions of a job that have not ended."""
        return await _all(self._tx, "executions_open_of_job", {"job_id": job_id})

    async def open_of_application(self, application_id: str) -> Sequence[Execution]:
        """Return an application's executions of any kind that have not ended."""
        params = {"application_id": application_id}
        return await _all(self._tx, "executions_open_of_application", params)

    async def hold(self, number: int) -> Execution:
        """Return one that nobody else changes before this unit of work ends; raises Missing."""
        return _there(await _one(self._tx, "execution_hold", {"number": number}))

    async def forget(self, job_id: str) -> int:
        """Delete a job's executions that have ended, with their items; return how many."""
        await self._tx.execute("iterations_forget", {"job_id": job_id})
        return await self._tx.execute("executions_forget", {"job_id": job_id})

    async def move(
        self, number: int, change: Change, *, paused_until_ms: int | None = None
    ) -> Execution | None:
        """Move to a state from which the table allows it; None when it stands elsewhere."""
        source = None if change.cancel_source is UNSET else change.cancel_source
        params = {
            "number": number,
            "goal": change.goal.value,
            "before": [state.value for state in sorted(before(change.goal))],
            "sets_error": int(change.error is not UNSET),
            "error": None if change.error is UNSET else change.error,
            "cancel_source_type": source.type if source else None,
            "cancel_source_id": source.id if source else None,
            "paused_until_ms": paused_until_ms,
            "completed_ms": await self._tx.now_ms() if change.goal.is_final else None,
        }
        return await _one(self._tx, "execution_move", params)


class PlanStore:
    """What plans, serves and ends executions as wholes."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def claim(self, kind: str, worker: str, now_ms: int, until_ms: int) -> Execution | None:
        """Take one that is queued, due and not being planned by a living worker."""
        params = {"kind": kind, "worker": worker, "now_ms": now_ms, "until_ms": until_ms}
        return await _one(self._tx, "execution_claim_plan", params)

    async def begin(self, number: int, now_ms: int) -> Execution | None:
        """Count the items and begin: queued to running. None when it is not queued any more."""
        return await _one(self._tx, "execution_planned", {"number": number, "now_ms": now_ms})

    async def claimable(self, now_ms: int, limit: int) -> Sequence[Execution]:
        """Return running executions that have something to be claimed now, fairest first."""
        return await _all(
            self._tx,
            "executions_claimable",
            {"kind": RESOURCE_JOB, "now_ms": now_ms, "limit": limit},
        )

    async def next_ms(self) -> int | None:
        """Return when the next item may be claimed, of executions that have room for one."""
        row = await self._tx.fetch_one("executions_next_ms")
        return row["next_ms"] if row is not None else None

    async def depths(self) -> Mapping[str, int]:
        """Count what is open: executions by state, their items, leases and firings."""
        rows = await self._tx.fetch("open_depths")
        return {row["name"]: row["items"] for row in rows}

    async def next_retry_ms(self, number: int) -> int | None:
        """Return when the next of an execution's items is to be tried again."""
        row = await self._tx.fetch_one("execution_next_retry", {"number": number})
        return row["ready_ms"] if row is not None else None

    async def closable(self, limit: int) -> Sequence[Execution]:
        """Return open executions that have nothing left to run."""
        return await _all(self._tx, "executions_closable", {"kind": RESOURCE_JOB, "limit": limit})

    async def overdue(self, now_ms: int) -> Sequence[Execution]:
        """Return open executions whose deadline has passed, or whose pause is over."""
        return await _all(self._tx, "executions_overdue", {"now_ms": now_ms})

    async def close(self, number: int, change: Change, now_ms: int) -> Execution | None:
        """End one that has nothing left to run; None when it has, or has ended already."""
        params = {
            "number": number,
            "goal": change.goal.value,
            "before": [state.value for state in sorted(before(change.goal))],
            "report_key": None if change.report_key is UNSET else change.report_key,
            "now_ms": now_ms,
        }
        return await _one(self._tx, "execution_close", params)


async def _one(tx: Transaction, statement: str, params: Mapping[str, object]) -> Execution | None:
    row = await tx.fetch_one(statement, params)
    return execution_of(row) if row is not None else None


async def _all(tx: Transaction, statement: str, params: Mapping[str, object]) -> list[Execution]:
    return [execution_of(row) for row in await tx.fetch(statement, params)]


def _there(found: Execution | None) -> Execution:
    if found is None:
        raise Missing("Execution was not found")
    return found


def _columns(new: NewExecution, now_ms: int) -> dict[str, Any]:
    pace = new.pace
    return {
        **{name: getattr(new, name) for name in _GIVEN},
        "state": new.state.value,
        "detail": new.detail.decode(),
        "source_type": new.source.type if new.source else None,
        "source_id": new.source.id if new.source else None,
        "requested_ms": now_ms,
        "due_ms": now_ms if new.due_ms is None else new.due_ms,
        "deadline_ms": None if new.timeout_ms is None else now_ms + new.timeout_ms,
        "concurrency": pace.concurrency,
        "delay_ms": pace.delay_ms,
        "timeout_ms": pace.timeout_ms,
        "retry_on_timeout": int(pace.retry_on_timeout),
        "retry_on_failure": int(pace.retry_on_failure),
        "max_retries": pace.max_retries,
        "retry_delay_ms": pace.retry_delay_ms,
    }
