"""Devices that wait to be looked at, in an order in which those that are in the right get in.

A fleet whose key is gone comes again and again, and takes as much of the broker as it can get. Who
has failed before waits behind those that have not, so that the fleet holds up itself alone.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

WAITING_S: Final = 4.0
"""How long they may wait to be looked at; who waited longer is told to come again.

The broker refuses a device six seconds later as if its credentials were wrong, and has to be given
the answers by then.
"""

FOR_DOUBTED: Final = 4
"""Of so many that are looked at together one may be doubted, however many others wait."""

MOST_DOUBTED: Final = 50_000
"""Devices that are remembered to have failed; the longest unseen is forgotten first."""


class Waits(Protocol):
    """One that waits."""

    @property
    def at_s(self) -> float:
        """When it came."""
        ...

    @property
    def name(self) -> Hashable:
        """Who it says that it is."""
        ...


T = TypeVar("T", bound=Waits)


class Waiting(Generic[T]):
    """Those that wait, the longest waiting first but for those that are doubted."""

    def __init__(self) -> None:
        self._others: deque[T] = deque()
        self._doubted: deque[T] = deque()
        self._failed: dict[Hashable, None] = {}

    def __len__(self) -> int:
        return len(self._others) + len(self._doubted)

    def add(self, one: T) -> None:
        """Have one more wait."""
        (self._doubted if one.name in self._failed else self._others).append(one)

    def fails(self, one: T) -> None:
        """Note that one was refused: the next time it is doubted."""
        self._failed.pop(one.name, None)
        self._failed[one.name] = None
        if len(self._failed) > MOST_DOUBTED:
            del self._failed[next(iter(self._failed))]

    def succeeds(self, one: T) -> None:
        """Note that one was right."""
        self._failed.pop(one.name, None)

    def late(self, now_s: float) -> list[T]:
        """Take those whom an answer would hardly reach in time any more."""
        found = []
        for queue in (self._others, self._doubted):
            while queue and queue[0].at_s < now_s - WAITING_S:
                found.append(queue.popleft())
        return found

    def next(self, most: int) -> list[T]:
        """Take those that are to be looked at together."""
        doubted = min(len(self._doubted), max(most // FOR_DOUBTED, most - len(self._others)))
        others = min(len(self._others), most - doubted)
        return [self._others.popleft() for _ in range(others)] + [
            self._doubted.popleft() for _ in range(doubted)
        ]
