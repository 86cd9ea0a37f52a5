"""How long to wait before asking again a server that is away."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_S: Final = 0.5
MOST_S: Final = 30.0


class Backoff:
    """Waits that grow with each failure, each a random part of its limit (*full jitter*).

    Beacons that lose their server at one moment so come back spread over time.
    """

    def __init__(
        self,
        first_s: float = FIRST_S,
        most_s: float = MOST_S,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._uniform = uniform
        self._limit_s = first_s

    def next_s(self, at_least_s: float | None = None) -> float:
        """Return how many seconds to wait now; the server may have asked for a least."""
        wait_s = self._uniform(0, self._limit_s)
        self._limit_s = min(self._limit_s * 2, self._most_s)
        return wait_s + min(at_least_s or 0.0, self._most_s)

    def reset(self) -> None:
        """Begin anew: the server answered."""
        self._limit_s = self._first_s
