"""Work on one job: its tasks one after another, its lease renewed, its lines sent."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from drover.client.beacon_work import Ending
from drover.client.errors import ClientError, ServerUnreachable
from drover.workers.beacon.aside import aside
from drover.workers.beacon.job_log import JobLog
from drover.workers.beacon.results import TaskResult, TaskStatus
from drover.workers.beacon.task_run import JobPlace, TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.client.beacon_work import BeaconWork
    from drover.client.task_records import BeaconJob, LogLine
    from drover.workers.beacon.settings import AgentSettings

LINES_EVERY_S: Final = 0.5
"""How often lines are sent."""

FIRST_BEAT_S: Final = 1.0
"""How long a job must last to be worth a heartbeat."""

LAST_LINES_S: Final = 10.0
"""How long lines that are not accepted may hold up the end of a job; they go with its results."""

_NOT_OURS: Final = frozenset({404, 409})
_NO_MORE_LINES: Final = frozenset({400, 403, 404, 409, 413})
_LOG = structlog.get_logger("drover.beacon")


class Stop(StrEnum):
    """Why the work on a job is broken off."""

    CANCELED = "canceled"  #: somebody asked for its end: it ends with the results there are
    LOST = "lost"  #: it is not this worker's any more: nobody wants its results
    DRAINED = "drained"  #: the agent has to end: others may have it
    UNABLE = "unable"  #: there is no folder to work in, as on a full disk: others may have it


class JobRun:
    """The work on one job; ``stopped`` says why it was broken off, if it was.

    ``now_s`` is the clock of its lines.
    """

    def __init__(
        self,
        job: BeaconJob,
        work: BeaconWork,
        settings: AgentSettings,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.job = job
        self.stopped: Stop | None = None
        self._work = work
        self._settings = settings
        self._lines = JobLog(job.fence or 1, now_s)
        self._results: list[TaskResult] = []
        self._error: str | None = None
        self._doing: asyncio.Task[None] | None = None

    @property
    def lines_left(self) -> list[LogLine]:
        """The lines that the server has not accepted yet."""
        return self._lines.left()

    def stop(self, why: Stop) -> None:
        """Break off the work; the first reason counts."""
        if self.stopped is None:
            self.stopped = why
            _LOG.info("job_broken_off", job=self.job.id, why=why)
            if self._doing is not None:
                self._doing.cancel()

    async def run(self) -> Ending | None:
        """Return how the job ended, None when it is not this worker's to end."""
        aiding = [asyncio.create_task(each()) for each in (self._renew, self._send_lines)]
        try:
            await self._do_in_a_folder()
        finally:
            for each in aiding:
                each.cancel()
            await asyncio.gather(*aiding, return_exceptions=True)
        if self.stopped not in (None, Stop.CANCELED):
            return None
        await self._send_last_lines()
        return self._ending()

    async def _do_in_a_folder(self) -> None:
        try:
            folder = tempfile.mkdtemp(prefix=f"job-{self.job.id}-", dir=self._settings.work_dir)
        except OSError as error:
            _LOG.error("no_folder", job=self.job.id, reason=str(error))
            self.stop(Stop.UNABLE)
            return
        try:
            self._doing = asyncio.create_task(self._do(Path(folder)))
            if self.stopped is not None:
                self._doing.cancel()
            await asyncio.wait([self._doing])
            if not self._doing.cancelled():
                self._doing.result()
        finally:
            await aside(shutil.rmtree, folder, ignore_errors=True)

    async def _do(self, folder: Path) -> None:
        place = JobPlace(
            job_id=self.job.id, attempt=self.job.attempts, folder=folder, tell=self._lines.tell
        )
        self._heed(self.job)
        await self._tell(self._work.start)
        for number, value in enumerate(self.job.tasks or [], 1):
            if self._error is None:
                await self._tell(self._work.update, number)
                await self._one(TaskRun(number, value, self._settings, place), number)
            else:
                self._results.append(TaskResult(task=number, status=TaskStatus.SKIPPED))

    async def _one(self, task: TaskRun, number: int) -> None:
        try:
            await task.run()
        finally:
            result = task.result()
            self._results.append(result)
            if not (result.went_well or task.tolerated):
                self._error = f"task {number}: {result.error}"

    def _ending(self) -> Ending:
        return Ending(
            results=msgspec.to_builtins(self._results),
            failed=self._error is not None,
            error=self._error,
        )

    async def _renew(self) -> None:
        """Renew the lease again and again; between two beats the server may tell of a cancel."""
        settings = self._settings
        await asyncio.sleep(min(settings.beat_s, FIRST_BEAT_S))
        while True:
            next_s = time.monotonic() + settings.beat_s
            await self._tell(self._work.heartbeat, settings.hold_s)
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))

    async def _tell(self, say: Callable[..., BeaconJob], *args: Any) -> None:
        """Tell the server something about the job, and heed what it answers."""
        try:
            self._heed(await aside(say, self.job, *args))
        except ClientError as error:
            if error.status in _NOT_OURS:
                self.stop(Stop.LOST)
            _LOG.warning("job_refused", job=self.job.id, reason=str(error))
        except ServerUnreachable as error:
            _LOG.warning("server_away", job=self.job.id, reason=str(error))

    def _heed(self, job: BeaconJob) -> None:
        if job.ended:
            self.stop(Stop.LOST)
        elif job.cancel_requested:
            self.stop(Stop.CANCELED)

    async def _send_lines(self) -> None:
        while True:
            await asyncio.sleep(LINES_EVERY_S)
            while self._lines and await self._send_batch():
                pass

    async def _send_last_lines(self) -> None:
        try:
            async with asyncio.timeout(LAST_LINES_S):
                while self._lines and await self._send_batch():
                    pass
        except TimeoutError:
            _LOG.warning("lines_wait", job=self.job.id)

    async def _send_batch(self) -> bool:
        """Send the next lines; tell whether they were accepted."""
        batch = self._lines.batch()
        try:
            if await aside(self._work.log, self.job, batch):
                self.stop(Stop.CANCELED)
        except (ClientError, ServerUnreachable) as error:
            _LOG.warning("lines_not_sent", job=self.job.id, reason=str(error))
            if isinstance(error, ClientError) and error.status in _NO_MORE_LINES:
                self._lines.refused()
            return False
        self._lines.accepted()
        return True
