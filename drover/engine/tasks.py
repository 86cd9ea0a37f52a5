"""Runs long tasks: takes them under a lease, renews it, and writes how each ended.

Any number of servers may run tasks from one store. One that falls silent loses what it runs to
another, which goes on from the last checkpoint; what it still writes is refused by its old fence.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import structlog

from drover.engine.running_task import RunningTask
from drover.model.errors import DroverError, Full, Invalid, Unavailable
from drover.model.execution import State
from drover.model.run import Change
from drover.model.task import ASIDE, Ending
from drover.ports.tasks import EndingWork, TaskCanceled, TaskLost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.engine.service import Heart
    from drover.model.run import Execution
    from drover.ports.store import Session
    from drover.ports.tasks import Work

GATHER_S: Final = 0.1
"""How long stops are gathered that were told of: each has every running task look in the store."""

_LOG = structlog.get_logger("drover.tasks")

_AGAIN: Final = (Unavailable, Full)
_STOPPED: Final = "It stopped again and again before its end"
_FAULT: Final = "A fault of the server ended it; its log tells more"


class TaskRunner:
    """Runs at most ``most`` long tasks at a time, each as ``works`` says for its kind."""

    def __init__(self, heart: Heart, works: Mapping[str, Work], *, most: int) -> None:
        self._store = heart.store
        self._timing = heart.timing
        self._worker = heart.worker
        self._signals = heart.signals
        self._works = works
        self._most = most
        self._stop = asyncio.Event()
        self._runs: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """How many tasks run here."""
        return len(self._runs)

    async def tick(self) -> None:
        """Begin what waits, as far as there is room."""
        while len(self._runs) < self._most and not self._stop.is_set():
            taken = await self._store.write(self._take)
            if taken is None:
                return
            run = asyncio.create_task(self._run(taken))
            self._runs.add(run)
            run.add_done_callback(self._ended)

    def stop(self) -> None:
        """Begin nothing more, and let go of what runs. Safe to call twice."""
        self._stop.set()

    async def drain(self, seconds: float) -> None:
        """Return once nothing runs, at the latest after so many seconds.

        What was let go of is for other servers, or the next start.
        """
        self.stop()
        if self._runs:
            await asyncio.wait(self._runs, timeout=seconds)

    def _ended(self, run: asyncio.Task[None]) -> None:
        self._runs.discard(run)
        self._signals.tasks.set()
        self._signals.telling.set()
        if not run.cancelled() and (error := run.exception()) is not None:
            _LOG.error("task_run_failed", error=repr(error))  # the lease ends, another goes on

    async def _take(self, session: Session) -> Execution | None:
        now_ms = await session.now_ms()
        until_ms = now_ms + self._timing.lease_ms
        return await session.tasks.claim(list(self._works), self._worker, now_ms, until_ms)

    async def _run(self, execution: Execution) -> None:
        task = RunningTask(self._store, self._timing, execution)
        _LOG.info("task_begun", execution=task.id, kind=execution.kind, tries=execution.tries)
        try:
            await self._settle(task, await self._outcome(task))
        finally:
            await asyncio.to_thread(task.clear)

    async def _outcome(self, task: RunningTask) -> Ending | None:
        """Do the work; return how it ended, None where somebody is to go on with it later."""
        if task.execution.state is not State.RUNNING:
            return Ending()  # told to stop while nobody ran it
        if task.execution.tries > self._timing.tries:
            return Ending(error_name=ASIDE, message=_STOPPED)
        work = asyncio.create_task(_work(self._works[task.execution.kind], task))
        await self._watch(task, work)
        return _ending(task, work, last=task.execution.tries >= self._timing.tries)

    async def _watch(self, task: RunningTask, work: asyncio.Task[Any]) -> None:
        """Renew the lease until the work ends; end it where it is not to go on."""
        stop = asyncio.create_task(self._stop.wait())
        with self._signals.stops.heard() as told:
            while await self._goes_on(task, work, stop, told):
                pass
        stop.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait({work})

    async def _goes_on(
        self,
        task: RunningTask,
        work: asyncio.Task[Any],
        stop: asyncio.Task[Any],
        told: asyncio.Event,
    ) -> bool:
        """Wait for one beat, or until something is to stop; tell whether the work may run on."""
        beat_s = self._timing.beat_ms / 1000
        telling = asyncio.create_task(told.wait())
        await asyncio.wait({work, stop, telling}, timeout=beat_s, return_when="FIRST_COMPLETED")
        telling.cancel()
        if told.is_set():
            await asyncio.wait({work, stop}, timeout=GATHER_S, return_when="FIRST_COMPLETED")
        told.clear()
        if work.done():
            return False
        task.stopping = stop.done()
        return not task.stopping and await _renewed(task)

    async def _settle(self, task: RunningTask, ending: Ending | None) -> None:
        if task.lost:
            _LOG.warning("task_lost", execution=task.id)
            return
        if ending is None:
            await self._store.write(lambda session: self._leave(session, task))
            return
        state = await self._store.write(lambda session: self._end(session, task, ending))
        _LOG.info("task_ended", execution=task.id, state=state, error=ending.message)

    async def _end(self, session: Session, task: RunningTask, ending: Ending) -> State | None:
        state = await _end(session, task, ending)
        work = self._works[task.execution.kind]
        # Once the tries of the work are used up there is one for this alone; then it ends without.
        given_up = task.execution.tries > self._timing.tries + 1
        if state is not None and isinstance(work, EndingWork) and not given_up:
            await work.ended(session, task.execution)
        return state

    async def _leave(self, session: Session, task: RunningTask) -> None:
        now_ms = await session.now_ms()
        again_ms = now_ms if task.stopping else now_ms + self._timing.lease_ms
        held = task.execution
        forgiven = task.stopping
        await session.tasks.leave(held.number, held.fence, again_ms, forgiven=forgiven)


async def _work(work: Work, task: RunningTask) -> Mapping[str, Any]:
    return await work.run(task)


async def _renewed(task: RunningTask) -> bool:
    """Renew the lease; tell whether the task may go on."""
    try:
        await task.renew()
    except (TaskLost, TaskCanceled):
        return False
    except DroverError as error:  # the store is away: the lease may end, and the fence guards
        _LOG.warning("task_waits", execution=task.id, error=error.message)
    return True


def _ending(
    task: RunningTask, work: asyncio.Task[Mapping[str, Any]], *, last: bool
) -> Ending | None:
    """Return how work that is over ended; None where somebody is to go on with it later.

    What the ``last`` try lacked is why the task failed.
    """
    if work.cancelled():
        return None if task.lost or task.stopping else Ending()
    error = work.exception()
    if error is None:
        return Ending(output=work.result(), report_key=task.report_key)
    if isinstance(error, _AGAIN) and last:
        return Ending(error_name=ASIDE, message=error.message, report_key=task.report_key)
    if isinstance(error, (TaskLost, *_AGAIN)):
        return None
    return Ending() if isinstance(error, TaskCanceled) else _failed(task, error)


def _failed(task: RunningTask, error: BaseException) -> Ending:
    if isinstance(error, DroverError):
        flaws = error.flaws if isinstance(error, Invalid) else ()
        return Ending(
            output={"validationErrors": [each.shown for each in flaws]} if flaws else None,
            error_name=error.code,
            message=error.message,
            report_key=task.report_key,
        )
    _LOG.error("task_failed", execution=task.id, kind=task.execution.kind, exc_info=error)
    return Ending(error_name=ASIDE, message=_FAULT, report_key=task.report_key)


async def _end(session: Session, task: RunningTask, ending: Ending) -> State | None:
    """Move a task to its end; None where somebody else goes on with it."""
    held = await session.tasks.hold(task.execution.number, task.execution.fence)
    if held is None:
        return None
    goal = _goal(held.state, ending)
    executions = session.jobs.executions
    if goal is State.FAILED and held.state is State.RUNNING:
        await executions.move(held.number, Change(goal=State.FAILING))
    if goal is State.CANCELED:
        ending = Ending(error_name="Canceled", message=held.error or "It was canceled")
    elif goal is State.FAILED and ending.message is None:
        ending = Ending(error_name="Timeout", message=held.error or _FAULT)
    await session.tasks.advance(held.number, task.reached, await session.now_ms())
    await session.tasks.note_end(held.number, ending)
    await executions.move(held.number, Change(goal=goal, error=ending.message))
    return goal


def _goal(state: State, ending: Ending) -> State:
    if state is State.CANCELING:
        return State.CANCELED
    if state is State.FAILING or ending.output is None or ending.error_name is not None:
        return State.FAILED
    return State.SUCCEEDED
