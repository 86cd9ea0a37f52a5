"""Schedules of a resource job: when each runs, made, paused, resumed, triggered, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.schedules.definition import ScheduleBody
from drover.app.schedules.job_schedules import JobSchedules
from drover.faces.console._site import Site, act, page
from drover.faces.console.executions import JOB, RUNS, STOPS, place_of
from drover.kinds.resource_job import KIND
from drover.model.bodies import convert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation

MANY: Final = f"{JOB}/schedules"
ONE: Final = f"{MANY}/{{scheduleId}}"
COMING: Final = 20
"""Moments ahead that are shown."""

_GIVEN: Final = ("name", "cron", "tz", "localTimeTag")


class _Pages:
    """The pages of a job's schedules."""

    def __init__(self, schedules: JobSchedules) -> None:
        self._schedules = schedules

    async def show(self, visit: Visit) -> Answer:
        """Show a schedule and when it runs next."""
        place, schedule_id = place_of(visit), visit.call.path["scheduleId"]
        schedule = await self._schedules.get(place, schedule_id)
        coming = await self._schedules.preview(place, schedule_id, COMING)
        job = await visit.site.catalog.get(KIND, *place)
        return await visit.show_within(
            "job_schedule.html",
            "resource-jobs",
            job=msgspec.json.decode(job),
            schedule=schedule,
            rule=rule_of(schedule),
            coming=[each.shown for each in coming] if schedule["active"] else [],
            here=_here(visit),
            may_run=await visit.may(RUNS),
            may_stop=await visit.may(STOPS),
        )

    async def create(self, visit: Visit) -> Answer:
        """Run a job again and again."""
        given = {name: visit.given(name) for name in _GIVEN if visit.given(name)}
        body = convert(given, ScheduleBody)
        made = await self._schedules.create(visit.call.caller, place_of(visit), body)
        return visit.go(f"{_job(visit)}/schedules/{made['id']}", done="scheduled")

    async def pause(self, visit: Visit) -> Answer:
        """Let a schedule rest."""
        await self._schedules.pause(place_of(visit), visit.call.path["scheduleId"])
        return visit.go(_here(visit), done="switchedOff")

    async def resume(self, visit: Visit) -> Answer:
        """Go on with a schedule."""
        await self._schedules.resume(place_of(visit), visit.call.path["scheduleId"])
        return visit.go(_here(visit), done="resumed")

    async def trigger(self, visit: Visit) -> Answer:
        """Run now what a schedule runs."""
        made = await self._schedules.trigger(
            visit.call.caller, place_of(visit), visit.call.path["scheduleId"]
        )
        return visit.go(f"{_job(visit)}/executions/{made}", done="execute")

    async def delete(self, visit: Visit) -> Answer:
        """Delete a schedule."""
        await self._schedules.delete(place_of(visit), visit.call.path["scheduleId"])
        return visit.go(_job(visit), done="unscheduled")


def rule_of(schedule: dict[str, Any]) -> str:
    """Return when a schedule runs, as it was given."""
    if "seconds" in schedule:
        return f"every {schedule['seconds']:g} s"
    if "cron" in schedule:
        return str(schedule["cron"])
    return " ".join(str(schedule.get(name, "*")) for name in ("min", "hour", "dom", "month", "dow"))


def _job(visit: Visit) -> str:
    application_id, job_id = place_of(visit)
    return f"/console/applications/{application_id}/resource-jobs/{job_id}"


def _here(visit: Visit) -> str:
    return f"{_job(visit)}/schedules/{visit.call.path['scheduleId']}"


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations, with the scopes of those on schedules elsewhere."""
    site, pages = Site.of(services), _Pages(services[JobSchedules])
    yield page(site, ONE, KIND.scopes("get"), pages.show)
    yield act(site, MANY, RUNS, pages.create)
    yield act(site, f"{ONE}/pause", STOPS, pages.pause)
    yield act(site, f"{ONE}/resume", RUNS, pages.resume)
    yield act(site, f"{ONE}/trigger", RUNS, pages.trigger)
    yield act(site, f"{ONE}/delete", RUNS, pages.delete)
