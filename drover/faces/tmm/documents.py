"""Jobs as this dialect shows them (TMM-compatible behaviour, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Raw

if TYPE_CHECKING:
    from drover.model.beacon_job import BeaconJob


def shown(job: BeaconJob, *, with_tasks: bool = True) -> dict[str, Any]:
    """Return a job; the rows of a list are without their tasks. Times are seconds."""
    members: dict[str, Any] = {
        "id": job.number,
        "job_id": job.number,
        "name": job.name,
        "user": job.user_number,
        "user_guid": job.user_guid,
        "beacon_name": job.beacon_name,
        "status": job.status,
        "cur_task": job.step,
        "total_tasks": job.steps,
    }
    if with_tasks:
        members["tasks"] = Raw(job.tasks)
    members |= {
        "add_time": job.requested_ms // 1000,
        "q_time": _seconds(job.queued_ms),
        "pickup_time": _seconds(job.picked_ms),
        "start_time": _seconds(job.started_ms),
        "end_time": _seconds(job.completed_ms),
        "result": [] if job.result is None else Raw(job.result),
        "duplicate_of": job.duplicate_of,
        "scheduled": job.is_template,
        "schedule_active": job.active,
        "cancel_requested": job.cancel_requested,
    }
    return members | _ours(job)


def _ours(job: BeaconJob) -> dict[str, Any]:
    """Return the members that make the work of beacons practical (section 8)."""
    return {
        "priority": job.priority,
        "attempts": job.tries,
        "max_attempts": job.max_attempts,
        "dead": job.is_dead,
        "worker": job.worker,
        "fence": job.fence,
        "lease": _seconds(job.lease_ms),
        "lease_until": _seconds(job.lease_until_ms),
        "timeout": job.timeout_ms // 1000,
        "retry_delay": job.retry_delay_ms // 1000,
        "labels": job.labels,
        "error": job.error,
        "unique_key": job.unique_key,
        "callback_url": job.callback_url,
    }


def _seconds(ms: int | None) -> int | None:
    return None if ms is None else ms // 1000


def scheduled(job: BeaconJob) -> dict[str, Any]:
    """Return a template as the list of scheduled jobs shows it."""
    return {
        "name": job.name,
        "id": job.number,
        "scheduled_job_id": job.number,
        "active": bool(job.active),
        "next_run": _seconds(job.next_due_ms) if job.active else None,
        "last_run": _seconds(job.last_due_ms),
    }
