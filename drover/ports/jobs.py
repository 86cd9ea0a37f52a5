"""The areas of the store that hold executions, their items, leases and firings.

Promises every adapter keeps, and the conformance suite checks:

- A claim is one guarded statement; each raises the execution's fence. At most ``concurrency``
  items are in flight, besides those claimed ahead.
- An item gets one final result, written together with the counts of its execution, and never
  another one. A settle with a fence older than the item accepts changes nothing.
- ``now_ms`` given to a method is the store's clock, read in the same unit of work.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from msgspec import Struct

from drover.model.iteration import Acknowledgement, Item, ItemState
from drover.model.run import Execution

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from drover.model.run import Pace, Target
    from drover.ports.executions import Executions, Plans
    from drover.ports.schedules import DueRuns, Schedules
    from drover.query.tree import Node


class ClaimedItem(Struct, frozen=True, array_like=True):
    """An item to run now: which attempt this is and how many retries it has used up."""

    resource_id: str
    attempt: int = 1
    retries: int = 0
    document: bytes | None = None


class Lease(Struct, frozen=True, kw_only=True):
    """The right to run a chunk until ``until_ms``, as long as it is renewed in time.

    A fresh lease covers the pending items in (``after_id``, ``upto_id``]; one over items that are
    tried again (``again``) covers those it was given.
    """

    number: int
    fence: int
    again: bool
    after_id: str
    upto_id: str
    size: int
    worker: str
    started_ms: int
    until_ms: int


class Claim(Struct, frozen=True, kw_only=True):
    """A lease just taken, with its execution as it stands after the claim.

    ``suspect`` when its items have lost workers before.
    """

    lease: Lease
    execution: Execution
    items: list[ClaimedItem]
    suspect: bool = False


class Ticket(Struct, frozen=True, kw_only=True):
    """Who claims: now, and until when unless renewed; moments of the store's clock.

    With ``after``, a fresh lease that is held, no more items than it covers are claimed ahead:
    beyond the concurrency, to begin in the place of those when these have ended.
    """

    worker: str
    now_ms: int
    until_ms: int
    after: Lease | None = None


LeaseKey = tuple[int, int]
"""The execution's number and the fence of a lease."""


class Held(Struct, frozen=True, kw_only=True):
    """The lease under which acknowledgements come, and how many of its items are unsettled."""

    lease: Lease
    unsettled: int


class Follow(Struct, frozen=True, kw_only=True):
    """What is claimed next, once a lease's items are all settled: up to ``limit`` items.

    ``after`` as of a Ticket: what takes the place of the settled ones, before what is claimed.
    """

    limit: int
    worker: str
    lease_ms: int
    after: Lease | None = None


class Refusal(StrEnum):
    """Why an acknowledgement changed nothing."""

    UNKNOWN = "unknown"  #: no such item, or its turn has not come
    ENDED = "ended"  #: it has its final result
    FENCED = "fenced"  #: the lease under which it came was lost


class Settlement(Struct, frozen=True, kw_only=True):
    """What became of acknowledgements at ``now_ms``.

    ``moved`` maps resource ids to their new states, ``refused`` the others to the reason.
    ``unsettled`` is what is left of the lease; at 0 the lease is given up, and ``following`` is
    what was claimed in its place, if that was asked for.
    """

    execution: Execution
    now_ms: int
    unsettled: int
    moved: dict[str, ItemState] = {}
    refused: dict[str, Refusal] = {}
    following: Claim | None = None


class Unlike(Exception):
    """The items of a lease do not all stand alike: each is to be settled by its id."""


class TimedOut(Struct, frozen=True, kw_only=True):
    """An attempt that ended by its deadline."""

    resource_id: str
    attempt: int
    retries: int
    started_ms: int
    again: bool


GLOBALS: Final = "$globals"
"""The root key of a firing for globals that count before the application's, after the flow's own.
"""


class Firing(Struct, frozen=True, kw_only=True):
    """Something that flows may have a trigger for, stored until it has been acted on.

    ``data`` is the JSON of the payload's ``data``, ``root`` JSON of further root keys (``relayId``,
    ``triggerId``, ``time`` and the like). ``execution`` and ``resource_id`` name what the payload
    is completed with. ``flow_id`` limits it to one flow. ``run_id`` is unique in the application:
    a second firing with it replaces the first. ``depth`` counts flows started by flows.
    """

    application_id: str
    trigger_type: str
    key: str
    data: bytes = b"{}"
    root: bytes = b"{}"
    due_ms: int = 0
    flow_id: str | None = None
    flow_version: str | None = None
    run_id: str | None = None
    execution: int | None = None
    resource_id: str | None = None
    depth: int = 0


