"""Rows of beacon jobs as values of the model, and back."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.beacon_job import BeaconJob
from drover.model.execution import State

if TYPE_CHECKING:
    from drover.model.beacon_job import NewBeaconJob
    from drover.store.driver import Row

COLUMNS: Final = BeaconJob.__struct_fields__
"""What a statement that reads jobs selects first, in this order: a row is looked at once."""

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

_TOLD: Final = frozenset({"step", "started_ms", "lease_until_ms"})
"""What a worker changes of a job that it keeps."""

_values = attrgetter(*_SAVED)
_standing = attrgetter("state", "result", *(name for name in _SAVED if name not in _TOLD))


def job_of(row: Row) -> BeaconJob:
    """Return the job a row holds."""
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=False))  # the store's clock may follow
    values["state"] = State(values["state"])
    values["tasks"] = values["tasks"].encode()
    values["cancel_requested"] = bool(values["cancel_requested"])
    values["paused"] = bool(values["paused"])
    result, labels, active = values["result"], values["labels"], values["active"]
    values["result"] = None if result is None else result.encode()
    values["labels"] = () if labels is None else tuple(labels_of(labels))
    values["active"] = None if active is None else bool(active)
    return BeaconJob(**values)


def labels_of(text: str | None) -> list[str]:
    """Return the labels that a job asks for."""
    return [] if text is None else msgspec.json.decode(text, type=list[str])


def added(new: NewBeaconJob, number: int, now_ms: int) -> BeaconJob:
    """Return a job as it stands once it was stored; a template without its schedule."""
    return BeaconJob(
        number=number,
        id=new.id,
        kind=new.kind,
        name=new.name,
        owner_id=new.owner_id,
        user_number=new.user_number,
        user_guid=new.user_guid,
        beacon_name=new.beacon_name,
        state=state_of(new),
        tasks=new.tasks,
        steps=new.steps,
        step=0,
        requested_ms=now_ms,
        queued_ms=new.queued_ms,
        due_ms=now_ms if new.queued_ms is None else new.queued_ms,
        picked_ms=None,
        started_ms=None,
        completed_ms=None,
        result=None,
        error=None,
        duplicate_of=new.duplicate_of,
        cancel_requested=False,
        priority=new.priority,
        tries=0,
        max_attempts=new.max_attempts,
        retry_delay_ms=new.retry_delay_ms,
        timeout_ms=new.timeout_ms,
        asked_lease_ms=new.lease_ms,
        lease_ms=None,
        lease_until_ms=None,
        ends_ms=None,
        worker=None,
        fence=0,
        labels=new.labels,
        unique_key=None if new.key_is_ours else new.unique_key,
        callback_url=new.callback_url,
    )


def state_of(new: NewBeaconJob) -> State:
    """Return the state in which a job is stored."""
    return State.NEW if new.queued_ms is None else State.QUEUED


def is_kept(seen: BeaconJob, job: BeaconJob) -> bool:
    """Tell whether its worker goes on with a job: no more than its progress has changed."""
    return _standing(seen) == _standing(job)


def saved(seen: BeaconJob, job: BeaconJob, *, discarded: bool = False) -> dict[str, Any]:
    """Return what is written of a job that was changed, and how it was seen."""
    return {
        **dict(zip(_SAVED, _values(job), strict=True)),
        "number": job.number,
        "state": job.state.value,
        "result": None if job.result is None else job.result.decode(),
        "seen_state": seen.state.value,
        "seen_fence": seen.fence,
        "seen_step": seen.step,
        "seen_started_ms": seen.started_ms or 0,
        "seen_lease_until_ms": seen.lease_until_ms or 0,
        "discarded": int(discarded),
    }
