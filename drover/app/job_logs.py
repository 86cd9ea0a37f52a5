"""Job logs: the long tasks of an application, as they are shown and told of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from drover.model.instants import to_text

if TYPE_CHECKING:
    from drover.model.task import TaskLog
    from drover.ports.store import Store
    from drover.ports.tasks import LogsWanted


class JobLogs:
    """Reads job logs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def one(self, application_id: str, job_id: str) -> dict[str, Any]:
        """Return one; raises Missing."""
        return shown(
            await self._store.read(lambda session: session.tasks.log(application_id, job_id))
        )

    async def page(
        self, application_id: str, wanted: LogsWanted
    ) -> tuple[list[dict[str, Any]], int]:
        """Return a page, and how many there are in all."""
        logs, total = await self._store.read(
            lambda session: session.tasks.logs(application_id, wanted)
        )
        return [shown(each) for each in logs], total


def shown(log: TaskLog) -> dict[str, Any]:
    """Return a long task as a job log; what is not known is left out."""
    execution = log.execution
    document: dict[str, Any] = {
        "id": execution.id,
        "jobId": execution.id,
        "jobExecutionId": execution.id,
        "name": execution.name,
        "status": log.status.value,
        "runQueuedAt": to_text(execution.requested_ms),
        "resourceType": log.resource_type,
        "progress": _progress(log),
        "input": msgspec.json.decode(execution.detail),
    }
    if execution.application_id:
        document |= {
            "applicationId": execution.application_id,
            "ownerType": "application",
            "ownerId": execution.application_id,
        }
    if log.resource_id:
        document["resourceId"] = log.resource_id
    if execution.source is not None:
        document["requestedById"] = execution.source.id
        document["requestedByType"] = execution.source.type
    return document | _times(log) | _end(log)


def _progress(log: TaskLog) -> dict[str, Any]:
    execution = log.execution
    return {
        "completed": execution.succeeded,
        "total": execution.total,
        **({"status": log.note} if log.note else {}),
    }


def _times(log: TaskLog) -> dict[str, Any]:
    moments = {
        "runStartedAt": log.execution.started_ms,
        "runCompletedAt": log.execution.completed_ms,
    }
    return {name: to_text(ms) for name, ms in moments.items() if ms is not None}


def _end(log: TaskLog) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if log.execution.result is not None:
        found["output"] = msgspec.json.decode(log.execution.result)
    if log.execution.error is not None:
        name = log.error_name or "Canceled"
        found["error"] = {"name": name, "message": log.execution.error}
    return found
