"""How often, and how many at a time, an account may ask the inventory (section 7 of the contract).

The allowance of a minute is spread over windows of ten seconds: 240 a minute are 40 in any ten
seconds. Each server counts for itself.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.model.errors import TooMany, reached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.ports.clock import Clock

WINDOW_MS: Final = 10_000
MOST_ACCOUNTS: Final = 50_000
"""Accounts that are counted at a time; the longest unseen is forgotten first."""

_WINDOWS_A_MINUTE: Final = 6


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an account may ask; 0 stands for no limit. The usual preset is 240 and 4."""

    a_minute: int = 0
    at_once: int = 0


class RequestThrottle:
    """Lets requests in as long as their account has some of its allowance left."""

    def __init__(self, clock: Clock, allowance: Allowance) -> None:
        self._clock = clock
        self._in_window = max(1, allowance.a_minute // _WINDOWS_A_MINUTE)
        self._allowance = allowance
        self._times: dict[str, deque[int]] = {}
        self._running: dict[str, int] = {}

    @contextmanager
    def admitted(self, account: str) -> Iterator[None]:
        """Count a request while it runs; raises TooMany when there is no room for it."""
        if self._allowance.a_minute:
            self._count(account)
        running = self._running.get(account, 0)
        if self._allowance.at_once and running >= self._allowance.at_once:
            error = TooMany(f"At most {self._allowance.at_once} requests are served at once")
            raise reached("digi_requests_at_once", error)
        self._running[account] = running + 1
        try:
            yield
        finally:
            self._leave(account)

    def _count(self, account: str) -> None:
        now_ms = self._clock.monotonic_ms()
        times = self._times.pop(account, None) or deque()
        self._times[account] = times
        while times and times[0] <= now_ms - WINDOW_MS:
            times.popleft()
        if len(times) >= self._in_window:
            wait_ms = times[0] + WINDOW_MS - now_ms
            error = TooMany(
                f"At most {self._allowance.a_minute} requests a minute are served",
                retry_after_s=max(1, -(-wait_ms // 1000)),
            )
            raise reached("digi_requests_a_minute", error)
        times.append(now_ms)
        if len(self._times) > MOST_ACCOUNTS:
            del self._times[next(iter(self._times))]

    def _leave(self, account: str) -> None:
        left = self._running[account] - 1
        if left:
            self._running[account] = left
        else:
            del self._running[account]
