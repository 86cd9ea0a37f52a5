"""The areas of the store that hold what recurs, and the runs that are due by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from drover.model.schedule import Recurrence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.schedule import Turn


class Schedule(Recurrence, frozen=True, kw_only=True):
    """Something that recurs, and where it stands; moments in milliseconds since 1970.

    ``kind`` and ``ref`` name what it is for, unique together; what stands before the first slash
    of ``ref`` is its owner. ``next_due_ms`` is None when it will not be due any more. After a time
    in which no server ran, one that ``makes_up`` acts on the latest moment it missed. ``detail`` is
    the kind's own JSON, and so is ``outcome``, of what came of the last run.
    """

    kind: str
    ref: str
    application_id: str | None = None
    active: bool = True
    next_due_ms: int | None = None
    last_due_ms: int | None = None
    makes_up: bool = False
    detail: bytes = b"{}"
    outcome: bytes | None = None

    @property
    def owner(self) -> str:
        """What it belongs to."""
        return self.ref.partition("/")[0]


class Schedules(Protocol):
    """What is due again and again."""

    async def put(self, schedule: Schedule) -> None:
        """Store one, in place of any of the same kind and ref, whose outcome is kept."""
        ...

    async def remove(self, kind: str, owner: str) -> None:
        """Forget those of a kind and an owner: a whole ref, or what one has before its slash."""
        ...

    async def remove_one(self, kind: str, ref: str) -> bool:
        """Forget one; False when there is none."""
        ...

    async def get(self, kind: str, ref: str) -> Schedule:
        """Return one; raises Missing."""
        ...

    async def hold(self, kind: str, ref: str) -> Schedule:
        """Return one that nobody else changes before this unit of work ends; raises Missing."""
        ...

    async def of(self, kind: str, owner: str) -> Sequence[Schedule]:
        """Return those of a kind and an owner, by ref."""
        ...

    async def hold_several(self, kind: str, refs: Sequence[str]) -> None:
        """Keep others from holding some of a kind before this unit of work ends."""
        ...

    async def named(self, kind: str, refs: Sequence[str]) -> dict[str, Schedule]:
        """Return those of a kind and some refs, by ref; those that are not there are left out."""
        ...

    async def due(self, now_ms: int, limit: int) -> Sequence[Schedule]:
        """Return active schedules whose moment has come, the longest due first.

        They are held by this unit of work: no other sees them before it ends.
        """
        ...

    async def advance(self, turns: Sequence[tuple[Schedule, Turn]]) -> None:
        """Move schedules on; those with nothing more to come are not active any longer."""
        ...

    async def note(self, kind: str, outcomes: Mapping[str, bytes]) -> None:
        """Keep what came of the last run of some, by ref."""
        ...

    async def next_ms(self) -> int | None:
        """Return the next due moment of all."""
        ...

    async def values_in_use(
        self, application_id: str, tag: str, values: Sequence[str]
    ) -> Sequence[str]:
        """Return which of some values a tag has on devices of an application."""
        ...


class DueRun(Struct, frozen=True, kw_only=True):
    """A run of a resource job that a schedule made due.

    ``ref`` names the schedule; ``zone`` is the time zone of the devices it is for, empty for all.
    One that was taken comes back at ``try_ms`` unless it is done; ``tries`` counts that.
    """

    ref: str
    zone: str
    due_ms: int
    try_ms: int = 0
    tries: int = 0


class DueRuns(Protocol):
    """Runs that are due and have not been asked for yet."""

    async def add(self, runs: Sequence[DueRun], now_ms: int) -> None:
        """Store runs, to be taken from now on; one that is there already is left alone."""
        ...

    async def lease(self, limit: int, now_ms: int, until_ms: int) -> Sequence[DueRun]:
        """Take runs, those that wait longest first; they come back when they are not done."""
        ...

    async def put_off(self, runs: Sequence[DueRun], later_ms: int) -> None:
        """Let runs that were taken be tried later, not counting this time."""
        ...

    async def done(self, runs: Sequence[DueRun]) -> set[DueRun]:
        """Forget runs that were taken; return those that nobody has taken again or done since."""
        ...

    async def next_ms(self) -> int | None:
        """Return when the next run is to be tried."""
        ...
