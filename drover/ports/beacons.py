"""The area of the store that holds the jobs of beacons, their logs and what is set for beacons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

from drover.query.tree import ALL, Node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.beacon_job import BeaconJob, NewBeaconJob


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose jobs somebody sees; None stands for everybody's."""

    owners: frozenset[str] | None = None

    def covers(self, owner_id: str) -> bool:
        """Tell whether the jobs of an account are seen."""
        return self.owners is None or owner_id in self.owners


@dataclass(frozen=True, slots=True)
class Wish:
    """Which jobs a worker takes: of these beacons, that ask for none but these labels."""

    names: tuple[str, ...]
    sight: Sight
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Eligible:
    """A job that somebody may take now, as far as it matters for who."""

    beacon_name: str
    owner_id: str
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sought:
    """Which jobs a list is to show.

    ``documents`` maps ``result`` and ``tasks`` to the JSON text they must equal.
    """

    sight: Sight
    query: Node = ALL
    documents: Mapping[str, str] | None = None
    templates: bool = False


class LogLine(Struct, frozen=True, kw_only=True):
    """One line that a worker wrote, by its place in the log."""

    seq: int
    at_ms: int
    line: str


class LogSize(NamedTuple):
    """How much a job's log holds: lines, and bytes of their text in UTF-8."""

    lines: int
    bytes: int


class LogEnds(NamedTuple):
    """Places in a log: of the last line that was dropped, and of the last one there is, or 0."""

    dropped: int
    last: int


@dataclass(frozen=True, slots=True)
class Callback:
    """A job that has ended, whom to tell, and how often that was tried, this time included."""

    job: BeaconJob
    url: str
    tries: int


class Setting(Struct, frozen=True, kw_only=True):
    """What is set for a beacon; without ``owner_id`` for the jobs of all accounts.

    ``lease_ms`` is how long its workers may be silent: 0 for ever, None where nothing is set.
    """

    name: str
    owner_id: str = ""
    paused: bool = False
    lease_ms: int | None = None


class Change(NamedTuple):
    """A job as it was seen, and as it shall stand."""

    seen: BeaconJob
    job: BeaconJob


@dataclass(frozen=True, slots=True)
class DueCopy:
    """A job that a template adds: the template's number, the moment, the id it is to have."""

    template: int
    due_ms: int
    id: str


class Beacons(Protocol):
    """Jobs of beacons."""

    async def add(self, new: NewBeaconJob, now_ms: int) -> BeaconJob:
        """Store one; raises Duplicate when its unique key is taken."""
        ...

    async def add_all(self, new: Sequence[NewBeaconJob], now_ms: int) -> Sequence[BeaconJob]:
        """Store some without a unique key, in one trip where each statement is one."""
        ...

    async def add_copies(self, copies: Sequence[DueCopy], now_ms: int) -> None:
        """Store the jobs that templates add, each once for its moment; some statements for all.

        A template that is there no more adds nothing.
        """
        ...

    async def hold_keys(self, keys: Sequence[str]) -> None:
        """Keep others from holding some unique keys so before this unit of work ends.

        Whoever stores jobs with several keys holds these first: two who store theirs in different
        orders would else wait for each other.
        """
        ...

    async def by_unique_key(self, unique_in: str, unique_key: str) -> BeaconJob | None:
        """Return the job that holds a key."""
        ...

    async def free_key(self, unique_in: str, unique_key: str, now_ms: int) -> None:
        """Free a key whose time is over, or whose job was discarded."""
        ...

    async def get(self, number: int) -> BeaconJob:
        """Return one; raises Missing."""
        ...

    async def seen(self, numbers: Sequence[int]) -> tuple[Mapping[int, BeaconJob], int]:
        """Return those that are there as they stand, by number, and the store's clock; one trip."""
        ...

    async def hold(self, number: int) -> BeaconJob:
        """Return one that nobody else changes before this unit of work ends; raises Missing."""
        ...

    async def next(self, wish: Wish, now_ms: int) -> BeaconJob | None:
        """Return the best eligible job and keep others from taking it."""
        ...

    async def save(self, seen: BeaconJob, job: BeaconJob, *, discarded: bool = False) -> bool:
        """Write what was done to a job, unless it has changed since it was seen.

        One that was discarded is written only where that is said.
        """
        ...

    async def save_all(self, changes: Sequence[Change]) -> Sequence[bool]:
        """Write what was done to some jobs in one trip; tell of each whether it was written.

        One that has changed since it was seen is not; of two changes of a job the first counts.
        """
        ...

    async def page(
        self, sought: Sought, *, after: int, offset: int, limit: int
    ) -> Sequence[BeaconJob]:
        """Return jobs by number from after ``after`` on, without their tasks."""
        ...

    async def count(self, sought: Sought) -> int:
        """Count the jobs that a list shows."""
        ...

    async def eligible(self, names: Sequence[str], now_ms: int, limit: int) -> Sequence[Eligible]:
        """Return queued jobs of these beacons that are due."""
        ...

    async def next_due_ms(self, names: Sequence[str], now_ms: int) -> int | None:
        """Return when the next job of these beacons that is not due yet will be."""
        ...

    async def expired(self, now_ms: int, limit: int) -> Sequence[BeaconJob]:
        """Return jobs whose lease or time is over, held until the end of the unit of work."""
        ...

    async def beside(self, account_id: str) -> Sequence[str] | None:
        """Return the accounts that share an organisation with one; None for an administrator."""
        ...

    async def kept(self, numbers: Sequence[int]) -> Mapping[int, int]:
        """Return the fences of those of some jobs whose worker is to go on, by number."""
        ...

    async def put_clock(self, until_ms: int) -> int:
        """Give jobs that are to be cancelled and have no lease one that ends; return how many."""
        ...

    async def add_lines(self, number: int, lines: Sequence[LogLine]) -> LogSize:
        """Add lines to a job's log and return its size; taken places stay as they are."""
        ...

    async def drop_lines(self, number: int, size: int) -> None:
        """Drop the first lines of a job's log, of at least so many bytes together."""
        ...

    async def log_ends(self, number: int) -> LogEnds:
        """Return between which places a job's log has its lines."""
        ...

    async def before_last_lines(self, number: int, count: int) -> int:
        """Return the place after which a job's log has its last lines, so many at the most."""
        ...

    async def lines(self, number: int, after: int, limit: int) -> Sequence[LogLine]:
        """Return lines of a job's log from after a place on."""
        ...

    async def put_setting(
        self, name: str, owner_id: str, *, paused: bool | None, lease_ms: int | None
    ) -> None:
        """Note what is set for a beacon; what is None stays as it is."""
        ...

    async def settings(self) -> Sequence[Setting]:
        """Return what is set for beacons, by name."""
        ...

    async def to_call(self, now_ms: int, after: str, limit: int) -> Sequence[str]:
        """Return the hosts that callbacks are to be made to, in order from after one on."""
        ...

    async def claim_callbacks(
        self, host: str, now_ms: int, until_ms: int, limit: int
    ) -> Sequence[Callback]:
        """Take callbacks to a host of jobs that have ended; nobody else has them until then."""
        ...

    async def end_callback(self, callback: Callback, again_ms: int | None) -> None:
        """Forget a callback, or put it off."""
        ...
