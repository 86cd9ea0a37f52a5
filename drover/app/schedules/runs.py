"""Runs of resource jobs by schedule: stored when they are due, then rendered and asked for.

Two steps, because a query may take seconds to render: the schedules move on first, many in one unit
of work, and what is due is kept until it has become an execution. A run is forgotten in the unit of
work that stores its execution, so that there is one for each due moment whatever dies between.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import structlog
from msgspec import structs

from drover.app.jobs.found import job_at
from drover.app.schedules.definition import KIND, Outcome, kept
from drover.app.schedules.zones import (
    devices_in,
    devices_in_or_without,
    narrowing,
    zones_in_use,
)
from drover.model.errors import Conflict, Full, Invalid, Missing, TooMany, Unavailable
from drover.ports.schedules import DueRun

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drover.app.jobs.execute import JobExecutions, Narrowed
    from drover.app.jobs.found import Place
    from drover.app.schedules.definition import JobSchedule
    from drover.engine.scheduler import Due
    from drover.engine.signals import Signals
    from drover.kinds.resource_job import ResourceJob
    from drover.model.run import Execution, NewExecution
    from drover.ports.schedules import Schedule
    from drover.ports.store import Session, Store

LEASE_MS: Final = 60_000
"""How long a run may take to be rendered before another server tries it."""

QUEUED_MS: Final = 5_000
"""How often a run that waits for the one before it is looked at."""

LONGEST_WAIT_MS: Final = 86_400_000
"""How long a run may wait for the one before it."""

MOST_TRIES: Final = 5
"""How often a run is begun when servers die over it."""

_LOG = structlog.get_logger("drover.jobs")
_AT_A_TIME: Final = 200
_MOST_LATE: Final = 1000
_READERS: Final = 4
_PATIENCE_S: Final = 0.2
_UNLIKE_ANY_GIVEN: Final = "\N{SECTION SIGN}"
"""Begins the keys of scheduled executions; those that callers give are ASCII."""


class Ready(NamedTuple):
    """A run, its schedule (None when that is gone), and what it has become.

    Without an execution and an error it is to be tried again.
    """

    run: DueRun
    row: Schedule | None
    new: NewExecution | None = None
    error: str | None = None

    @property
    def waits(self) -> bool:
        """Whether it is to be tried again."""
        return self.row is not None and self.new is None and self.error is None


async def queue_runs(session: Session, due: Sequence[Due]) -> None:
    """Store the runs that schedules make due: what the scheduler does for this kind."""
    zones: dict[tuple[str, str], Sequence[str]] = {}
    runs: list[DueRun] = []
    for each in due:
        schedule, row = kept(each.schedule), each.schedule
        tag = schedule.local_time_tag
        if tag is None:
            runs.append(DueRun(ref=row.ref, zone="", due_ms=each.due_ms))
            continue
        place = (row.application_id or "", tag)
        if place not in zones:
            zones[place] = await zones_in_use(session, *place)
        runs += _by_zone(each, schedule, {schedule.tz, *zones[place]})
    await session.jobs.due_runs.add(runs, await session.now_ms())


def _by_zone(due: Due, schedule: JobSchedule, zones: Iterable[str]) -> list[DueRun]:
    """Return the runs of a schedule whose local time has come, in those of some zones it has."""
    runs = []
    for zone in sorted(zones):
        when = schedule.recurrence(due.schedule, zone)
        due_ms = when.latest(due.since_ms, due.due_ms)
        if due_ms is not None:
            runs.append(DueRun(ref=due.schedule.ref, zone=zone, due_ms=due_ms))
    return runs


class ScheduledRuns:
    """Turns runs that are due into executions; any number may share one store."""

    def __init__(self, store: Store, executions: JobExecutions, signals: Signals) -> None:
        self._store = store
        self._executions = executions
        self._signals = signals
        self._readers = asyncio.Semaphore(_READERS)
        self._late: set[asyncio.Task[None]] = set()

    async def tick(self) -> float | None:
        """Take runs and ask for their executions; return in how many seconds more is to do.

        Those that take long to render go on beside, so that the others need not wait.
        """
        if len(self._late) >= _MOST_LATE:
            return None
        runs = await self._store.write(_take)
        if not runs:
            return await self._store.read(_rest)
        owners = await self._store.read(partial(_owners, runs=runs))
        tasks = [asyncio.create_task(self._made_ready(run, *owners[run.ref])) for run in runs]
        done, late = await asyncio.wait(tasks, timeout=_PATIENCE_S)
        for task in late:
            self._follow(task)
        await self._keep([task.result() for task in tasks if task in done])
        return 0.0

    async def stop(self) -> None:
        """Leave what is still being rendered to other servers."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    def _follow(self, task: asyncio.Task[Ready]) -> None:
        late = asyncio.create_task(self._kept_late(task))
        self._late.add(late)
        late.add_done_callback(self._late.discard)

    async def _kept_late(self, task: asyncio.Task[Ready]) -> None:
        await self._keep([await task])

    async def _made_ready(
        self, run: DueRun, row: Schedule | None, job: ResourceJob | None
    ) -> Ready:
        """Return a run with its execution; what stands in its way is told, not raised."""
        if row is None or job is None or run.tries > MOST_TRIES:
            return Ready(run, row, error="The run could not be begun")
        new, error = None, None
        try:
            new = await self._execution(run, row, job)
        except (TooMany, Full, Unavailable):
            _LOG.info("scheduled_run_waits", schedule=run.ref)
        except (Invalid, Conflict) as refused:
            error = refused.message
        except Exception:  # noqa: BLE001 - one run's fault must not keep the others back
            _LOG.exception("scheduled_run_failed", schedule=run.ref)
            error = "The run failed before it was begun"
        return Ready(run, row, new, error)

    async def _execution(self, run: DueRun, row: Schedule, job: ResourceJob) -> NewExecution:
        schedule = kept(row)
        place = (job.application_id, job.id)
        narrowed = await self._narrowed(run, row, schedule)
        new = await self._executions.prepared(job, schedule.options, *narrowed)
        key = f"{_key(run)}{run.due_ms}"
        return structs.replace(
            self._executions.stamped(new, place, schedule.author), unique_key=key
        )

    async def _narrowed(
        self, run: DueRun, row: Schedule, schedule: JobSchedule
    ) -> tuple[Narrowed, ...]:
        tag = schedule.local_time_tag
        if tag is None or not run.zone:
            return ()
        if run.zone != schedule.tz:
            return (narrowing(devices_in(run.zone, tag)),)
        application_id = row.application_id or ""
        async with self._readers:
            used = await self._store.read(
                lambda session: zones_in_use(session, application_id, tag)
            )
        return (narrowing(devices_in_or_without(run.zone, tag, used)),)

    async def _keep(self, ready: Sequence[Ready]) -> None:
        """Store the executions of some runs together, or one by one when that fails."""
        try:
            stored = await self._store.write(partial(self._stored, ready=ready))
        except (Full, Unavailable) as error:  # they come back when their lease ends
            _LOG.warning("scheduled_runs_wait", runs=len(ready), error=error.message)
        except Exception:  # noqa: BLE001 - it is found out whose fault it is
            await self._keep_each(ready)
        else:
            for execution in stored:
                self._signals.changed(execution)

    async def _keep_each(self, ready: Sequence[Ready]) -> None:
        if len(ready) > 1:
            for each in ready:
                await self._keep([each])
            return
        _LOG.exception("scheduled_run_failed", schedule=ready[0].run.ref)
        if ready[0].new is not None:
            failed = ready[0]._replace(new=None, error="The run could not be stored")
            await self._keep([failed])

    async def _stored(self, session: Session, ready: Sequence[Ready]) -> list[Execution]:
        """Store what runs have become, a few statements for all of them; return the executions."""
        now_ms = await session.now_ms()
        over, again = await _told_apart(session, ready, now_ms)
        await session.jobs.due_runs.put_off([each.run for each in again], now_ms + QUEUED_MS)
        done = await session.jobs.due_runs.done([each.run for each in over])
        own = [each for each in over if each.run in done and each.row is not None]
        outcomes: dict[str, bytes] = {}
        stored: list[Execution] = []
        for together in _by_job(own):
            stored += await self._begun(session, together, outcomes)
        await session.jobs.schedules.note(KIND, outcomes)
        return stored

    async def _begun(
        self, session: Session, together: Sequence[Ready], outcomes: dict[str, bytes]
    ) -> list[Execution]:
        """Store the executions of runs of one job, and note what came of each."""
        wanted = [each for each in together if each.new is not None]
        new = [each.new for each in wanted if each.new]
        try:
            place = _place(together[0])
            stored = await self._executions.add_several(session, place, new) if new else []
        except Missing:  # the job has gone, and its schedules with it
            return []
        begun = {each.run: execution for each, execution in zip(wanted, stored, strict=False)}
        for each in together:
            execution = begun.get(each.run)
            outcome = Outcome(
                run_ms=each.run.due_ms,
                execution_id=execution.id if execution else None,
                error=execution.error if execution else each.error or self._executions.refusal,
            )
            outcomes[each.run.ref] = msgspec.json.encode(outcome)
        return stored


