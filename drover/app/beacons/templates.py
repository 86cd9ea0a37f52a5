"""Templates: what adds beacon jobs again and again (TMM-compatible behaviour, section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from drover.app.beacons.jobs import check_number
from drover.app.beacons.sights import check_seen, sight_of
from drover.app.beacons.timetable import SCHEDULE_KIND, coming, resumed
from drover.model.beacon_job import BEACON, JobConflict, NewBeaconJob
from drover.model.errors import Missing
from drover.ports.beacons import DueCopy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.app.beacons.waiting import Waiters
    from drover.engine.scheduler import Due
    from drover.model.access import Caller
    from drover.model.beacon_job import BeaconJob
    from drover.ports.clock import Ids
    from drover.ports.schedules import Schedule
    from drover.ports.store import Session, Store

MOST_SHOWN: Final = 1000
"""Moments that a preview may show."""


class Templates:
    """The use cases around templates that are there."""

    def __init__(self, store: Store, ids: Ids, waiters: Waiters) -> None:
        self._store = store
        self._ids = ids
        self._waiters = waiters

    async def switch(self, caller: Caller, number: int, *, active: bool) -> BeaconJob:
        """Make a template add jobs, or not; what is no template stays as it is.

        Raises Missing. Switching on does not make up for what was missed.
        """
        check_number(number)

        async def work(session: Session) -> BeaconJob:
            job = await _seen(session, caller, number)
            if not job.is_template or job.active is active:
                return job
            schedule = await _schedule(session, number)
            now_ms = await session.now_ms()
            on = resumed(schedule, now_ms) if active else structs.replace(schedule, active=False)
            await session.jobs.schedules.put(on)
            return await session.beacons.get(number)

        return await self._store.write(work)

    async def trigger(self, caller: Caller, number: int) -> BeaconJob:
        """Add a job of a template now; raises Missing, JobConflict for what is no template."""
        check_number(number)

        async def work(session: Session) -> BeaconJob:
            template = _template(await _seen(session, caller, number))
            now_ms = await session.now_ms()
            return await session.beacons.add(copy_of(template, self._ids.new(), now_ms), now_ms)

        job = await self._store.write(work)
        self._waiters.added(job)
        return job

    async def schedule(self, caller: Caller, number: int) -> Schedule:
        """Return when a template is due, as it is kept; raises as ``trigger``."""
        check_number(number)

        async def work(session: Session) -> Schedule:
            _template(await _seen(session, caller, number))
            return await _schedule(session, number)

        return await self._store.read(work)

    async def preview(self, caller: Caller, number: int, count: int) -> list[int]:
        """Return the next moments in ms that a template would be due; raises as ``trigger``."""
        check_number(number)

        async def work(session: Session) -> list[int]:
            _template(await _seen(session, caller, number))
            schedule = await _schedule(session, number)
            return coming(schedule, await session.now_ms(), count)

        return await self._store.read(work)


class AddDueJob:
    """What the schedule of a template does: a job for the minute that is due, once."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    async def act(self, session: Session, due: Sequence[Due]) -> None:
        """Add the job of each; twice for one minute adds one."""
        copies = [DueCopy(int(each.schedule.ref), each.due_ms, self._ids.new()) for each in due]
        await session.beacons.add_copies(copies, await session.now_ms())


def copy_of(template: BeaconJob, job_id: str, queued_ms: int) -> NewBeaconJob:
    """Return the ordinary job that a template adds."""
    return NewBeaconJob(
        id=job_id,
        kind=BEACON,
        name=template.name,
        owner_id=template.owner_id,
        user_number=template.user_number,
        user_guid=template.user_guid,
        beacon_name=template.beacon_name,
        tasks=template.tasks,
        steps=template.steps,
        queued_ms=queued_ms,
        priority=template.priority,
        max_attempts=template.max_attempts,
        retry_delay_ms=template.retry_delay_ms,
        timeout_ms=template.timeout_ms,
        lease_ms=template.asked_lease_ms,
        labels=template.labels,
        callback_url=template.callback_url,
        duplicate_of=template.number,
        source_id=template.owner_id,
    )


async def _seen(session: Session, caller: Caller, number: int) -> BeaconJob:
    return check_seen(await sight_of(session, caller), await session.beacons.get(number))


async def _schedule(session: Session, number: int) -> Schedule:
    found = await session.jobs.schedules.of(SCHEDULE_KIND, str(number))
    for schedule in found:
        if schedule.ref == str(number):
            return schedule
    raise Missing("Job was not found")


def _template(job: BeaconJob) -> BeaconJob:
    if not job.is_template:
        raise JobConflict("The job is no schedule", job)
    return job
