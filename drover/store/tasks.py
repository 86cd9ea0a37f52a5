"""Long tasks in the store; see ``drover.ports.tasks.Tasks``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import UNSET

from drover.model.errors import Missing
from drover.model.run import NewExecution
from drover.model.task import ASIDE, LogStatus, TaskLog
from drover.ports.tasks import RunsOfDay, Told
from drover.store.bounded import bounded
from drover.store.compile import compile_query
from drover.store.compile.columns import Plain
from drover.store.jobs.executions import ExecutionStore
from drover.store.jobs.rows import execution_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.model.run import Execution
    from drover.model.task import Advance, Ending, NewTask
    from drover.ports.tasks import LogsWanted, RunsWanted
    from drover.store.compile.columns import ColumnMap
    from drover.store.driver import Row, Transaction

_STATUS: Final = (
    "(CASE WHEN execution.state IN ('new', 'queued') THEN 'queued'"
    " WHEN execution.completed_ms IS NULL THEN 'inProgress'"
    " WHEN execution.state = 'succeeded' THEN 'completed'"
    f" WHEN execution.state = 'failed' AND task.error_name = '{ASIDE}' THEN 'failed'"
    " ELSE 'errored' END)"
)
_ORDERS: Final = {
    "id": "execution.id",
    "name": "execution.name",
    "status": _STATUS,
    "resourceType": "task.resource_type",
    "resourceId": "task.resource_id",
    "requestedById": "execution.source_id",
    "requestedByType": "execution.source_type",
    "runQueuedAt": "execution.requested_ms",
    "runStartedAt": "execution.started_ms",
    "runCompletedAt": "execution.completed_ms",
}
_COLUMNS: Final[ColumnMap] = {name: Plain(sql) for name, sql in _ORDERS.items()}
_SELECT: Final = (
    f"SELECT execution.*, task.resource_type, task.resource_id, task.note, task.error_name,"  # noqa: S608 - the program's own
    f" task.emails, task.callback_url, task.tell_tries, {_STATUS} AS log_status"
    " FROM task JOIN execution ON execution.number = task.number"
)
_OF_APPLICATION: Final = "task.application_id = :application_id AND execution.discarded = 0"


class TaskStore:
    """Executions that are long tasks."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, new: NewTask, now_ms: int) -> Execution:
        """Store one to be run; raises Duplicate where its unique key is taken."""
        execution = NewExecution(
            id=new.id,
            kind=new.kind,
            name=new.name,
            application_id=new.application_id,
            owner_id=new.owner_id,
            job_id=new.application_id if new.unique_key else None,
            detail=msgspec.json.encode(dict(new.input)),
            source=new.source,
            unique_key=new.unique_key,
            total=new.total,
        )
        stored = await ExecutionStore(self._tx).add(execution, now_ms)
        params = {
            "number": stored.number,
            "application_id": new.application_id,
            "resource_type": new.resource_type,
            "resource_id": new.resource_id,
            "emails": msgspec.json.encode(new.emails).decode(),
            "callback_url": new.callback_url,
            "tell_ms": now_ms if new.emails or new.callback_url else None,
        }
        await self._tx.execute("task_add", params)
        return stored

    async def claim(
        self, kinds: Sequence[str], worker: str, now_ms: int, until_ms: int
    ) -> Execution | None:
        """Take one that waits, or whose server fell silent; None when there is none."""
        params = {"kinds": list(kinds), "worker": worker, "now_ms": now_ms, "until_ms": until_ms}
        return await self._execution("task_claim", params)

    async def hold(self, number: int, fence: int) -> Execution | None:
        """Return one whose fence still stands, held to the end of the unit; else None."""
        return await self._execution("task_hold", {"number": number, "fence": fence})

    async def advance(self, number: int, how: Advance, until_ms: int) -> None:
        """Note how far one has come, and hold the lease until then."""
        params = {
            "number": number,
            "done": how.done,
            "total": how.total,
            "checkpoint": None if how.checkpoint is UNSET else how.checkpoint.decode(),
            "until_ms": until_ms,
        }
        await self._tx.execute("task_advance", params)
        await self._tx.execute("task_note", {"number": number, "note": how.note})

    async def leave(self, number: int, fence: int, again_ms: int, *, forgiven: bool) -> None:
        """Let another server take it from a moment on; ``forgiven`` does not count the try."""
        params = {"number": number, "fence": fence, "again_ms": again_ms, "forgiven": int(forgiven)}
        await self._tx.execute("task_leave", params)

    async def note_end(self, number: int, ending: Ending) -> None:
        """Write what came of a task, beside the move of its execution."""
        output = None if ending.output is None else msgspec.json.encode(ending.output).decode()
        params = {"number": number, "output": output, "report_key": ending.report_key}
        await self._tx.execute("task_result", params)
        await self._tx.execute("task_error", {"number": number, "error_name": ending.error_name})

    async def forget_checkpoint(self, number: int) -> None:
        """Forget what a task that has ended would have gone on from."""
        await self._tx.execute("task_checkpoint_forget", {"number": number})

    async def count_open(self, application_id: str) -> int:
        """Count an application's tasks that have not ended."""
        row = await self._tx.fetch_one("tasks_open", {"application_id": application_id})
        return int(row["count"]) if row is not None else 0

    async def log(self, application_id: str, execution_id: str) -> TaskLog:
        """Return one; raises Missing."""
        params = {"application_id": application_id, "id": execution_id}
        sql = f"{_SELECT} WHERE {_OF_APPLICATION} AND execution.id = :id"
        for row in await self._tx.fetch_sql(sql, params):
            return _log(row)
        raise Missing("Application Job Log was not found")

    async def logs(self, application_id: str, wanted: LogsWanted) -> tuple[list[TaskLog], int]:
        """Return a page, and how many there are in all; raises TooLarge."""
        asked = compile_query(wanted.query, _COLUMNS, self._tx.dialect)
        params = {"application_id": application_id, **asked.params}
        where = f"WHERE {_OF_APPLICATION} AND {asked.sql}"
        direction = "DESC" if wanted.descending else "ASC"
        column = _ORDERS[wanted.sort_field]
        order = f"{column} IS NULL, {column} {direction}, execution.number {direction}"
        # Every part of these texts is the program's own; what was asked for is in the parameters.
        counted = await self._tx.fetch_sql(
            f"SELECT count(*) AS total FROM task JOIN execution"  # noqa: S608
            f" ON execution.number = task.number {where}",
            params,
        )
        rows = await bounded(
            self._tx,
            f"{_SELECT} {where} ORDER BY {order} LIMIT :limit OFFSET :offset",
            {**params, "limit": wanted.limit, "offset": wanted.offset},
            wanted.most_bytes,
            "detail",
        )
        return [_log(row) for row in rows], counted[0]["total"]

    async def runs_by_day(self, wanted: RunsWanted) -> Sequence[RunsOfDay]:
        """Return what tasks ended, by day and by how they ended."""
        params = {**wanted._asdict(), "application_ids": list(wanted.application_ids)}
        return [
            RunsOfDay(row["day_ms"], row["ended"], int(row["runs"]), int(row["minutes"]))
            for row in await self._tx.fetch("task_runs_by_day", params)
        ]

    async def to_tell(self, now_ms: int) -> bool:
        """Tell whether somebody is to be told of an end now."""
        return await self._tx.fetch_one("tasks_to_tell", {"now_ms": now_ms}) is not None

    async def claim_telling(self, now_ms: int, until_ms: int, limit: int) -> Sequence[Told]:
        """Take ends that somebody is to be told of; others take them again from ``until_ms``."""
        params = {"now_ms": now_ms, "until_ms": until_ms, "limit": limit}
        taken = await self._tx.fetch("tasks_claim_telling", params)
        return [await self._told(each["number"]) for each in taken]

    async def _told(self, number: int) -> Told:
        sql = f"{_SELECT} WHERE task.number = :number"
        (row,) = await self._tx.fetch_sql(sql, {"number": number})
        return Told(_log(row), row["tell_tries"])

    async def told(self, told: Told, left: TaskLog, again_ms: int | None) -> None:
        """Note who of ``left`` is still to be told, and when to try; None: never."""
        params = {
            "number": told.log.execution.number,
            "tries": told.tries,
            "again_ms": again_ms,
            "emails": msgspec.json.encode(left.emails).decode(),
            "callback_url": left.callback_url,
        }
        await self._tx.execute("task_told", params)

    async def _execution(self, statement: str, params: dict[str, object]) -> Execution | None:
        row = await self._tx.fetch_one(statement, params)
        return execution_of(row) if row is not None else None


def _log(row: Row) -> TaskLog:
    return TaskLog(
        execution=execution_of(row),
        status=LogStatus(row["log_status"]),
        resource_type=row["resource_type"],
        resource_id=row["resource_id"],
        note=row["note"],
        error_name=row["error_name"],
        emails=tuple(msgspec.json.decode(row["emails"])),
        callback_url=row["callback_url"],
    )
