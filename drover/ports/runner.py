"""Runs of flows, as the engine hands them to workers."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct


class FlowBatch(Struct, frozen=True, kw_only=True):
    """One flow to run over a chunk of payloads that one trigger started.

    ``flow`` is the definition (the version's triggers, nodes, globals merged, names and ids);
    ``flow_tag`` changes whenever the definition does, so that workers may keep it compiled.
    ``trigger_index`` is the position of the trigger that fired. ``payloads`` are JSON documents of
    the whole payload at start, dates as ``{"$date": ISO text}``. ``fence`` and ``lease_id`` bind
    acknowledgements of the batch's own iterations to the lease it runs under.
    """

    application_id: str
    flow_id: str
    flow_tag: str
    flow: bytes
    trigger_index: int
    payloads: list[bytes]
    caused_by_flow_error: bool = False
    depth: int = 0
    execution_id: str | None = None
    lease_id: str | None = None
    fence: int | None = None
    deadline_ms: int = 60_000


class RunRecord(Struct, frozen=True, kw_only=True):
    """What became of one run: counts of its paths, wall time in ms, first error, debug lines."""

    ok: bool
    paths_completed: int = 0
    paths_failed: int = 0
    wall_time_ms: float = 0.0
    error: dict[str, Any] | None = None
    debug: list[dict[str, Any]] = []
    errored_payload: bytes | None = None


class Runner(Protocol):
    """Worker processes that run flows."""

    async def run(self, batch: FlowBatch) -> list[RunRecord]:
        """Run the batch to its end, one record for each payload.

        Raises WorkerLost when the worker died before it was done; what its runs had asked of the
        host by then has happened.
        """
        ...

    @property
    def capacity(self) -> int:
        """How many batches can run at once."""
        ...


class WorkerLost(Exception):
    """The worker died before the batch was done."""
