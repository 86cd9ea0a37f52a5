"""Executions and iterations as they are shown (Losant-compatible behaviour, section 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.app.jobs.asked import asked_of
from drover.model.execution import State
from drover.model.instants import to_text
from drover.model.iteration import iteration_id
from drover.model.summary import RESULT, STATUS, summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.model.iteration import Item
    from drover.model.run import Execution


def entry(execution: Execution, report_url: Callable[[Execution], str]) -> dict[str, Any]:
    """Return the log entry of an execution; moments that have not come are left out."""
    asked, pace = asked_of(execution), execution.pace
    shown = {
        "id": execution.id,
        "resourceJobExecutionId": execution.id,
        "applicationId": execution.application_id,
        "resourceJobId": execution.job_id,
        "resourceType": asked.resource_type,
        "status": STATUS[execution.state],
        "queryJson": asked.given_query or asked.query,
        "renderedQuery": asked.query if asked.given_query else None,
        "dataTableId": asked.data_table_id,
        "templateContext": asked.context,
        "iterationDelay": pace.delay_ms,
        "iterationTimeout": pace.timeout_ms,
        "maxIterationConcurrency": pace.concurrency,
        "retryOnTimeout": pace.retry_on_timeout,
        "retryOnFailure": pace.retry_on_failure,
        "maxIterationRetries": pace.max_retries,
        "retryDelay": pace.retry_delay_ms,
        "executionTimeout": asked.execution_timeout,
        "executionSummary": summary(execution),
        "accumulator": execution.accumulator if pace.serial else None,
        "requestedAt": to_text(execution.requested_ms),
        "runStartedAt": to_text(execution.started_ms or execution.requested_ms),
        "runCompletedAt": _moment(execution.completed_ms),
        "paused": True if execution.state is State.PAUSED else None,
        "error": execution.error,
        "retryOf": asked.retry_of,
        "executionReportUrl": report_url(execution) if execution.report_key else None,
        **_actors(execution),
    }
    return {name: value for name, value in shown.items() if value is not None}


def iteration(execution_id: str, item: Item) -> dict[str, Any]:
    """Return one iteration; what it does not have yet is left out."""
    shown = {
        "iterationId": iteration_id(execution_id, item.resource_id),
        "resourceId": item.resource_id,
        "resourceName": item.resource_name,
        "status": RESULT[item.state],
        "attempts": item.attempt,
        "message": item.message,
        "accumulator": item.accumulator,
        "startedAt": _moment(item.started_ms),
        "completedAt": _moment(item.completed_ms),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _actors(execution: Execution) -> dict[str, str]:
    named = {"source": execution.source, "cancelSource": execution.cancel_source}
    shown: dict[str, str] = {}
    for name, actor in named.items():
        if actor is not None:
            shown |= {f"{name}Type": actor.type, f"{name}Id": actor.id}
    return shown


def _moment(ms: int | None) -> str | None:
    return None if ms is None else to_text(ms)
