"""Schedules of resource jobs: our addition to the published API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.app.schedules.definition import ScheduleBody
from drover.app.schedules.job_schedules import JobSchedules
from drover.faces.losant._additions import Additions
from drover.faces.losant._lists import FARTHEST, MOST_PER_PAGE, PER_PAGE
from drover.faces.losant.resource_job import JOB, place
from drover.kinds.resource_job import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.faces.operation import Call, Operation

_MANY = f"{JOB}/schedules"
_ONE = f"{_MANY}/{{scheduleId}}"
SHOWN = 20
MOST_SHOWN = 1000


class _Calls:
    """Our operations on schedules."""

    def __init__(self, services: Services) -> None:
        self._schedules = services[JobSchedules]

    async def list(self, call: Call) -> dict[str, Any]:
        """List the schedules of a resource job."""
        per_page = call.whole("perPage", PER_PAGE, least=1, most=MOST_PER_PAGE)
        page = call.whole("page", 0, most=FARTHEST)
        found = await self._schedules.list(place(call))
        items = found[page * per_page : (page + 1) * per_page]
        paging = {"totalCount": len(found), "page": page, "perPage": per_page}
        return {"items": items, "count": len(items), **paging, **call.path}

    async def post(self, call: Call) -> dict[str, Any]:
        """Create a schedule of a resource job."""
        return await self._schedules.create(call.caller, place(call), call.json(ScheduleBody))

    async def get(self, call: Call) -> dict[str, Any]:
        """Read one schedule."""
        return await self._schedules.get(place(call), call.path["scheduleId"])

    async def patch(self, call: Call) -> dict[str, Any]:
        """Change a schedule."""
        body, schedule_id = call.json(ScheduleBody), call.path["scheduleId"]
        return await self._schedules.patch(call.caller, place(call), schedule_id, body)

    async def delete(self, call: Call) -> dict[str, bool]:
        """Delete a schedule."""
        await self._schedules.delete(place(call), call.path["scheduleId"])
        return {"success": True}

    async def pause(self, call: Call) -> dict[str, Any]:
        """Let a schedule rest."""
        return await self._schedules.pause(place(call), call.path["scheduleId"])

    async def resume(self, call: Call) -> dict[str, Any]:
        """Go on with a schedule from now."""
        return await self._schedules.resume(place(call), call.path["scheduleId"])

    async def trigger(self, call: Call) -> dict[str, Any]:
        """Run now what a schedule runs."""
        schedule_id = call.path["scheduleId"]
        execution_id = await self._schedules.trigger(call.caller, place(call), schedule_id)
        return {"success": True, "executionId": execution_id}

    async def preview(self, call: Call) -> dict[str, Any]:
        """Show when a schedule runs next."""
        count = call.whole("count", SHOWN, least=1, most=MOST_SHOWN)
        moments = await self._schedules.preview(place(call), call.path["scheduleId"], count)
        return {"items": [each.shown for each in moments], "count": len(moments), **call.path}


def operations(services: Services) -> Iterator[Operation]:
    """Yield our operations on schedules: who may execute a job may say when that is done."""
    calls = _Calls(services)
    ours = Additions("resourceJobSchedule").operation
    reads, runs, stops = KIND.scopes("get"), KIND.scopes("execute"), KIND.scopes("cancelExecution")
    yield ours("GET", _MANY, reads, calls.list, parameters=("page", "perPage"))
    yield ours("POST", _MANY, runs, calls.post, body=ScheduleBody)
    yield ours("GET", _ONE, reads, calls.get)
    yield ours("PATCH", _ONE, runs, calls.patch, body=ScheduleBody)
    yield ours("DELETE", _ONE, runs, calls.delete)
    yield ours("POST", f"{_ONE}/pause", stops, calls.pause)
    yield ours("POST", f"{_ONE}/resume", runs, calls.resume)
    yield ours("POST", f"{_ONE}/trigger", runs, calls.trigger)
    yield ours("GET", f"{_ONE}/preview", reads, calls.preview, parameters=("count",))