async def _told_apart(
    session: Session, ready: Sequence[Ready], now_ms: int
) -> tuple[list[Ready], list[Ready]]:
    """Return runs that are over, begun now or never, and those that are to be tried again.

    Two servers may have runs of one schedule: what one begins here, the other is to see.
    """
    await session.jobs.schedules.hold_several(KIND, [each.run.ref for each in ready if each.row])
    keys = [(each.row.owner, _key(each.run)) for each in ready if each.row]
    open_keys = await session.jobs.executions.open_keyed(keys)
    over: list[Ready] = []
    again: list[Ready] = []
    for each in sorted(ready, key=lambda each: each.run.due_ms):
        key = _key(each.run)
        if each.row is not None and each.new is not None and key in open_keys:
            each = _behind(each, each.row, now_ms)  # noqa: PLW2901 - what has become of it
        elif each.new is not None:
            open_keys.add(key)
        (again if each.waits else over).append(each)
    return over, again


def _behind(ready: Ready, row: Schedule, now_ms: int) -> Ready:
    """Return what becomes of a run while the one before it has not ended."""
    if kept(row).overlap == "skip":
        return ready._replace(new=None, error="Skipped: the run before it had not ended")
    if now_ms - ready.run.due_ms > LONGEST_WAIT_MS:
        error = "Given up: the run before it did not end within a day"
        return ready._replace(new=None, error=error)
    return ready._replace(new=None)


