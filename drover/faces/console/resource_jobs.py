"""Resource jobs of an application: what each runs over, tried out, run, and its executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.jobs.execute import ExecuteBody, JobExecutions
from drover.app.jobs.logs import ExecutionLogs
from drover.app.jobs.preview import JobPreview
from drover.app.schedules.job_schedules import JobSchedules
from drover.app.workflows import Workflows
from drover.faces.console import _lists
from drover.faces.console._site import Site, act, page
from drover.faces.console.executions import JOB, READS, RUNS, place_of, settings_of
from drover.faces.console.job_schedules import rule_of
from drover.kinds.resource_job import KIND
from drover.model.bodies import convert
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation

JOBS: Final = "/console/applications/{applicationId}/resource-jobs"
SECTION: Final = "resource-jobs"
OVERRIDES: Final = ("queryJson", "templateContext", "dataTableId", "executionTimeout")
"""What an execution may have otherwise than its job, as fields of the form."""


class _Pages:
    """The pages of resource jobs."""

    def __init__(self, services: Services) -> None:
        self._executions = services[JobExecutions]
        self._preview = services[JobPreview]
        self._logs = services[ExecutionLogs]
        self._workflows = services[Workflows]
        self._schedules = services[JobSchedules]

    async def list(self, visit: Visit) -> Answer:
        """List the resource jobs of an application."""
        asked = _lists.listing(visit, "name", **_lists.named_like(visit))
        found = await visit.site.catalog.list(KIND, visit.call.application_id, asked)
        values = {**_lists.shown(asked, found), **_lists.ways(visit, asked, found.total)}
        return await visit.show_within("resource_jobs.html", SECTION, **values)

    async def show(self, visit: Visit) -> Answer:
        """Show a resource job."""
        return await self._show(visit)

    async def preview(self, visit: Visit) -> Answer:
        """Show what the job would run over now."""
        try:
            found = await self._preview.preview(place_of(visit), _overrides(visit.form))
        except Invalid as error:
            return await self._show(visit, 400, fault=error.message)
        return await self._show(visit, preview=found)

    async def execute(self, visit: Visit) -> Answer:
        """Run the job."""
        try:
            made = await self._executions.execute(
                visit.call.caller, place_of(visit), _overrides(visit.form)
            )
        except Invalid as error:
            return await self._show(visit, 400, fault=error.message)
        application_id, job_id = place_of(visit)
        job = f"/console/applications/{application_id}/resource-jobs/{job_id}"
        return visit.go(f"{job}/executions/{made}", done="execute")

    async def _show(
        self, visit: Visit, status: int = 200, *, fault: str = "", preview: Any = None
    ) -> Answer:
        place = place_of(visit)
        job = msgspec.json.decode(await visit.site.catalog.get(KIND, *place))
        asked = _lists.listing(visit, "id")
        found = await self._logs.page(place, asked.limit, asked.offset)
        here = f"/console/applications/{place[0]}/resource-jobs/{place[1]}"
        return await visit.show_within(
            "resource_job.html",
            SECTION,
            status,
            job=job,
            here=here,
            settings=settings_of(job),
            workflows=await self._workflows.of_job(*place),
            schedules=[(each, rule_of(each)) for each in await self._schedules.list(place)],
            given={name: visit.form.get(name, "") for name in OVERRIDES},
            fault=fault,
            preview=preview,
            may_run=await visit.may(RUNS),
            **_lists.shown(asked, found),
            **_lists.ways(visit, asked, found.total, here),
        )


def _overrides(form: Mapping[str, str]) -> ExecuteBody:
    """Return what a form has otherwise than the job; raises Invalid naming the field."""
    given: dict[str, Any] = {name: form[name] for name in OVERRIDES if form.get(name, "").strip()}
    seconds = given.pop("executionTimeout", None)
    if seconds is not None:
        if not seconds.strip().isdecimal():
            raise Invalid("The timeout is a whole number of seconds", field="executionTimeout")
        given["executionTimeout"] = int(seconds) * 1000
    return convert(given, ExecuteBody)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations; looking at what matches needs what reading the job needs."""
    site, pages = Site.of(services), _Pages(services)
    yield page(site, JOBS, KIND.scopes("get", collection=True), pages.list)
    yield page(site, JOB, KIND.scopes("get") & READS, pages.show)
    yield act(site, f"{JOB}/preview", KIND.scopes("get"), pages.preview)
    yield act(site, f"{JOB}/execute", RUNS, pages.execute)
