"""The areas of the store that hold executions as wholes; ``drover.ports.jobs`` has their items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.run import Change, Execution, NewExecution


class Executions(Protocol):
    """Executions of every kind."""

    async def add(self, new: NewExecution, now_ms: int) -> Execution:
        """Store one; raises Duplicate when its unique key is taken within the job."""
        ...

    async def get(self, execution_id: str) -> Execution:
        """Return one by its 24-hex id; raises Missing."""
        ...

    async def get_number(self, number: int) -> Execution:
        """Return one by its integer id; raises Missing."""
        ...

    async def by_unique_key(self, job_id: str, unique_key: str) -> Execution | None:
        """Return the execution of a job that was asked for with this key."""
        ...

    async def of_job(
        self, job_id: str, *, limit: int, since_ms: int = 0, offset: int = 0
    ) -> Sequence[Execution]:
        """Return executions of a job, newest first."""
        ...

    async def count(self, job_id: str) -> int:
        """Return how many executions of a job are kept."""
        ...

    async def count_open(self, job_id: str) -> int:
        """Return how many executions of a job have not ended."""
        ...

    async def open_keyed(self, keys: Sequence[tuple[str, str]]) -> set[str]:
        """Return beginnings of unique keys, given with a job each, that ones not ended yet have."""
        ...

    async def open_of_job(self, job_id: str) -> Sequence[Execution]:
        """Return the executions of a job that have not ended."""
        ...

    async def open_of_application(self, application_id: str) -> Sequence[Execution]:
        """Return an application's executions of any kind that have not ended."""
        ...

    async def hold(self, number: int) -> Execution:
        """Return one that nobody else changes before this unit of work ends; raises Missing."""
        ...

    async def forget(self, job_id: str) -> int:
        """Delete a job's executions that have ended, with their items; return how many."""
        ...

    async def move(
        self, number: int, change: Change, *, paused_until_ms: int | None = None
    ) -> Execution | None:
        """Move to a state from which the table allows it; None when it stands elsewhere."""
        ...


class Plans(Protocol):
    """What plans, serves and ends executions as wholes."""

    async def claim(self, kind: str, worker: str, now_ms: int, until_ms: int) -> Execution | None:
        """Take one that is queued, due and not being planned by a living worker."""
        ...

    async def begin(self, number: int, now_ms: int) -> Execution | None:
        """Count the items and begin: queued to running. None when it is not queued any more."""
        ...

    async def claimable(self, now_ms: int, limit: int) -> Sequence[Execution]:
        """Return running executions that have something to be claimed now, fairest first."""
        ...

    async def next_ms(self) -> int | None:
        """Return when the next item may be claimed, of executions that have room for one."""
        ...

    async def closable(self, limit: int) -> Sequence[Execution]:
        """Return open executions that have nothing left to run."""
        ...

    async def overdue(self, now_ms: int) -> Sequence[Execution]:
        """Return open executions whose deadline has passed, or whose pause is over."""
        ...

    async def depths(self) -> Mapping[str, int]:
        """Count what is open: executions by state, their items, leases and firings."""
        ...

    async def next_retry_ms(self, number: int) -> int | None:
        """Return when the next of an execution's items is to be tried again."""
        ...

    async def close(self, number: int, change: Change, now_ms: int) -> Execution | None:
        """End one that has nothing left to run; None when it has, or has ended already."""
        ...
