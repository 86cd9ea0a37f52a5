"""Do one task of a job and keep what came of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from msgspec import structs

from drover.workers.beacon.commands import Place, run_command
from drover.workers.beacon.functions import run_function
from drover.workers.beacon.output import Output
from drover.workers.beacon.results import TaskResult, TaskStatus, failed
from drover.workers.beacon.tasks import BadTask, CommandTask, HttpTask, Task, kind_of, task_of
from drover.workers.beacon.web_requests import run_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drover.workers.beacon.settings import AgentSettings

_BROKEN_OFF: Final = failed("the work was broken off", TaskStatus.CANCELED)
_LOG = structlog.get_logger("drover.beacon")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlace:
    """What the tasks of one job share: its number and attempt, a folder, where lines go."""

    job_id: int
    attempt: int
    folder: Path
    tell: Callable[[str], None]

    def variables(self, task: int) -> dict[str, str]:
        """Return what a command is told of itself in its environment."""
        return {
            "DROVER_JOB_ID": str(self.job_id),
            "DROVER_ATTEMPT": str(self.attempt),
            "DROVER_TASK": str(task),
        }


class TaskRun:
    """One task, as it stands in the job (``number`` counts from 1), and its result so far.

    ``tolerated`` says that the job goes on even if this did not go well.
    """

    def __init__(self, number: int, value: Any, settings: AgentSettings, place: JobPlace) -> None:
        self.tolerated = False
        self._number = number
        self._value = value
        self._settings = settings
        self._place = place
        self._output = Output(settings.tail_bytes, settings.log_bytes, place.tell)
        self._task: Task | None = None
        self._result = _BROKEN_OFF
        self._began_s = time.monotonic()

    async def run(self) -> None:
        """Do the task; whatever goes wrong with it is its result."""
        try:
            self._task = task_of(self._value, self._settings.allow)
            self.tolerated = self._task.continue_on_failure
            self._result = await self._timed(self._task)
        except BadTask as error:
            self._result = failed(str(error))
        except Exception as error:  # noqa: BLE001 - a task that cannot be done is a result, too
            _LOG.exception("task_broken", job=self._place.job_id, task=self._number)
            self._result = failed(f"the beacon failed: {type(error).__name__}: {error}")

    def result(self) -> TaskResult:
        """Return what came of it, as far as it got."""
        return structs.replace(
            self._result,
            task=self._number,
            name=self._task.name if self._task else "",
            kind=kind_of(self._task) if self._task else "",
            output=self._output.tail,
            output_bytes=self._output.size,
            duration_ms=round((time.monotonic() - self._began_s) * 1000),
        )

    async def _timed(self, task: Task) -> TaskResult:
        timeout_s = task.timeout or self._settings.task_timeout_s
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                return await self._done(task, timeout_s)
        except TimeoutError:
            if not limit.expired():
                raise
            return failed(f"the task took longer than {timeout_s:g} s", TaskStatus.TIMED_OUT)

    async def _done(self, task: Task, timeout_s: float) -> TaskResult:
        if isinstance(task, CommandTask):
            variables = self._place.variables(self._number)
            place = Place(self._place.folder, variables, self._settings.grace_s)
            return await run_command(task, self._output, place)
        if isinstance(task, HttpTask):
            return await run_request(task, self._output)
        return await run_function(task, timeout_s)
