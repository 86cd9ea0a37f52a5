"""The area of the store that shows jobs of every kind side by side, and ends them in bulk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from drover.query.tree import ALL, Node

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from drover.model.inventory import Inventoried
    from drover.model.run import Actor, Execution


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose jobs are seen: those of applications, and of the account where there is none.

    ``applications`` is None for one who sees everything.
    """

    applications: tuple[str, ...] | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What sorts the jobs; equals are sorted newest first, unset ones come last."""

    field: str = "id"
    descending: bool = True


NEWEST_FIRST = Order()


class Place(NamedTuple):
    """The place of a job in an order: the value it is sorted by, and its number."""

    value: str | int | float | None
    number: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs, in which order; at most ``limit`` from after ``after`` on."""

    reach: Reach
    query: Node = ALL
    order: Order = NEWEST_FIRST
    limit: int = 1000
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Jobs, and the place of each in the order."""

    jobs: Sequence[Inventoried]
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stands: its number and its status in the inventory's words."""

    number: int
    status: str


class Inventory(Protocol):
    """Jobs of every kind. A discarded one is shown no more, although it may still be ending."""

    async def page(self, wanted: Wanted) -> Found:
        """Return jobs in order."""
        ...

    async def count(self, reach: Reach, query: Node) -> int:
        """Count the jobs that match."""
        ...

    async def one(self, reach: Reach, number: int, most_targets: int) -> Inventoried:
        """Return one with its first target devices; raises Missing."""
        ...

    async def numbers(self, wanted: Wanted) -> Sequence[int]:
        """Return the numbers of matching jobs, newest first."""
        ...

    async def standings(self, wanted: Wanted) -> Sequence[Standing]:
        """Return where matching jobs stand, newest first, held until the end of the unit."""
        ...

    async def named(self, reach: Reach, numbers: Sequence[int]) -> Sequence[Standing]:
        """Return where jobs stand, by number, held until the end of the unit; absent ones not."""
        ...

    async def cancel(self, numbers: Sequence[int], actor: Actor, now_ms: int) -> Sequence[Standing]:
        """Cancel those not ended: what has not begun at once, the rest as soon as it can stop.

        Returns where these stand now, in no order.
        """
        ...

    async def discard(self, numbers: Sequence[int]) -> None:
        """Show these no more, and delete them once they have ended."""
        ...

    async def to_purge(self) -> bool:
        """Tell whether there are discarded jobs that have ended."""
        ...

    async def purge(self) -> bool:
        """Delete some discarded jobs that have ended; tell whether there may be more."""
        ...


class Step(NamedTuple):
    """What one unit of work of a bulk operation did: up to which job, how many, how many not."""

    upto: int
    done: int
    refused: int


class BulkWork(Protocol):
    """Operations that change many jobs: whoever holds the lease goes on with one."""

    async def take(self, number: int, worker: str, until_ms: int) -> Execution:
        """Take one that was just stored; raises Missing."""
        ...

    async def take_left(self, worker: str, now_ms: int, until_ms: int) -> Execution | None:
        """Take one whose worker fell silent; None when there is none."""
        ...

    async def note(self, number: int, step: Step, until_ms: int) -> None:
        """Note what was done, and hold the lease until then."""
        ...

    async def leave(self, number: int, fence: int) -> None:
        """Let another worker take it at once, if the fence still stands."""
        ...


class InventoryStream(Protocol):
    """Every matching job, of one snapshot, however many there are."""

    def lines(
        self, wanted: Wanted, columns: Sequence[str], *, raw: bool
    ) -> AsyncGenerator[str, None]:
        """Yield lines of comma-separated values (RFC 4180), many at a time. No limit applies.

        Text that a spreadsheet would take for a formula is disarmed, unless ``raw``.
        """
        ...
