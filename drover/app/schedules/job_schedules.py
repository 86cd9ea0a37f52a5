"""Make, show, change, pause and try schedules of resource jobs."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import structs

from drover.app.jobs.execute import check_overrides
from drover.app.jobs.found import check_job, job_at
from drover.app.jobs.wishes import check_definition
from drover.app.schedules.definition import (
    DEVICE,
    KIND,
    Outcome,
    ScheduleBody,
    changed,
    kept,
    window,
)
from drover.app.schedules.shown import Moment, shown
from drover.app.schedules.zones import zones_in_use
from drover.model.errors import Conflict, Invalid, TooMany, reached
from drover.model.run import Actor
from drover.ports.schedules import Schedule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from drover.app.jobs.execute import JobExecutions
    from drover.app.jobs.found import Place
    from drover.app.schedules.definition import JobSchedule
    from drover.model.access import Caller
    from drover.model.schedule import Recurrence
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store

_NEVER: Final = "It would never be due"


@dataclass(frozen=True, kw_only=True)
class ScheduleLimits:
    """What a server allows: schedules of one job, and the shortest interval in seconds."""

    most: int = 100
    least_seconds: float = 60.0


class JobSchedules:
    """The use cases of schedules of resource jobs."""

    def __init__(
        self,
        store: Store,
        ids: Ids,
        executions: JobExecutions,
        limits: ScheduleLimits,
    ) -> None:
        self._store = store
        self._ids = ids
        self._executions = executions
        self._limits = limits

    async def list(self, place: Place) -> list[dict[str, Any]]:
        """Return the schedules of a job; raises Missing."""

        async def work(session: Session) -> list[dict[str, Any]]:
            await check_job(session, place)
            rows = await session.jobs.schedules.of(KIND, place[1])
            return [await _shown(session, row) for row in rows]

        return await self._store.read(work)

    async def get(self, place: Place, schedule_id: str) -> dict[str, Any]:
        """Return one; raises Missing."""

        async def work(session: Session) -> dict[str, Any]:
            return await _shown(session, await _found(session, place, schedule_id))

        return await self._store.read(work)

    async def create(self, caller: Caller, place: Place, body: ScheduleBody) -> dict[str, Any]:
        """Store a schedule of a job; raises Missing, Invalid, TooMany."""
        ref = f"{place[1]}/{self._ids.new()}"
        new = Schedule(kind=KIND, ref=ref, application_id=place[0], makes_up=True)

        async def work(session: Session) -> Schedule:
            await check_job(session, place)
            if len(await session.jobs.schedules.of(KIND, place[1])) >= self._limits.most:
                error = TooMany(f"A job may have {self._limits.most} schedules")
                raise reached("max_job_schedules", error)
            return await self._saved(session, caller, new, None, body)

        return await self._stored(work)

    async def patch(
        self, caller: Caller, place: Place, schedule_id: str, body: ScheduleBody
    ) -> dict[str, Any]:
        """Change what is given; raises Missing, Invalid.

        What decides when it runs is taken together: a new rule is in place of an old interval.
        """

        async def work(session: Session) -> Schedule:
            row = await _held(session, place, schedule_id)
            return await self._saved(session, caller, row, kept(row), body)

        return await self._stored(work)

    async def delete(self, place: Place, schedule_id: str) -> None:
        """Forget one, and what is due by it; raises Missing."""

        async def work(session: Session) -> None:
            row = await _held(session, place, schedule_id)
            await session.jobs.schedules.remove_one(KIND, row.ref)

        await self._store.write(work)

    async def pause(self, place: Place, schedule_id: str) -> dict[str, Any]:
        """Let it rest until it is resumed; raises Missing."""

        async def work(session: Session) -> Schedule:
            row = structs.replace(await _held(session, place, schedule_id), active=False)
            await session.jobs.schedules.put(row)
            return row

        return await self._stored(work)

    async def resume(self, place: Place, schedule_id: str) -> dict[str, Any]:
        """Go on from now, making up for nothing; raises Missing, Conflict when it is over."""

        async def work(session: Session) -> Schedule:
            row = await _held(session, place, schedule_id)
            if row.active:
                return row
            next_ms = row.first_ms(await session.now_ms())
            if next_ms is None:
                raise Conflict(f"{_NEVER} any more")
            row = structs.replace(row, active=True, next_due_ms=next_ms)
            await session.jobs.schedules.put(row)
            return row

        return await self._stored(work)

    async def trigger(self, caller: Caller, place: Place, schedule_id: str) -> str:
        """Run now what it would run, over all devices of every zone; return the execution's id.

        Raises Missing, Invalid, TooMany.
        """
        row = await self._store.read(lambda session: _found(session, place, schedule_id))
        execution_id = await self._executions.execute(caller, place, kept(row).options)

        async def note(session: Session) -> None:
            now_ms = await session.now_ms()
            outcome = Outcome(run_ms=now_ms, execution_id=execution_id)
            await session.jobs.schedules.note(KIND, {row.ref: msgspec.json.encode(outcome)})

        await self._store.write(note)
        return execution_id

    async def preview(self, place: Place, schedule_id: str, count: int) -> Sequence[Moment]:
        """Return the next moments at which it would run, also while it rests; raises Missing."""

        async def work(session: Session) -> list[Moment]:
            row = await _found(session, place, schedule_id)
            return list(islice(await _coming(session, row), count))

        return await self._store.read(work)

    async def _stored(self, work: Callable[[Session], Awaitable[Schedule]]) -> dict[str, Any]:
        """Store what ``work`` changes and return it as it is shown."""

        async def shows(session: Session) -> dict[str, Any]:
            return await _shown(session, await work(session))

        return await self._store.write(shows)

    async def _saved(
        self,
        session: Session,
        caller: Caller,
        row: Schedule,
        old: JobSchedule | None,
        body: ScheduleBody,
    ) -> Schedule:
        now_ms = await session.now_ms()
        new = changed(old, body, Actor(type=caller.type, id=caller.id), now_ms)
        self._check_interval(new)
        await _check_use(session, row, new)
        starts_ms, ends_ms = window(body, row)
        active = row.active if body.active is msgspec.UNSET else body.active
        saved = new.watched(
            structs.replace(row, starts_ms=starts_ms, ends_ms=ends_ms, active=active)
        )
        if old is None or not row.active or _when(row) != _when(saved):
            saved = structs.replace(saved, next_due_ms=saved.first_ms(now_ms))
        if active and saved.next_due_ms is None:
            raise Invalid(f"{_NEVER} at `endDate`", field="endDate")
        await session.jobs.schedules.put(saved)
        return saved

    def _check_interval(self, schedule: JobSchedule) -> None:
        seconds, least = schedule.timing.seconds, self._limits.least_seconds
        if seconds is not None and seconds < least:
            raise Invalid(f"Expected `float` >= {least:g} at `seconds`", field="seconds")


async def _check_use(session: Session, row: Schedule, schedule: JobSchedule) -> None:
    """Raise Invalid where the job cannot be run as the schedule says."""
    place = (row.application_id or "", row.owner)
    job = await job_at(session, place)
    check_overrides(schedule.options)
    await check_definition(session, place[0], schedule.options.wish(job))
    if schedule.local_time_tag is not None and job.resource_type != DEVICE:
        raise Invalid(
            "Only jobs over devices know local times, at `localTimeTag`", field="localTimeTag"
        )


def _when(row: Schedule) -> tuple[object, ...]:
    return (row.cron, row.seconds, row.tz, row.starts_ms, row.ends_ms)


async def _found(session: Session, place: Place, schedule_id: str) -> Schedule:
    await check_job(session, place)
    return await session.jobs.schedules.get(KIND, f"{place[1]}/{schedule_id}")


async def _held(session: Session, place: Place, schedule_id: str) -> Schedule:
    await check_job(session, place)
    return await session.jobs.schedules.hold(KIND, f"{place[1]}/{schedule_id}")


async def _shown(session: Session, row: Schedule) -> dict[str, Any]:
    following = next(await _coming(session, row), None) if row.active else None
    return shown(row, None if following is None else following.at_ms)


async def _coming(session: Session, row: Schedule) -> Iterator[Moment]:
    """Return the moments to come, those of all zones in use in one order."""
    schedule, now_ms = kept(row), await session.now_ms()
    tag, zones = schedule.local_time_tag, {schedule.tz}
    if tag is not None:
        zones |= {*await zones_in_use(session, row.application_id or "", tag)}
    elif row.active:
        return _moments(schedule.recurrence(row), row.next_due_ms)
    local = [schedule.recurrence(row, zone) for zone in sorted(zones)]
    return merge(*(_moments(when, when.first_ms(now_ms)) for when in local))


def _moments(when: Recurrence, first_ms: int | None) -> Iterator[Moment]:
    return (Moment(at_ms, when.tz) for at_ms in when.upcoming(first_ms))
