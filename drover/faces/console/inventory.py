"""All jobs of every kind: filtered by the query language, cancelled and deleted by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from drover.app.inventory import Asked, JobInventory
from drover.app.jobs.logs import ExecutionLogs
from drover.faces.console import executions
from drover.faces.console._site import Site, act, page
from drover.model.beacon_job import BEACON
from drover.model.errors import Invalid, Missing, TooLarge
from drover.model.inventory import CANCELED, COMPLETE, FAILED, IN_PROGRESS, NEW
from drover.model.run import RESOURCE_JOB
from drover.model.scopes import for_operation
from drover.query.digi import BadQuery, QueryTooLong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from drover.app.inventory_verbs import Outcomes
    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation
    from drover.model.errors import DroverError
    from drover.model.inventory import Inventoried
    from drover.model.run import Execution

JOBS: Final = "/console/jobs"
JOB: Final = f"{JOBS}/{{number}}"
PER_PAGE: Final = 50

_OWNERS: Final = ("Application", "Organization", "User")
READS: Final = for_operation("jobInventory", "get", _OWNERS, reads=True)
CHANGES: Final = for_operation("jobInventory", "cancel", _OWNERS)

OPEN: Final = frozenset({NEW, IN_PROGRESS})
SHORTCUTS: Final = (
    ("All", ""),
    ("Running", f"status = '{IN_PROGRESS}'"),
    ("Waiting", f"status = '{NEW}'"),
    ("Failed", f"status = '{FAILED}'"),
    ("Complete", f"status = '{COMPLETE}'"),
    ("Canceled", f"status = '{CANCELED}'"),
    ("Last hour", "submit_time > -1h"),
)
"""Filters that are one click away."""

_ORDERS: Final = (
    ("", "newest first"),
    ("id asc", "oldest first"),
    ("failure_count desc", "most failures first"),
    ("target_count desc", "largest first"),
    ("end_time desc", "last ended first"),
    ("job_name asc", "by name"),
)
_VERBS: Final = {"cancel": "Cancel", "delete": "Delete"}
_LONGEST_NUMBER: Final = 19
_NAMED: Final = 8


class _Pages:
    """The inventory's pages."""

    def __init__(self, inventory: JobInventory, logs: ExecutionLogs) -> None:
        self._inventory = inventory
        self._logs = logs

    async def list(self, visit: Visit) -> Answer:
        """List jobs."""
        text, orderby = visit.asked("query"), visit.asked("orderby")
        asked = Asked(text, orderby, size=PER_PAGE, cursor=visit.asked("cursor"))
        values = {
            "text": text,
            "orderby": orderby,
            "orders": _ORDERS,
            "shortcuts": SHORTCUTS,
            "changes": await self._changes(visit),
        }
        try:
            listed = await self._inventory.page(visit.call.caller, asked)
        except (Invalid, TooLarge) as error:
            empty = {"rows": (), "start": 0, "here": JOBS, "following": "", "live": False}
            return visit.show("jobs.html", "jobs", 400, fault=fault(error), **values, **empty)
        following = None
        if listed.cursor:
            following = address(query=text, orderby=orderby, cursor=listed.cursor)
        return visit.show(
            "jobs.html",
            "jobs",
            fault=None,
            rows=[row(job) for job in listed.jobs],
            start=listed.start,
            here=address(query=text, orderby=orderby, cursor=asked.cursor),
            following=following or "",
            live=not asked.cursor,
            **values,
        )

    async def confirm_cancel(self, visit: Visit) -> Answer:
        """Ask whether to cancel what a query matches."""
        return await self._confirm(visit, "cancel")

    async def confirm_delete(self, visit: Visit) -> Answer:
        """Ask whether to delete what a query matches."""
        return await self._confirm(visit, "delete")

    async def cancel(self, visit: Visit) -> Answer:
        """Cancel what a query matches."""
        text = visit.given("query")
        outcomes = await self._inventory.cancel_matching(visit.call.caller, text)
        return _told(visit, "canceled", text, outcomes)

    async def delete(self, visit: Visit) -> Answer:
        """Delete what a query matches and has ended."""
        text = visit.given("query")
        outcomes = await self._inventory.delete_matching(visit.call.caller, text)
        return _told(visit, "deleted", text, outcomes)

    async def one(self, visit: Visit) -> Answer:
        """Show one job; one of a resource job has a page of its own."""
        number = job_number(visit)
        execution = await self._inventory.execution(visit.call.caller, number)
        if execution.kind == BEACON:
            return visit.go(f"/console/beacon-jobs/{number}")
        if await self._has_own_page(execution):
            return visit.go(executions.address(execution))
        job = await self._inventory.one(visit.call.caller, number)
        return visit.show(
            "job.html",
            "jobs",
            job=job,
            row=row(job),
            execution=execution,
            changes=await self._changes(visit),
            here=f"{JOBS}/{number}",
        )

    async def cancel_one(self, visit: Visit) -> Answer:
        """Cancel one job."""
        number = job_number(visit)
        await self._inventory.cancel(visit.call.caller, number)
        return visit.go(f"{JOBS}/{number}", done="cancel")

    async def delete_one(self, visit: Visit) -> Answer:
        """Delete one job that has ended."""
        await self._inventory.delete(visit.call.caller, job_number(visit))
        return visit.go(JOBS, done="deleted", count=1)

    async def _confirm(self, visit: Visit, verb: str) -> Answer:
        caller, text = visit.call.caller, visit.asked("query")
        count = await self._inventory.count_changeable(caller, text)
        listed = await self._inventory.page(caller, Asked(text, size=_NAMED))
        return visit.show(
            "confirm.html",
            "jobs",
            verb=verb,
            title=_VERBS[verb],
            text=text,
            count=count,
            rows=[row(job) for job in listed.jobs],
            back=address(query=text),
        )

    async def _has_own_page(self, execution: Execution) -> bool:
        if execution.kind != RESOURCE_JOB:
            return False
        place = (execution.application_id or "", execution.job_id or "")
        try:
            await self._logs.find(place, execution.id)
        except Missing:  # the job was deleted meanwhile, and its page with it
            return False
        return True

    async def _changes(self, visit: Visit) -> bool:
        return await visit.may(CHANGES) and await self._inventory.may_change(visit.call.caller)


