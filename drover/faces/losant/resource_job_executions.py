"""Executions of resource jobs beyond the published API: preview, watch, pause, retry."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from drover.app.jobs.control import ExecutionControl
from drover.app.jobs.execute import ExecuteBody, JobExecutions, RetryBody
from drover.app.jobs.logs import STATES, ExecutionLogs, Wanted
from drover.app.jobs.preview import JobPreview
from drover.app.jobs.progress import Progress
from drover.faces.losant._additions import Additions
from drover.faces.losant._lists import FARTHEST, MOST_PER_PAGE, PER_PAGE
from drover.faces.losant.resource_job import JOB, place
from drover.faces.operation import Answer, Call, Operation
from drover.faces.progress_events import EVENT_STREAM, ProgressEvents
from drover.kinds.resource_job import KIND
from drover.model.errors import Invalid
from drover.model.fields import Prose, is_id
from drover.model.iteration import Acknowledgement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_EXECUTION = f"{JOB}/executions/{{executionId}}"
_ITERATION = f"{_EXECUTION}/iterations/{{iterationId}}"
_NOT_KEPT = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class AcknowledgeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an iteration ended; an accumulator that is no text is kept as JSON."""

    success: bool
    message: Prose | UnsetType = UNSET
    accumulator: Any = UNSET


class _Calls:
    """Our operations on executions."""

    def __init__(self, services: Services) -> None:
        self._executions = services[JobExecutions]
        self._control = services[ExecutionControl]
        self._logs = services[ExecutionLogs]
        self._preview = services[JobPreview]
        self._progress = services[Progress]

    async def preview(self, call: Call) -> dict[str, Any]:
        """Count what matches now."""
        return await self._preview.preview(place(call), call.json(ExecuteBody))

    async def list(self, call: Call) -> dict[str, Any]:
        """Return one page of executions."""
        per_page = call.whole("perPage", PER_PAGE, least=1, most=MOST_PER_PAGE)
        page = call.whole("page", 0, most=FARTHEST)
        found = await self._logs.page(place(call), per_page, page * per_page)
        return {
            "items": found.items,
            "count": len(found.items),
            "totalCount": found.total,
            "page": page,
            "perPage": per_page,
            **call.path,
        }

    async def get(self, call: Call) -> dict[str, Any]:
        """Return one execution."""
        return await self._logs.one(place(call), call.path["executionId"])

    async def pause(self, call: Call) -> dict[str, bool]:
        """Begin nothing more for now."""
        await self._control.pause(place(call), call.path["executionId"])
        return {"success": True}

    async def resume(self, call: Call) -> dict[str, bool]:
        """Go on."""
        await self._control.resume(place(call), call.path["executionId"])
        return {"success": True}

    async def retry(self, call: Call) -> dict[str, Any]:
        """Try again what did not succeed."""
        key = call.headers.get("idempotency-key")
        body, first = call.json(RetryBody), call.path["executionId"]
        execution_id = await self._executions.retry(call.caller, place(call), first, body, key)
        return {"success": True, "executionId": execution_id}

    async def iterations(self, call: Call) -> dict[str, Any]:
        """Return some iterations."""
        names = [name for name in call.query.get("status", "").split(",") if name]
        if not STATES.keys() >= set(names):
            raise Invalid(f"status must be one of: {', '.join(STATES)}", field="status")
        after_id = call.query.get("cursor", "")
        if after_id and not is_id(after_id):
            raise Invalid("cursor must be one that a list gave", field="cursor")
        wanted = Wanted(
            states=[STATES[name] for name in names],
            after_id=after_id.lower(),
            limit=call.whole("limit", PER_PAGE, least=1, most=MOST_PER_PAGE),
        )
        items, cursor = await self._logs.iterations(place(call), call.path["executionId"], wanted)
        return {"items": items, **({"cursor": cursor} if cursor else {})}

    async def acknowledge(self, call: Call) -> dict[str, Any]:
        """End an iteration."""
        body = call.json(AcknowledgeBody)
        given = Acknowledgement(
            "",
            body.success,
            None if body.message is UNSET else body.message,
            _accumulator(body.accumulator),
        )
        ended = await self._logs.acknowledge(
            place(call), call.path["executionId"], call.path["iterationId"], given
        )
        return {"success": True, **ended}

    async def progress(self, call: Call) -> Answer:
        """Stream what changes until the execution has ended."""
        find = partial(self._logs.find, place(call), call.path["executionId"])
        events = ProgressEvents(self._progress.watch(await find()))
        return Answer(events, headers=_NOT_KEPT, media_type=EVENT_STREAM, still=find)


def _accumulator(given: Any) -> str | None:
    if given is UNSET or given is None:
        return None
    return given if isinstance(given, str) else msgspec.json.encode(given).decode()


def operations(services: Services) -> Iterator[Operation]:
    """Yield our operations on executions."""
    calls = _Calls(services)
    ours = Additions("resourceJobExecution", opaque_ids=frozenset({"iterationId"})).operation
    page, some = ("page", "perPage"), ("status", "limit", "cursor")
    reads, runs, stops = (
        KIND.scopes("logs", reads=True),
        KIND.scopes("execute"),
        KIND.scopes("cancelExecution"),
    )
    yield ours("POST", f"{JOB}/preview", KIND.scopes("get"), calls.preview, body=ExecuteBody)
    yield ours("GET", f"{JOB}/executions", reads, calls.list, parameters=page)
    yield ours("GET", _EXECUTION, reads, calls.get)
    yield ours("POST", f"{_EXECUTION}/pause", stops, calls.pause)
    yield ours("POST", f"{_EXECUTION}/resume", runs, calls.resume)
    yield ours("POST", f"{_EXECUTION}/retry", runs, calls.retry, body=RetryBody)
    yield ours("GET", f"{_EXECUTION}/iterations", reads, calls.iterations, parameters=some)
    yield ours("POST", f"{_ITERATION}/acknowledge", runs, calls.acknowledge, body=AcknowledgeBody)
    yield ours("GET", f"{_EXECUTION}/progress", reads, calls.progress)
