"""What can be done to jobs of any kind, and what came of it for each.

Digi-compatible behaviour, section 2. Each verb is one unit of work over jobs that are held: a job
is changed, or refused with its reason, and the others go on.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias, overload

from drover.model.errors import Conflict, DroverError
from drover.model.inventory import (
    BULK_CANCEL,
    BULK_DELETE,
    BULK_DISCARD,
    CANCELED,
    COMPLETE,
    FAILED,
)
from drover.model.run import Actor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from drover.model.access import Caller
    from drover.ports.inventory import Standing
    from drover.ports.store import Session

    Verb: TypeAlias = Callable[[Session, Sequence[Standing], Actor], Awaitable[list["Outcome"]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb did to one job: its status now, or why nothing was done."""

    number: int
    status: str = ""
    refused: DroverError | None = None


class Outcomes(Sequence[Outcome]):
    """What a verb did to many jobs, in a few bytes for each.

    ``operation`` is the number of the operation of its own that did it, where there was one.
    """

    def __init__(self) -> None:
        self.operation: int | None = None
        self._numbers = array("q")
        self._ends = array("B")
        self._known: dict[tuple[str, str], int] = {}
        self._samples: list[Outcome] = []

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Add what was done to some more."""
        for each in outcomes:
            key = (each.status, each.refused.message if each.refused else "")
            end = self._known.setdefault(key, len(self._samples))
            if end == len(self._samples):
                self._samples.append(each)
            self._numbers.append(each.number)
            self._ends.append(end)

    @property
    def some_refused(self) -> bool:
        """Some job was left as it is."""
        return any(each.refused for each in self._samples)

    @property
    def refused(self) -> int:
        """How many jobs were left as they are."""
        return sum(self._ends.count(end) for end, each in enumerate(self._samples) if each.refused)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> list[Outcome]: ...
    def __getitem__(self, index: int | slice) -> Outcome | list[Outcome]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        sample = self._samples[self._ends[index]]
        return Outcome(self._numbers[index], sample.status, sample.refused)


async def _cancel(session: Session, held: Sequence[Standing], actor: Actor) -> list[Outcome]:
    ended = {each.number for each in held if each.status in (COMPLETE, FAILED)}
    now = await _canceled(session, [each for each in held if each.number not in ended], actor)
    return [
        Outcome(each.number, refused=Conflict("The job has ended already"))
        if each.number in ended
        else Outcome(each.number, now[each.number])
        for each in held
    ]


async def _delete(session: Session, held: Sequence[Standing], _actor: Actor) -> list[Outcome]:
    ended = [each.number for each in held if each.status in (COMPLETE, FAILED, CANCELED)]
    await session.inventory.discard(ended)
    gone = frozenset(ended)
    return [
        Outcome(each.number, each.status)
        if each.number in gone
        else Outcome(each.number, refused=Conflict("The job has not ended; cancel it first"))
        for each in held
    ]


async def _discard(session: Session, held: Sequence[Standing], actor: Actor) -> list[Outcome]:
    ended = {each.number: each.status for each in held if each.status in (COMPLETE, FAILED)}
    unended = [each for each in held if each.number not in ended]
    now = ended | await _canceled(session, unended, actor)
    await session.inventory.discard([each.number for each in held])
    return [Outcome(each.number, now[each.number]) for each in held]


async def _canceled(session: Session, held: Sequence[Standing], actor: Actor) -> dict[int, str]:
    """Cancel jobs, some of which may be canceled already; return where each stands then."""
    if not held:
        return {}
    numbers = [each.number for each in held]
    changed = await session.inventory.cancel(numbers, actor, await session.now_ms())
    return {each.number: each.status for each in (*held, *changed)}


def actor_of(caller: Caller) -> Actor:
    """Return whom a job is said to have been ended by."""
    return Actor(type=caller.type, id=caller.id)


VERBS: Final[Mapping[str, Verb]] = MappingProxyType(
    {BULK_CANCEL: _cancel, BULK_DELETE: _delete, BULK_DISCARD: _discard}
)
"""The verbs, by the kind of the operation that does it to many jobs."""