def row(job: Inventoried) -> Mapping[str, Any]:
    """Return what a list shows of a job beside its fields."""
    return {
        "job": job,
        "status": "canceling" if job.cancel_requested and job.status in OPEN else job.status,
        "open": job.status in OPEN,
        "address": f"{JOBS}/{job.id}",
    }


def job_number(visit: Visit) -> int:
    """Return the number in the path; raises Missing for what can be none."""
    text = visit.call.path["number"]
    if not text.isdecimal() or not text.isascii() or len(text) > _LONGEST_NUMBER:
        raise Missing("Job was not found")
    return int(text)


def address(**parameters: str) -> str:
    """Return the address of a list with the parameters that are set."""
    given = {name: value for name, value in parameters.items() if value}
    return f"{JOBS}?{urlencode(given)}" if given else JOBS


def fault(error: DroverError) -> Mapping[str, Any]:
    """Return what is wrong with a list that was asked for, and where in its query."""
    if isinstance(error, BadQuery | QueryTooLong):
        at = min(error.position, len(error.query))
        return {
            "message": error.message,
            "before": error.query[:at],
            "at": error.query[at : at + 1] or " ",
            "after": error.query[at + 1 :],
        }
    return {"message": error.message, "before": "", "at": "", "after": ""}


def _told(visit: Visit, done: str, text: str, outcomes: Outcomes) -> Answer:
    refused = outcomes.refused
    count = len(outcomes) - refused
    return visit.go(JOBS, query=text, done=done, count=count, refused=refused)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the inventory's operations."""
    site, pages = Site.of(services), _Pages(services[JobInventory], services[ExecutionLogs])
    yield page(site, JOBS, READS, pages.list)
    yield page(site, f"{JOBS}/cancel", CHANGES, pages.confirm_cancel)
    yield page(site, f"{JOBS}/delete", CHANGES, pages.confirm_delete)
    yield act(site, f"{JOBS}/cancel", CHANGES, pages.cancel)
    yield act(site, f"{JOBS}/delete", CHANGES, pages.delete)
    yield page(site, JOB, READS, pages.one)
    yield act(site, f"{JOB}/cancel", CHANGES, pages.cancel_one)
    yield act(site, f"{JOB}/delete", CHANGES, pages.delete_one)
