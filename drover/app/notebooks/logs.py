"""Runs of notebooks, as logs tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.notebooks.minutes import ENDS
from drover.model.execution import State
from drover.model.instants import to_text

if TYPE_CHECKING:
    from drover.model.task import TaskLog

COMPLETED: Final = "completed"

_LOGGED: Final = (
    "inputInfo", "outputInfo", "executionErrors", "inputsCompletedAt", "notebookCompletedAt",
    "outputsCompletedAt",
)  # fmt: skip


def shown(log: TaskLog) -> dict[str, Any]:
    """Return a run as a notebook's log tells of it; what is not known is left out."""
    execution, given = log.execution, msgspec.json.decode(log.execution.detail)
    noted = msgspec.json.decode(execution.accumulator or "{}")
    document: dict[str, Any] = {
        "id": execution.id,
        "notebookExecutionId": execution.id,
        "notebookId": log.resource_id,
        "applicationId": execution.application_id,
        "status": _status(log),
        "executionRelativeTo": to_text(given["relativeTo"]),
        "maxAllowedRunMinutes": given["maxAllowedRunMinutes"],
        "runQueuedAt": to_text(execution.requested_ms),
        "inputInfo": {},
        "outputInfo": {},
        "executionErrors": [],
    }
    if execution.source is not None:
        document |= {"sourceType": execution.source.type, "sourceId": execution.source.id}
    if execution.started_ms is not None:
        document["runStartedAt"] = to_text(execution.started_ms)
    for name in ("imageVersion", "templateContext"):
        if name in given:
            document[name] = given[name]
    document |= {name: noted[name] for name in _LOGGED if name in noted}
    if execution.error is not None and not document["executionErrors"]:
        error = {"name": log.error_name or "Canceled", "message": execution.error}
        document["executionErrors"] = [error]
    return document


def _status(log: TaskLog) -> str:
    state = log.execution.state
    if state is State.CANCELING:
        return "canceling"
    if log.execution.completed_ms is None:
        return "queued" if log.execution.started_ms is None else "inProgress"
    name = "" if state is State.SUCCEEDED else log.error_name or ""
    return "errored" if state is State.FAILED and not name else ENDS.get(name, "errored")
