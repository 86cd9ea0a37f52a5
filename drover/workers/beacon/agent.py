"""The agent: takes one job after another, as many at once as it may, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Final

import structlog

from drover.client.beacon_work import Ending
from drover.client.errors import ClientError, ServerUnreachable
from drover.workers.beacon.aside import aside
from drover.workers.beacon.backoff import Backoff
from drover.workers.beacon.commands import kill_all
from drover.workers.beacon.deliveries import Deliveries
from drover.workers.beacon.job_log import clock_by
from drover.workers.beacon.job_run import JobRun, Stop
from drover.workers.beacon.spool import Finished, Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drover.client.beacon_work import BeaconWork
    from drover.client.task_records import BeaconJob
    from drover.workers.beacon.settings import AgentSettings

GOODBYE_S: Final = 2.0
"""How long the server may take to answer that an agent goes."""

LEAST_S: Final = 1.0
"""How long it takes at the least until the next question after one that brought no job."""

HELD_S: Final = 2.0
"""A question that was cut off after so long had reached a server, or took its time anyway."""

HAND_IN_S: Final = 5.0
"""How long an agent that ends waits for its results to be accepted; they stay on disk."""

UNABLE_S: Final = 1.0
"""How long a place takes no job, at the least, after one that could not be begun here."""

_LOG = structlog.get_logger("drover.beacon")


class Agent:
    """One worker with one name, over the server that ``work`` speaks to."""

    def __init__(self, work: BeaconWork, settings: AgentSettings) -> None:
        self._work = work
        self._settings = settings
        self._deliveries = Deliveries(work, Spool(settings.spool))
        self._running: dict[tuple[int, int | None], tuple[JobRun, asyncio.Task[None]]] = {}
        self._backoff = Backoff()
        self._unable = Backoff()
        self._draining = asyncio.Event()
        self._hurried = asyncio.Event()
        self._may_be_lost = False
        self._welcome = False
        self._now_s: Callable[[], float] = time.time
        self.failures = 0

    def stop(self) -> None:
        """Take no more jobs and end those in hand in time; asked again, at once."""
        if self._draining.is_set():
            self._hurried.set()
        self._draining.set()

    async def run(self) -> None:
        """Work until told to stop. Raises ClientError when the server wants nothing of us."""
        self._deliveries.begin()
        try:
            await self._take_jobs()
        finally:
            await self._finish()

    async def _take_jobs(self) -> None:
        while not self._draining.is_set():
            if len(self._running) >= self._settings.concurrency:
                await until(self._draining, [task for _, task in self._running.values()])
                continue
            job = await self._next()
            if job is not None:
                self._begin(job)
            if self._settings.once and (job is not None or self._welcome):
                return

    async def _next(self) -> BeaconJob | None:
        """Return a job to do, if there is one within the time."""
        began_s = time.monotonic()
        taking = asyncio.ensure_future(aside(self._take))
        try:
            await until(self._draining, [taking])
            if not taking.done():
                await self._call_off(taking)
                return None
            job = await taking
        except ServerUnreachable as error:
            self._may_be_lost = True
            if time.monotonic() - began_s >= HELD_S:  # it was there: something cut a long wait
                self._backoff.reset()
            await self._pause(error, None)
            return None
        except ClientError as error:
            if not self._welcome:
                raise
            await self._pause(error, error.retry_after_s)
            return None
        self._backoff.reset()
        self._welcome = True
        if job is None and not self._settings.once:
            # A server that stops, and one that is asked not to wait, has none at once.
            await until(self._draining, [], began_s + LEAST_S - time.monotonic())
        return job

    def _take(self) -> BeaconJob | None:
        """Ask for a job; after a lost answer, first for one that was handed out with it."""
        if self._may_be_lost:
            for job in self._work.held():
                if _handed(job) not in self._running and not self._deliveries.hold(job):
                    return self._work.pick_up(job.id, lease_s=self._settings.wanted.lease_s)
            self._may_be_lost = False
        taken = self._work.take_next(self._settings.wanted)
        if taken is not None:  # picked up this moment, as one that is picked up again was not
            self._now_s = clock_by(taken.pickup_time)
        return taken

    async def _call_off(self, taking: asyncio.Future[BeaconJob | None]) -> None:
        """Ask for no job after all; hand back one that comes all the same."""
        await self._say_goodbye()
        with contextlib.suppress(ClientError, ServerUnreachable, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                job = await taking
                if job is not None:
                    await aside(self._work.release, job)

    async def _say_goodbye(self) -> None:
        """Tell that no more jobs are taken: a question for one is then answered at once."""
        with contextlib.suppress(ClientError, ServerUnreachable, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await aside(self._work.leave, self._settings.wanted.names)

    async def _pause(self, error: Exception, at_least_s: float | None) -> None:
        wait_s = self._backoff.next_s(at_least_s)
        _LOG.warning("no_job_to_be_had", reason=str(error), seconds=round(wait_s, 1))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._draining.wait()

    def _begin(self, job: BeaconJob) -> None:
        _LOG.info("job_taken", job=job.id, name=job.name, tasks=len(job.tasks or []))
        for earlier, _ in self._running.values():
            if earlier.job.id == job.id:  # its lease ran out, and it came back to us
                earlier.stop(Stop.LOST)
        run = JobRun(job, self._work, self._settings, self._now_s)
        task = asyncio.create_task(self._work_on(run))
        self._running[_handed(job)] = (run, task)
        task.add_done_callback(lambda _: self._running.pop(_handed(job)))

    async def _work_on(self, run: JobRun) -> None:
        try:
            ending = await run.run()
        except Exception as error:  # noqa: BLE001 - the job must end, not wait for its lease
            _LOG.exception("job_broken", job=run.job.id)
            ending = Ending(failed=True, error=f"the beacon failed: {error}")
        if ending is not None:
            self._unable.reset()
            self.failures += ending.failed
            told = Finished(url=self._work.url, job=run.job, ending=ending, lines=run.lines_left)
            await self._deliveries.take(told)
        elif run.stopped is Stop.DRAINED:
            await self._hand_back(run.job)
        elif run.stopped is Stop.UNABLE:
            self.failures += 1
            await self._hand_back(run.job)
            await until(self._draining, [], self._unable.next_s(UNABLE_S))

    async def _hand_back(self, job: BeaconJob) -> None:
        try:
            async with asyncio.timeout(GOODBYE_S):
                await aside(self._work.release, job)
        except (ClientError, ServerUnreachable, TimeoutError) as error:
            _LOG.warning("not_handed_back", job=job.id, reason=str(error))  # its lease will run out

    async def _finish(self) -> None:
        """Let what runs end, hand back what does not in time, hand in results."""
        if self._running:
            working = asyncio.gather(*(task for _, task in self._running.values()))
            await until(self._draining, [working])
            if not working.done():
                _LOG.info("draining", jobs=len(self._running), seconds=self._settings.drain_s)
                await self._say_goodbye()
                await until(self._hurried, [working], self._settings.drain_s)
            for run, _ in list(self._running.values()):
                run.stop(Stop.DRAINED)
            await until(self._hurried, [working])
            kill_all()
            await working
        await self._deliveries.finish(HAND_IN_S)


def _handed(job: BeaconJob) -> tuple[int, int | None]:
    """Return what tells a job from others, and from itself as it was handed out before."""
    return job.id, job.fence


async def until(
    event: asyncio.Event, futures: Iterable[asyncio.Future[Any]], most_s: float | None = None
) -> None:
    """Wait for an event, or for one of the futures, for some seconds at the most."""
    happening = asyncio.ensure_future(event.wait())
    waited_for = {happening, *futures}
    timeout = None if most_s is None else max(most_s, 0)
    await asyncio.wait(waited_for, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    happening.cancel()