class LeasedFiring(Struct, frozen=True, kw_only=True):
    """A firing to act on now; ``tries`` counts this time too.

    ``fired_ms`` is the moment it was due at first, whenever it is acted on. ``told`` is
    what its runs were told in earlier tries, as ``Firings.tell`` noted it: JSON.
    """

    number: int
    tries: int
    firing: Firing
    fired_ms: int = 0
    told: bytes = b"{}"


class Iterations(Protocol):
    """The items of executions and the leases they run under."""

    async def snapshot(
        self, execution: Execution, target: Target, query: Node, after_id: str, limit: int
    ) -> str | None:
        """Add up to ``limit`` matching resources; return the last id, None when all are in.

        None too, with nothing added, when the execution is not queued any more.
        """
        ...

    async def matching(
        self, application_id: str, target: Target, query: Node, sample: int
    ) -> tuple[int, list[bytes]]:
        """Count the resources that match now, and read the first of them by id."""
        ...

    async def copy(self, number: int, source: int, states: Sequence[ItemState]) -> int:
        """Add the items of an ended execution that stand in one of the states.

        None are added when the execution is not queued any more.
        """
        ...

    async def claim(self, number: int, limit: int, ticket: Ticket) -> Claim | None:
        """Take up to ``limit`` items, those to be tried again first; None when none may be taken.

        The items come without their documents.
        """
        ...

    async def documents(self, claim: Claim, resource_type: str) -> list[ClaimedItem]:
        """Return the claim's items with their resources' JSON (None where one was deleted)."""
        ...

    async def resources(self, resource_type: str, ids: Sequence[str]) -> dict[str, bytes]:
        """Return the JSON of resources by id; deleted ones are left out."""
        ...

    async def settle(
        self,
        number: int,
        rows: str,
        count: int,
        held: Held | None = None,
        follow: Follow | None = None,
    ) -> Settlement:
        """Apply ``count`` acknowledgements, given as the JSON array of Acknowledgement arrays.

        Under a lease its fence is held against the items'; without one any item that was begun
        and has not ended is settled. A lease all of whose items are settled is given up.
        """
        ...

    async def settle_all(
        self, number: int, given: Acknowledgement, held: Held, follow: Follow | None = None
    ) -> Settlement:
        """Settle all items of a fresh lease alike, none of which was settled before.

        The id in ``given`` means nothing, and what moved is not listed. Raises Unlike, with nothing
        changed, where some item stands otherwise, and for serial executions.
        """
        ...

    async def end_lease(self, lease: Lease, pace: Pace) -> bool:
        """Give up a lease whose chunk has run: what is not settled awaits its acknowledgement.

        False when the lease was lost before.
        """
        ...

    async def renew(self, worker: str, leases: Sequence[LeaseKey], until_ms: int) -> set[LeaseKey]:
        """Renew leases; return those that are still held."""
        ...

    async def expired(self, now_ms: int, limit: int) -> Sequence[Lease]:
        """Return leases that were not renewed in time."""
        ...

    async def expire(self, lease: Lease, now_ms: int) -> int | None:
        """Take back the items of a lease that was not renewed; return how many there were.

        So are those of leases that waited for its end, which are not blamed for the loss. None when
        it was renewed, or taken back by another server.
        """
        ...

    async def give_back(self, lease: Lease, now_ms: int, *, lost: bool) -> int | None:
        """Hand the unsettled items of a lease back to be begun again, by another claim.

        ``lost`` counts it against them as the loss of a worker. None when the lease was lost.
        """
        ...

    async def put_back(self, lease: Lease, now_ms: int) -> int | None:
        """Hand items back that were claimed and never begun; no attempt of theirs is counted.

        None when the lease was lost.
        """
        ...


