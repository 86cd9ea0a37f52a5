"""What workflows are told of an execution (Losant-compatible behaviour, section 3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.engine.targets import target_of
from drover.model.instants import to_text
from drover.model.summary import STATUS, summary
from drover.ports.jobs import GLOBALS

if TYPE_CHECKING:
    from drover.model.run import Execution
    from drover.ports.jobs import Firing

RELAY: Final = "resourceJob"


def date(ms: int) -> dict[str, str]:
    """Return a moment as payload documents hold it."""
    return {"$date": to_text(ms)}


def execution_object(execution: Execution) -> dict[str, Any]:
    """Return an execution as payloads show it, with its context and query parsed."""
    pace, target, source = execution.pace, target_of(execution), execution.source
    shown: dict[str, Any] = {
        "id": execution.id,
        "resourceJobExecutionId": execution.id,
        "resourceJobId": execution.job_id,
        "applicationId": execution.application_id,
        "resourceType": target.resource_type,
        "iterationDelay": pace.delay_ms,
        "iterationTimeout": pace.timeout_ms,
        "maxIterationConcurrency": pace.concurrency,
        "maxIterationRetries": pace.max_retries,
        "retryDelay": pace.retry_delay_ms,
        "retryOnFailure": pace.retry_on_failure,
        "retryOnTimeout": pace.retry_on_timeout,
        "status": STATUS[execution.state],
        "runStartedAt": date(execution.started_ms or execution.requested_ms),
        "sourceType": source.type if source else None,
        "sourceId": source.id if source else None,
        "context": parsed(target.context),
        "query": parsed(target.query),
    }
    if target.data_table_id is not None:
        shown["dataTableId"] = target.data_table_id
    return shown


def complete_data(execution: Execution, job: bytes | None, report_url: str) -> bytes:
    """Return the ``data`` of the Complete trigger: the ended execution and its job."""
    shown = execution_object(execution) | {
        "executionReportUrl": report_url,
        "executionSummary": summary(execution),
        "runCompletedAt": date(execution.completed_ms or 0),
    }
    if execution.cancel_source is not None:
        shown["cancelSourceType"] = execution.cancel_source.type
        shown["cancelSourceId"] = execution.cancel_source.id
    if execution.error is not None:
        shown["error"] = execution.error
    data: dict[str, Any] = {
        "execution": shown,
        "resourceJob": _aliased(job) if job is not None else None,
        "success": shown["status"] == "completed",
    }
    if execution.pace.serial:
        data["accumulator"] = accumulator_value(execution.accumulator)
    return msgspec.json.encode(data)


def _aliased(job: bytes) -> dict[str, Any]:
    """Return a job with its id under both of its names."""
    document: dict[str, Any] = msgspec.json.decode(job)
    return {**document, "resourceJobId": document["id"]}


def accumulator_value(text: str | None) -> Any:
    """Return an accumulator as payloads give it: parsed where it is an object or array."""
    if text is None:
        return {}
    value = parsed(text)
    return value if isinstance(value, dict | list) else text


def parsed(text: str) -> Any:
    """Return JSON text as its value, other text as it is."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def firing_payload(firing: Firing, fired_ms: int) -> bytes:
    """Return the payload that a firing starts a flow with; root keys it brings win.

    Its time is that of the firing: a run that begins late, or is made again, has the same.

    Those that begin with ``$`` are for triggers alone, but for globals: the run merges them.
    """
    brought = msgspec.json.decode(firing.root)
    root: dict[str, Any] = {
        "time": date(fired_ms),
        "triggerId": firing.key,
        "triggerType": firing.trigger_type,
        **{
            key: value
            for key, value in brought.items()
            if not key.startswith("$") or key == GLOBALS
        },
        "data": msgspec.Raw(firing.data),
    }
    return msgspec.json.encode(root)
