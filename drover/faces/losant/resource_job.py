"""Resource jobs: execute, cancel, read logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.app.jobs.control import ExecutionControl
from drover.app.jobs.execute import ExecuteBody, JobExecutions
from drover.app.jobs.logs import ExecutionLogs
from drover.faces.operation import Call, Operation
from drover.kinds.resource_job import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

JOB = "/applications/{applicationId}/resource-jobs/{resourceJobId}"
MOST_LOGS = 1000
_LAST_MS = 253_402_300_799_999


class _Calls:
    """The published operations on one job that the usual ones do not cover."""

    def __init__(self, services: Services) -> None:
        self._executions = services[JobExecutions]
        self._control = services[ExecutionControl]
        self._logs = services[ExecutionLogs]

    async def execute(self, call: Call) -> dict[str, Any]:
        """Ask for an execution."""
        key = call.headers.get("idempotency-key")
        execution_id = await self._executions.execute(call.caller, place(call), call.body, key)
        return {"success": True, "executionId": execution_id}

    async def cancel(self, call: Call) -> dict[str, bool]:
        """Mark an execution to be cancelled."""
        await self._control.cancel(call.caller, place(call), call.needed_id("executionId"))
        return {"success": True}

    async def logs(self, call: Call) -> list[dict[str, Any]]:
        """Return the newest executions."""
        limit = call.whole("limit", 1, least=1, most=MOST_LOGS)
        since_ms = call.whole("since", 0, most=_LAST_MS)
        return await self._logs.newest(place(call), limit, since_ms)


def place(call: Call) -> tuple[str, str]:
    """Return the ids of the application and the job in the path."""
    return call.application_id, call.path["resourceJobId"]


def operations(services: Services) -> Iterator[Operation]:
    """Yield the published operations on one job that the usual ones do not cover."""
    calls = _Calls(services)
    for method, verb, end, run, summary in (
        ("POST", "execute", "/execute", calls.execute, "Run a resource job"),
        ("POST", "cancelExecution", "/cancelExecution", calls.cancel, "Cancel an execution"),
        ("GET", "logs", "/logs", calls.logs, "Read the newest executions of a resource job"),
    ):
        yield Operation(
            method=method,
            path=f"{JOB}{end}",
            scopes=KIND.scopes(verb, reads=method == "GET"),
            run=run,
            name=f"resourceJob.{verb}",
            summary=summary,
            body=ExecuteBody if verb == "execute" else None,
            parameters=_PARAMETERS.get(verb, ()),
            kind=KIND.one,
        )


_PARAMETERS = {
    "cancelExecution": ("executionId",),
    "logs": ("limit", "since"),
}
