"""Runs of flows, as the engine hands them to workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ACKNOWLEDGE: Final = "job.acknowledge"
"""The host operation that ends an iteration.

Request: ``iterationId``, ``success`` and, where given, ``message`` and ``accumulator`` (text).
Result: ``success``, ``startedAt``, ``completedAt`` (ms) and what was given of the others.
"""


class IterationBatch(Struct, frozen=True, kw_only=True):
    """The parts from which a worker builds the payloads of a job's iterations.

    What all have in common is sent once; ``documents`` are the resources' stored JSON, and
    ``execution`` is that of the payload's ``data.execution``, dates as ``{"$date": text}``. The
    lists run in step. ``started_ms`` is given for timeouts alone; ``accumulator`` for serial
    executions.
    """

    execution_id: str
    job_id: str
    trigger_type: str
    resource_type: str
    execution: bytes
    resource_ids: list[str]
    documents: list[bytes]
    attempts: list[int] | None = None
    retries: list[int] | None = None
    max_retries: int = 0
    retry_on_failure: bool = False
    retry_on_timeout: bool = False
    serial: bool = False
    accumulator: str | None = None
    started_ms: list[int] | None = None
    time_ms: int = 0


class FlowBatch(Struct, frozen=True, kw_only=True):
    """One flow to run over a chunk of payloads that one trigger started.

    ``flow`` is the definition (the version's triggers, nodes, globals merged, names and ids);
    ``flow_tag`` changes whenever the definition does, so that workers may keep it compiled.
    ``trigger_index`` is the position of the trigger that fired. ``payloads`` are JSON documents of
    the whole payload at start, dates as ``{"$date": ISO text}``; for iterations of a job
    ``iterations`` takes their place. ``lease_id`` and ``fence`` bind acknowledgements of the
    batch's own iterations to the lease it runs under. ``alone`` keeps others off its worker: its
    runs have lost workers before. With ``after``, the lease of a batch that runs, it begins when
    all of that one's iterations are acknowledged, if that is within ``patience_ms``.
    ``firings`` are the numbers of the firings that are acted on, and ``told`` what their runs were
    told when they were made before; both in step with the payloads, or empty.
    """

    application_id: str
    flow_id: str
    flow_tag: str
    flow: bytes
    trigger_index: int
    payloads: list[bytes] = []
    iterations: IterationBatch | None = None
    caused_by_flow_error: bool = False
    depth: int = 0
    execution_id: str | None = None
    lease_id: str | None = None
    fence: int | None = None
    alone: bool = False
    deadline_ms: int = 60_000
    after: str | None = None
    patience_ms: int = 0
    firings: list[int] = []
    told: list[bytes] = []

    @property
    def size(self) -> int:
        """How many runs the batch is."""
        return len(self.iterations.resource_ids if self.iterations else self.payloads)


class RunRecord(Struct, frozen=True, kw_only=True):
    """What became of one run: counts of its paths, wall time in ms, first error, debug lines."""

    ok: bool
    paths_completed: int = 0
    paths_failed: int = 0
    wall_time_ms: float = 0.0
    error: dict[str, Any] | None = None
    debug: list[dict[str, Any]] = []
    errored_payload: bytes | None = None


class Settled(Struct, frozen=True, kw_only=True):
    """What became of acknowledgements under a lease: moments in ms, and why some were refused.

    ``accumulator`` is what a serial execution has after them.
    """

    started_ms: int
    completed_ms: int
    refused: dict[str, str] = {}
    serial: bool = False
    accumulator: str | None = None


class Runner(Protocol):
    """Worker processes that run flows."""

    async def run(self, batch: FlowBatch) -> list[RunRecord]:
        """Run the batch to its end, one record for each payload.

        Raises WorkerLost when the worker died before it was done; what its runs had asked of the
        host by then has happened. Raises NotBegun when the batch it was to come after did not make
        way in time.
        """
        ...

    @property
    def capacity(self) -> int:
        """How many batches can run at once."""
        ...


class Answerer(Protocol):
    """The server's side of running flows: what workers ask comes here."""

    async def call(
        self, batch: FlowBatch, operation: str, requests: Sequence[Mapping[str, Any]]
    ) -> Sequence[Mapping[str, Any]]:
        """Run one operation of the host for each request; see ``drover.ports.host``."""
        ...

    async def settle(self, batch: FlowBatch, rows: bytes, count: int) -> Settled:
        """Acknowledge iterations of the batch itself: the JSON array of Acknowledgement arrays.

        Raises LeaseLost when the lease it ran under was lost.
        """
        ...

    async def settle_all(self, batch: FlowBatch, *, ok: bool, message: str | None) -> Settled:
        """Acknowledge all iterations of the batch alike; raises LeaseLost."""
        ...


class RunLog(Protocol):
    """Where the outcomes of runs go."""

    async def note(self, batch: FlowBatch, records: Sequence[RunRecord]) -> None:
        """Keep what is worth keeping of a batch's runs, and act on their errors."""
        ...


class WorkerLost(Exception):
    """The worker died before the batch was done."""


class NotBegun(Exception):
    """The batch was not begun: the one before it did not make way."""


class LeaseLost(Exception):
    """The lease was lost: somebody else has, or will get, the work."""
