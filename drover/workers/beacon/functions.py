"""Call an operator's function for a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.flows.python import PythonCall, call
from drover.workers.beacon.results import TaskResult, TaskStatus, failed

if TYPE_CHECKING:
    from drover.workers.beacon.tasks import PythonTask

_TIMED_OUT: Final = "Timeout"


async def run_function(task: PythonTask, timeout_s: float) -> TaskResult:
    """Call a function; a plain one runs in a thread, and is left behind there when it is late."""
    (outcome,) = await call(task.function, [PythonCall(task.input, timeout_s)])
    if outcome.error is None:
        return TaskResult(status=TaskStatus.SUCCEEDED, value=outcome.value)
    name, message = outcome.error
    if name == _TIMED_OUT:
        return failed(message, TaskStatus.TIMED_OUT)
    return failed(f"{name}: {message}")