def _by_job(ready: Iterable[Ready]) -> Iterable[list[Ready]]:
    """Return runs by job, jobs in one order: two servers must not wait for each other."""
    jobs: dict[Place, list[Ready]] = {}
    for each in ready:
        jobs.setdefault(_place(each), []).append(each)
    return [jobs[place] for place in sorted(jobs)]


def _place(ready: Ready) -> Place:
    row = ready.row
    return (row.application_id or "", row.owner) if row else ("", "")


def _key(run: DueRun) -> str:
    """Return how the keys of the executions of a schedule, and a zone, begin."""
    return f"{_UNLIKE_ANY_GIVEN}{run.ref.partition('/')[2]}/{run.zone}/"


async def _take(session: Session) -> Sequence[DueRun]:
    now_ms = await session.now_ms()
    return await session.jobs.due_runs.lease(_AT_A_TIME, now_ms, now_ms + LEASE_MS)


async def _rest(session: Session) -> float | None:
    next_ms = await session.jobs.due_runs.next_ms()
    return None if next_ms is None else max(0.0, (next_ms - await session.now_ms()) / 1000)


async def _owners(
    session: Session, runs: Sequence[DueRun]
) -> dict[str, tuple[Schedule | None, ResourceJob | None]]:
    """Return the schedule of each run and its job, by the schedule's ref, as far as they exist."""
    refs = [run.ref for run in runs]
    rows = await session.jobs.schedules.named(KIND, refs)
    jobs: dict[Place, ResourceJob | None] = {}
    for row in rows.values():
        place = (row.application_id or "", row.owner)
        if place not in jobs:
            jobs[place] = await _job(session, place)
    found = {ref: (row, jobs[row.application_id or "", row.owner]) for ref, row in rows.items()}
    return {ref: found.get(ref, (None, None)) for ref in refs}


async def _job(session: Session, place: Place) -> ResourceJob | None:
    try:
        return await job_at(session, place)
    except Missing:
        return None
