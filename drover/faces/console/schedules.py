"""Schedules that add jobs for beacons: when each is due, switched off and on, triggered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from drover.app.beacons.jobs import BeaconJobs, Wanted
from drover.app.beacons.templates import Templates
from drover.faces.console import _lists
from drover.faces.console._site import Site, act, page
from drover.faces.console.inventory import CHANGES, READS, job_number
from drover.model.errors import Missing
from drover.ports.resources import Page
from drover.query.tree import Compare, Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation
    from drover.model.beacon_job import BeaconJob

SCHEDULES: Final = "/console/schedules"
ONE: Final = f"{SCHEDULES}/{{number}}"
SECTION: Final = "schedules"
COMING: Final = 20
"""Moments ahead that are shown."""

_ALL: Final = Wanted(query=Compare("scheduled", Operator.EQUAL, 1), documents={}, templates=True)


class _Pages:
    """The pages of schedules."""

    def __init__(self, services: Services) -> None:
        self._jobs = services[BeaconJobs]
        self._templates = services[Templates]

    async def list(self, visit: Visit) -> Answer:
        """List schedules."""
        caller, asked = visit.call.caller, _lists.listing(visit, "id")
        found: list[BeaconJob] = []
        pages = self._jobs.pages(caller, _ALL, offset=asked.offset, limit=asked.limit)
        async for some in pages:
            found += some
        listed = Page(found, await self._jobs.count(caller, _ALL))
        values = {**_lists.shown(asked, listed), **_lists.ways(visit, asked, listed.total)}
        return visit.show("schedules.html", SECTION, **values)

    async def show(self, visit: Visit) -> Answer:
        """Show a schedule and when it is due next."""
        number = job_number(visit)
        job = await self._template(visit, number)
        coming = await self._templates.preview(visit.call.caller, number, COMING)
        return visit.show(
            "schedule.html",
            SECTION,
            job=job,
            tasks=msgspec.json.decode(job.tasks),
            coming=coming if job.active else [],
            rule=await self._templates.schedule(visit.call.caller, number),
            here=f"{SCHEDULES}/{number}",
            changes=await visit.may(CHANGES),
        )

    async def pause(self, visit: Visit) -> Answer:
        """Add no jobs for now."""
        return await self._switch(visit, active=False)

    async def resume(self, visit: Visit) -> Answer:
        """Add jobs again."""
        return await self._switch(visit, active=True)

    async def trigger(self, visit: Visit) -> Answer:
        """Add a job now."""
        made = await self._templates.trigger(visit.call.caller, job_number(visit))
        return visit.go(f"/console/beacon-jobs/{made.number}", done="triggered")

    async def _switch(self, visit: Visit, *, active: bool) -> Answer:
        number = job_number(visit)
        await self._template(visit, number)
        await self._templates.switch(visit.call.caller, number, active=active)
        return visit.go(f"{SCHEDULES}/{number}", done="resumed" if active else "switchedOff")

    async def _template(self, visit: Visit, number: int) -> BeaconJob:
        job = await self._jobs.show(visit.call.caller, number)
        if not job.is_template:
            raise Missing("Schedule was not found")
        return job


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations."""
    site, pages = Site.of(services), _Pages(services)
    yield page(site, SCHEDULES, READS, pages.list)
    yield page(site, ONE, READS, pages.show)
    yield act(site, f"{ONE}/pause", CHANGES, pages.pause)
    yield act(site, f"{ONE}/resume", CHANGES, pages.resume)
    yield act(site, f"{ONE}/trigger", CHANGES, pages.trigger)