class Deadlines(Protocol):
    """The clocks of items, apart from the leases they run under."""

    async def to_expose(self, now_ms: int) -> bool:
        """Tell whether items still run after their timeout without a deadline of their own."""
        ...

    async def expose(self, now_ms: int) -> int:
        """Give items that still run after their timeout a deadline of their own."""
        ...

    async def cut_short(self, number: int, now_ms: int) -> None:
        """Let whatever still runs of an execution be past its deadline now."""
        ...

    async def due(self, now_ms: int) -> Sequence[int]:
        """Return the numbers of executions with items whose deadline has passed."""
        ...

    async def time_out(self, number: int, now_ms: int, limit: int) -> Sequence[TimedOut]:
        """End attempts whose deadline has passed: to be tried again, or for good."""
        ...

    async def settle_waiting(self, number: int, now_ms: int, limit: int) -> int:
        """Give items of an ending execution that wait for another try their final result."""
        ...


ReportRow = tuple[str, str | None, int, int, str | None, str | None, int | None, int | None]
"""An item as reports need it, plain values, since there may be a million of them.

Resource id and name, state, attempt, message, accumulator, when it began and ended in ms.
"""


class Reason(NamedTuple):
    """What items that did not succeed say, and how many of them say it."""

    state: ItemState
    message: str | None
    total: int


class Items(Protocol):
    """Items as they are shown."""

    async def report_rows(self, number: int, *, after_id: str, limit: int) -> Sequence[ReportRow]:
        """Return items by resource id from after ``after_id`` on, as plain values."""
        ...

    async def page(
        self, number: int, *, states: Sequence[ItemState], after_id: str, limit: int
    ) -> Sequence[Item]:
        """Return items by resource id from ``after_id`` on; no states means all."""
        ...

    async def get(self, number: int, resource_id: str) -> Item:
        """Return one; raises Missing."""
        ...

    async def reasons(self, number: int, *, most: int, limit: int) -> Sequence[Reason]:
        """Count the messages of the first ``most`` that failed or timed out, commonest first."""
        ...


class Place(NamedTuple):
    """What names a message of an application that is handed over again until it is stored."""

    application_id: str
    name: str


class Firings(Protocol):
    """The durable queue of what flows are to be run for."""

    async def new_at(self, places: Iterable[Place], now_ms: int) -> Collection[Place]:
        """Note places of messages, and return those that were not noted before."""
        ...

    async def forget_places(self, before_ms: int, limit: int) -> int:
        """Forget places that were noted before a moment, the oldest first; return how many."""
        ...

    async def add(self, firings: Sequence[Firing], now_ms: int) -> None:
        """Store firings; one whose run id is waiting already replaces that one."""
        ...

    async def lease(self, limit: int, now_ms: int, until_ms: int) -> Sequence[LeasedFiring]:
        """Take firings that are due and not leased, oldest first."""
        ...

    async def renew(self, numbers: Sequence[int], until_ms: int, new_until_ms: int) -> None:
        """Renew the leases of firings leased until then."""
        ...

    async def tell(self, told: Mapping[int, Mapping[str, str]]) -> None:
        """Note what runs are told, by the firing's number and a name for each: for later tries."""
        ...

    async def release(self) -> None:
        """Have firings that were taken come back now, before those that were stored later.

        For a server that has the store to itself, before it takes any: who took them is gone.
        """
        ...

    async def waits(self, application_id: str, run_id: str) -> bool:
        """Tell whether a firing with this run id waits."""
        ...

    async def done(self, numbers: Sequence[int], until_ms: int) -> None:
        """Forget firings leased until then: they were acted on, or are given up."""
        ...

    async def next_ms(self) -> int | None:
        """Return when the next firing is due."""
        ...

    async def cancel(self, application_id: str, run_id: str) -> bool:
        """Forget the firing with this run id; False when there is none."""
        ...


class Jobs(Protocol):
    """The areas of the store that the engine works on, in one unit of work."""

    @property
    def executions(self) -> Executions:
        """Executions of every kind."""
        ...

    @property
    def plans(self) -> Plans:
        """What plans, serves and ends executions as wholes."""
        ...

    @property
    def iterations(self) -> Iterations:
        """The items of executions and the leases they run under."""
        ...

    @property
    def deadlines(self) -> Deadlines:
        """The clocks of items."""
        ...

    @property
    def items(self) -> Items:
        """Items as they are shown."""
        ...

    @property
    def firings(self) -> Firings:
        """The durable queue of what flows are to be run for."""
        ...

    @property
    def schedules(self) -> Schedules:
        """What is due again and again."""
        ...

    @property
    def due_runs(self) -> DueRuns:
        """Runs of resource jobs that are due by a schedule."""
        ...

    async def add_firing(self, firing: Firing) -> None:
        """Store one firing, due now unless it says otherwise."""
        ...
