"""One execution as it is stored: settings copied when it was asked for, clocks and counts."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from drover.model.execution import State

RESOURCE_JOB = "resource_job"
"""The kind of an execution that runs workflows once for each matching resource."""


class Pace(Struct, frozen=True, kw_only=True):
    """How fast and how stubbornly items are worked on; durations in milliseconds.

    An item is tried once and up to ``max_retries`` times more.
    """

    concurrency: int = 1
    delay_ms: int = 0
    timeout_ms: int = 60_000
    retry_on_timeout: bool = False
    retry_on_failure: bool = False
    max_retries: int = 1
    retry_delay_ms: int = 0

    @property
    def serial(self) -> bool:
        """One item at a time, each handed what the one before left in the accumulator."""
        return self.concurrency == 1

    @property
    def retries(self) -> bool:
        """Some outcome is tried again."""
        return self.retry_on_timeout or self.retry_on_failure


class Target(Struct, frozen=True, kw_only=True):
    """What a resource job runs over: resources of one type that match a query.

    ``query`` is the rendered JSON text (as given, when it could not be rendered); ``context`` is
    JSON text. ``statuses`` of a linked execution that tries again names the outcomes taken over
    from the one before.
    """

    resource_type: str
    query: str = "{}"
    context: str = "{}"
    data_table_id: str | None = None
    statuses: tuple[str, ...] = ()


class Actor(Struct, frozen=True, kw_only=True):
    """Who did something: ``type`` is user, apiToken, device, flow or system."""

    type: str
    id: str


class NewExecution(Struct, frozen=True, kw_only=True):
    """What is stored when an execution is asked for.

    ``detail`` is the kind's own JSON (a Target for a resource job). ``queue`` names who may pick
    it up where workers outside do; ``due_ms`` is the moment from which it may begin.
    ``unique_key`` is unique within the job. ``deadline_ms`` ends the whole.
    """

    id: str
    kind: str
    name: str
    application_id: str | None = None
    owner_id: str | None = None
    job_id: str | None = None
    state: State = State.QUEUED
    pace: Pace = Pace()
    detail: bytes = b"{}"
    error: str | None = None
    source: Actor | None = None
    retry_of: int | None = None
    unique_key: str | None = None
    due_ms: int | None = None
    timeout_ms: int | None = None
    queue: str | None = None
    priority: int = 0
    total: int = 0


class Execution(Struct, frozen=True, kw_only=True):
    """One execution as stored; moments in milliseconds since the epoch.

    ``number`` is its integer id, ``id`` its 24-hex one. ``cursor`` is the last resource id ever
    claimed, ``claimed`` how many were. ``fence`` is raised by every claim. ``tries`` counts how
    often someone began to plan or to work on the whole.
    """

    number: int
    id: str
    kind: str
    name: str
    application_id: str | None
    owner_id: str | None
    job_id: str | None
    state: State
    pace: Pace
    detail: bytes
    error: str | None
    source: Actor | None
    cancel_source: Actor | None
    cancel_requested: bool
    retry_of: int | None
    unique_key: str | None
    requested_ms: int
    due_ms: int
    started_ms: int | None
    completed_ms: int | None
    deadline_ms: int | None
    queue: str | None
    priority: int
    worker: str | None
    lease_until_ms: int | None
    tries: int
    total: int
    claimed: int
    in_flight: int
    waiting: int
    succeeded: int
    failed: int
    timed_out: int
    cursor: str
    fence: int
    next_claim_ms: int
    accumulator: str | None
    report_key: str | None
    result: bytes | None

    @property
    def ended_items(self) -> int:
        """Items that have their final result."""
        return self.succeeded + self.failed + self.timed_out

    @property
    def under_way(self) -> int:
        """Items that run: of a resource job some in flight may only be claimed ahead."""
        if self.kind != RESOURCE_JOB:
            return self.in_flight
        return min(self.in_flight, self.pace.concurrency)

    @property
    def remaining(self) -> int:
        """Items that neither run nor have ended; with the others they add up to the total."""
        return self.total - self.ended_items - self.under_way


class Change(Struct, frozen=True, kw_only=True):
    """A move of an execution, with what is written along; UNSET leaves a field as it is."""

    goal: State
    error: str | UnsetType | None = UNSET
    cancel_source: Actor | UnsetType = UNSET
    report_key: str | UnsetType = UNSET
