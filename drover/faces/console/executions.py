"""One execution of a resource job: watched as it runs, paused, resumed, cancelled, tried again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from drover.app.jobs.control import ExecutionControl
from drover.app.jobs.execute import JobExecutions, RetryBody
from drover.app.jobs.logs import STATES, ExecutionLogs, Wanted
from drover.app.jobs.progress import Progress
from drover.app.jobs.waiting import why_it_waits
from drover.app.workflows import Workflows
from drover.faces.console._rendering import SECURITY
from drover.faces.console._site import Site, act, page
from drover.faces.operation import Answer
from drover.faces.progress_events import EVENT_STREAM, ProgressEvents
from drover.kinds.resource_job import KIND
from drover.model.bodies import convert
from drover.model.errors import Conflict, Invalid
from drover.model.execution import State
from drover.model.fields import is_id
from drover.model.summary import STATUS, summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Operation
    from drover.model.run import Execution

JOB: Final = "/console/applications/{applicationId}/resource-jobs/{resourceJobId}"
EXECUTION: Final = f"{JOB}/executions/{{executionId}}"

READS: Final = KIND.scopes("logs", reads=True)
RUNS: Final = KIND.scopes("execute")
STOPS: Final = KIND.scopes("cancelExecution")

RETRIED: Final = ("failed", "timedOut", "neverStarted")
"""Outcomes that can be tried again."""

GROUPED: Final = 50_000
"""Iterations that did not succeed up to which their messages are counted without being asked."""

PER_PAGE: Final = 100
SETTINGS: Final = (
    ("resourceType", "Runs over", "words"),
    ("queryJson", "Query", "json"),
    ("renderedQuery", "Query as rendered", "json"),
    ("dataTableId", "Data table", "text"),
    ("templateContext", "Context", "json"),
    ("defaultContext", "Context", "json"),
    ("maxIterationConcurrency", "At once", "text"),
    ("iterationDelay", "Delay between iterations", "ms"),
    ("iterationTimeout", "Timeout of an iteration", "ms"),
    ("executionTimeout", "Timeout of the whole", "ms"),
    ("retryOnTimeout", "Tries again after a timeout", "yes"),
    ("retryOnFailure", "Tries again after a failure", "yes"),
    ("maxIterationRetries", "Retries at most", "text"),
    ("retryDelay", "Delay before a retry", "ms"),
)
"""Settings of a job or an execution: their names, what pages call them, what they hold."""


class _Pages:
    """The page of an execution and what can be done there."""

    def __init__(self, services: Services) -> None:
        self._executions = services[JobExecutions]
        self._control = services[ExecutionControl]
        self._logs = services[ExecutionLogs]
        self._workflows = services[Workflows]
        self._progress = services[Progress]

    async def show(self, visit: Visit) -> Answer:
        """Show an execution."""
        place, execution_id = place_of(visit), visit.call.path["executionId"]
        execution = await self._logs.find(place, execution_id)
        job = await visit.site.catalog.get(KIND, *place)
        entry = self._logs.entry(execution)
        grouped = execution.failed + execution.timed_out <= GROUPED or "reasons" in visit.call.query
        unsuccessful = execution.failed + execution.timed_out
        reasons = await self._logs.reasons(place, execution_id) if unsuccessful and grouped else ()
        here = address(execution)
        return await visit.show_within(
            "execution.html",
            "resource-jobs",
            job=msgspec.json.decode(job),
            here=here,
            execution=execution,
            entry=entry,
            settings=settings_of(entry),
            grouped=grouped,
            reasons=reasons,
            workflows=await self._workflows.of_job(*place),
            report=_relative(entry.get("executionReportUrl", "")),
            **state_of(execution, visit.now_ms),
            **await self._iterations(visit, execution),
            **await _allowed(visit, execution),
        )

    async def progress(self, visit: Visit) -> Answer:
        """Stream what changes until the execution has ended."""
        find = partial(self._logs.find, place_of(visit), visit.call.path["executionId"])
        events = ProgressEvents(self._progress.watch(await find()))
        headers = {**SECURITY, "X-Accel-Buffering": "no"}
        return Answer(events, headers=headers, media_type=EVENT_STREAM, still=find)

    async def pause(self, visit: Visit) -> Answer:
        """Begin nothing more for now."""
        await self._control.pause(place_of(visit), visit.call.path["executionId"])
        return visit.go(_here(visit), done="pause")

    async def resume(self, visit: Visit) -> Answer:
        """Go on."""
        await self._control.resume(place_of(visit), visit.call.path["executionId"])
        return visit.go(_here(visit), done="resume")

    async def cancel(self, visit: Visit) -> Answer:
        """Begin nothing more for good."""
        execution_id = visit.call.path["executionId"]
        await self._control.cancel(visit.call.caller, place_of(visit), execution_id)
        return visit.go(_here(visit), done="cancel")

    async def retry(self, visit: Visit) -> Answer:
        """Try again what did not succeed."""
        chosen = [name for name in RETRIED if visit.given(name)]
        if not chosen:
            raise Conflict("Choose at least one outcome that is to be tried again")
        body = convert({"statuses": chosen}, RetryBody, "statuses")
        made = await self._executions.retry(
            visit.call.caller, place_of(visit), visit.call.path["executionId"], body
        )
        here = _here(visit).rpartition("/")[0]
        return visit.go(f"{here}/{made}", done="retry")

    async def _iterations(self, visit: Visit, execution: Execution) -> Mapping[str, Any]:
        chosen, after_id = visit.asked("status"), visit.asked("cursor")
        if chosen and chosen not in STATES:
            raise Invalid(f"status must be one of: {', '.join(STATES)}", field="status")
        if after_id and not is_id(after_id):
            raise Invalid("cursor must be one that a list gave", field="cursor")
        states = [STATES[chosen]] if chosen else ()
        wanted = Wanted(states=states, after_id=after_id.lower(), limit=PER_PAGE)
        items, cursor = await self._logs.iterations(place_of(visit), execution.id, wanted)
        return {
            "items": items,
            "cursor": cursor or "",
            "chosen": chosen,
            "after_id": after_id,
            "statuses": tuple(STATES),
        }


def state_of(execution: Execution, now_ms: int) -> Mapping[str, Any]:
    """Return where an execution stands, as its page tells it."""
    open_now = not execution.state.is_final
    end_ms = now_ms if execution.completed_ms is None else execution.completed_ms
    elapsed_ms = end_ms - (execution.started_ms or execution.requested_ms)
    rate = execution.ended_items * 1000 / elapsed_ms if elapsed_ms > 0 else 0.0
    left = execution.total - execution.ended_items
    return {
        "open": open_now,
        "status": "paused" if execution.state is State.PAUSED else STATUS[execution.state],
        "counts": summary(execution),
        "elapsed_ms": elapsed_ms,
        "rate": rate,
        "left_ms": left * 1000 / rate if open_now and rate else None,
        "waits": why_it_waits(execution, now_ms),
    }


def settings_of(document: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Return the settings that a document has: what to call each, its value, what it holds."""
    return [(label, document[name], form) for name, label, form in SETTINGS if name in document]


