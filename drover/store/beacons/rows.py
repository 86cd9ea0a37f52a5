"""Rows of beacon jobs as values of the model, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.beacon_job import BeaconJob
from drover.model.execution import State

if TYPE_CHECKING:
    from drover.store.driver import Row

_SAME: Final = (
    "number",
    "id",
    "kind",
    "name",
    "owner_id",
    "user_number",
    "user_guid",
    "steps",
    "step",
    "requested_ms",
    "queued_ms",
    "due_ms",
    "picked_ms",
    "started_ms",
    "completed_ms",
    "error",
    "priority",
    "tries",
    "retry_delay_ms",
    "timeout_ms",
    "asked_lease_ms",
    "lease_ms",
    "lease_until_ms",
    "ends_ms",
    "worker",
    "fence",
    "callback_url",
    "next_due_ms",
    "last_due_ms",
)
_SAVED: Final = (
    "queued_ms",
    "due_ms",
    "picked_ms",
    "started_ms",
    "completed_ms",
    "step",
    "error",
    "worker",
    "lease_ms",
    "lease_until_ms",
    "ends_ms",
    "tries",
    "fence",
)


def job_of(row: Row) -> BeaconJob:
    """Return the job a row holds."""
    labels, active = row["labels"], row["active"]
    result = row["result"]
    return BeaconJob(
        **{name: row[name] for name in _SAME},
        beacon_name=row["queue"],
        state=State(row["state"]),
        tasks=row["tasks"].encode(),
        result=None if result is None else result.encode(),
        duplicate_of=row["retry_of"],
        cancel_requested=bool(row["cancel_requested"]),
        max_attempts=row["max_retries"] + 1,
        labels=() if labels is None else tuple(msgspec.json.decode(labels, type=list[str])),
        unique_key=row["given_key"],
        active=None if active is None else bool(active),
        paused=bool(row["paused"]),
    )


def saved(seen: BeaconJob, job: BeaconJob) -> dict[str, Any]:
    """Return what is written of a job that was changed."""
    return {
        **{name: getattr(job, name) for name in _SAVED},
        "number": job.number,
        "state": job.state.value,
        "result": None if job.result is None else job.result.decode(),
        "seen_state": seen.state.value,
        "seen_fence": seen.fence,
    }
