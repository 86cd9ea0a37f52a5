"""Rows of the job tables as values of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.model.execution import State
from drover.model.iteration import Item, ItemState
from drover.model.run import Actor, Execution, Pace
from drover.ports.jobs import Lease

if TYPE_CHECKING:
    from drover.store.driver import Row

_SAME = (
    "number",
    "id",
    "kind",
    "name",
    "application_id",
    "owner_id",
    "job_id",
    "error",
    "retry_of",
    "unique_key",
    "requested_ms",
    "due_ms",
    "started_ms",
    "completed_ms",
    "deadline_ms",
    "queue",
    "priority",
    "worker",
    "lease_until_ms",
    "tries",
    "total",
    "claimed",
    "in_flight",
    "waiting",
    "succeeded",
    "failed",
    "timed_out",
    "fence",
    "next_claim_ms",
    "accumulator",
    "report_key",
)


def execution_of(row: Row) -> Execution:
    """Return the execution a row holds."""
    return Execution(
        **{name: row[name] for name in _SAME},
        state=State(row["state"]),
        pace=Pace(
            concurrency=row["concurrency"],
            delay_ms=row["delay_ms"],
            timeout_ms=row["timeout_ms"],
            retry_on_timeout=bool(row["retry_on_timeout"]),
            retry_on_failure=bool(row["retry_on_failure"]),
            max_retries=row["max_retries"],
            retry_delay_ms=row["retry_delay_ms"],
        ),
        detail=row["detail"].encode(),
        source=_actor(row["source_type"], row["source_id"]),
        cancel_source=_actor(row["cancel_source_type"], row["cancel_source_id"]),
        cancel_requested=bool(row["cancel_requested"]),
        cursor=row["claim_cursor"],
        result=row["result"].encode() if row["result"] is not None else None,
    )


def item_of(row: Row) -> Item:
    """Return the item a row holds."""
    return Item(
        resource_id=row["resource_id"],
        resource_name=row["resource_name"],
        state=ItemState(row["state"]),
        attempt=row["attempt"],
        message=row["message"],
        accumulator=row["accumulator"],
        started_ms=row["started_ms"],
        completed_ms=row["completed_ms"],
    )


def lease_of(row: Row) -> Lease:
    """Return the lease a row holds."""
    return Lease(
        number=row["execution"],
        fence=row["fence"],
        again=bool(row["again"]),
        after_id=row["after_id"],
        upto_id=row["upto_id"],
        size=row["size"],
        worker=row["worker"],
        started_ms=row["started_ms"],
        until_ms=row["until_ms"],
    )


def _actor(kind: str | None, identity: str | None) -> Actor | None:
    return Actor(type=kind, id=identity or "") if kind is not None else None
