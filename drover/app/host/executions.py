"""Resource jobs, started by running workflows."""

from __future__ import annotations

from typing import Any

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.host._context import context_of
from drover.app.jobs.execute import ExecuteBody, JobExecutions


async def _execute(asking: Asking, request: Request) -> dict[str, Any]:
    """Start an execution, without waiting for it."""
    executions = asking.services[JobExecutions]
    place = (asking.application_id, str(request["jobId"]).lower())
    execution_id = await executions.execute(asking.caller, place, _body(request))
    return {"executionId": execution_id, "success": True}


def _body(request: Request) -> ExecuteBody:
    text = context_of(request)
    return ExecuteBody() if text is None else ExecuteBody(template_context=text)


OPERATIONS = HostOperations({"job.execute": each(_execute)})
