"""One job that a worker outside does: its tasks, log and results, as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.beacons.jobs import BeaconJobs
from drover.app.beacons.logs import BeaconLogs
from drover.faces.console._site import Site, act, page
from drover.faces.console.inventory import CHANGES, READS, job_number
from drover.model.execution import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation
    from drover.model.beacon_job import BeaconJob

JOB: Final = "/console/beacon-jobs/{number}"
LINES: Final = 200
"""Lines of the log on one page."""

_FARTHEST: Final = 10**15
_NEWEST: Final = -1
"""What stands for the last lines, where no place is asked for."""


class _Pages:
    """The page of a beacon job."""

    def __init__(self, services: Services) -> None:
        self._jobs = services[BeaconJobs]
        self._logs = services[BeaconLogs]

    async def show(self, visit: Visit) -> Answer:
        """Show a job of a beacon."""
        caller, number = visit.call.caller, job_number(visit)
        job = await self._jobs.show(caller, number)
        asked = visit.call.whole("after", _NEWEST, most=_FARTHEST)
        after = asked
        if asked == _NEWEST:
            after = await self._logs.before_last(caller, number, LINES)
        pages = await self._logs.read(caller, number, after, LINES + 1)
        lines = [line async for page in pages for line in page]
        return visit.show(
            "beacon_job.html",
            "jobs",
            job=job,
            here=f"/console/beacon-jobs/{number}",
            open=not job.state.is_final,
            canceling=job.state is State.CANCELING or job.cancel_requested,
            tasks=_tasks(job),
            results=_values(job.result),
            lines=lines[:LINES],
            after=after,
            asked=None if asked == _NEWEST else asked,
            following=lines[LINES - 1].seq if len(lines) > LINES else 0,
            changes=await visit.may(CHANGES),
        )

    async def cancel(self, visit: Visit) -> Answer:
        """Cancel a job of a beacon."""
        number = job_number(visit)
        await self._jobs.cancel(visit.call.caller, number)
        return visit.go(f"/console/beacon-jobs/{number}", done="cancel")


def _tasks(job: BeaconJob) -> list[tuple[str, Any]]:
    """Return each task with where it stands; they are done one after another."""
    done = job.steps if job.state is State.SUCCEEDED else job.step - 1
    return [
        ("complete" if place <= done else "running" if place == job.step else "to do", task)
        for place, task in enumerate(_values(job.tasks), start=1)
    ]


def _values(text: bytes | None) -> list[Any]:
    found = msgspec.json.decode(text) if text else []
    return found if isinstance(found, list) else [found]


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations."""
    site, pages = Site.of(services), _Pages(services)
    yield page(site, JOB, READS, pages.show)
    yield act(site, f"{JOB}/cancel", CHANGES, pages.cancel)