def address(execution: Execution) -> str:
    """Return the address of the page of an execution."""
    job = f"/console/applications/{execution.application_id}/resource-jobs/{execution.job_id}"
    return f"{job}/executions/{execution.id}"


def place_of(visit: Visit) -> tuple[str, str]:
    """Return the ids of the application and the job in the path."""
    return visit.call.application_id, visit.call.path["resourceJobId"]


def _here(visit: Visit) -> str:
    application_id, job_id = place_of(visit)
    job = f"/console/applications/{application_id}/resource-jobs/{job_id}"
    return f"{job}/executions/{visit.call.path['executionId']}"


def _relative(url: str) -> str:
    """Return an address of this server without its host: people may reach it by another name."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if url else ""


async def _allowed(visit: Visit, execution: Execution) -> Mapping[str, bool]:
    """Return which buttons there are: for what may be done, and by this visitor."""
    runs, stops = await visit.may(RUNS), await visit.may(STOPS)
    state, ended = execution.state, execution.state.is_final
    again = execution.failed or execution.timed_out or execution.remaining
    return {
        "may_pause": stops and state in (State.RUNNING, State.QUEUED),
        "may_resume": runs and state is State.PAUSED,
        "may_cancel": stops and not ended and state is not State.CANCELING,
        "may_retry": runs and ended and bool(again),
    }


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations of the page."""
    site, pages = Site.of(services), _Pages(services)
    yield page(site, EXECUTION, READS, pages.show)
    yield page(site, f"{EXECUTION}/progress", READS, pages.progress)
    yield act(site, f"{EXECUTION}/pause", STOPS, pages.pause)
    yield act(site, f"{EXECUTION}/resume", RUNS, pages.resume)
    yield act(site, f"{EXECUTION}/cancel", STOPS, pages.cancel)
    yield act(site, f"{EXECUTION}/retry", RUNS, pages.retry)
