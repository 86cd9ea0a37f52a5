"""Resource jobs, started by running workflows."""

from __future__ import annotations

from typing import Any

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.jobs.execute import ExecuteBody, JobExecutions
from drover.model.errors import Invalid

LONGEST_CONTEXT = 32767
"""Characters of a context as JSON."""


async def _execute(asking: Asking, request: Request) -> dict[str, Any]:
    """Start an execution, without waiting for it."""
    executions = asking.services[JobExecutions]
    place = (asking.application_id, str(request["jobId"]).lower())
    execution_id = await executions.execute(asking.caller, place, _body(request))
    return {"executionId": execution_id, "success": True}


def _body(request: Request) -> ExecuteBody:
    if "context" not in request:
        return ExecuteBody()
    if not isinstance(request["context"], dict):
        raise Invalid("The context must be an object")
    text = msgspec.json.encode(request["context"]).decode()
    if len(text) > LONGEST_CONTEXT:
        raise Invalid(f"The context may not be longer than {LONGEST_CONTEXT} characters as JSON")
    return ExecuteBody(template_context=text)


OPERATIONS = HostOperations({"job.execute": each(_execute)})
