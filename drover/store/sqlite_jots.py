"""Short writes made in the event loop itself, where the disk is quick enough for that.

The way to the writing thread and back costs more than the few keyed statements of a short write and
their commit, most of it spent on waiting for the interpreter. All that came in one round of the
loop shares a commit. The thread is asked instead while it writes, while another program holds the
file, and for a while after a commit that was slow.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from drover.store.completions import settle
from drover.store.sqlite_threads import IDLE_SECONDS, Order

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from drover.store.sqlite_groups import Groups, Request
    from drover.store.sqlite_threads import RequestQueue

GROUP_SIZE: Final = 64
"""At most so many share a commit: the loop has others to serve."""

SLOW_SECONDS: Final = 0.002
"""Commits that take longer on average show a disk that the loop should not wait for."""

WEIGHT: Final = 1 / 16
"""How much the last commit counts in the average: one that had to wait is not yet a slow disk."""

SLOW_SHARE: Final = 20
"""The thread is asked for so many times as long as a slow commit took, and a second at least."""

TIDY_COMMITS: Final = 1000
"""After so many commits the log is tidied although there is more to write."""


class Jots:
    """Gathers short writes of one round of the loop and runs them, or hands them to the thread."""

    def __init__(
        self,
        groups: Groups,
        queue: RequestQueue,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._groups = groups
        self._queue = queue
        self._loop = loop
        self._waiting: deque[Request] = deque()
        self._average_s = 0.0
        self._slow_until_s = 0.0
        self._commits = 0
        self._tidying: asyncio.TimerHandle | None = None

    def add(self, request: Request) -> None:
        """Run this before the loop goes round twice."""
        if not self._waiting:
            self._loop.call_soon(self._run)
        self._waiting.append(request)

    def close(self) -> None:
        """Hand what waits to the thread, which ends it."""
        self._hand_over()
        if self._tidying is not None:
            self._tidying.cancel()

    def _run(self) -> None:
        if time.monotonic() < self._slow_until_s or not self._groups.turn.acquire(blocking=False):
            self._hand_over()
            return
        try:
            self._serve()
        finally:
            self._groups.turn.release()
        self._weigh(self._groups.commit_seconds)
        if self._waiting:
            self._loop.call_soon(self._run)

    def _weigh(self, took_s: float) -> None:
        self._average_s += (took_s - self._average_s) * WEIGHT
        if self._average_s > SLOW_SECONDS:
            self._slow_until_s = time.monotonic() + max(1.0, SLOW_SHARE * took_s)
            self._average_s = 0.0

    def _serve(self) -> None:
        if not self._waiting:
            return
        try:
            self._groups.begin(waits=False)
        except sqlite3.Error:  # another program holds the file, or worse: the thread finds out
            self._hand_over()
            return
        for outcome in self._groups.serve(self._group()):
            settle(outcome)
        self._commits += 1
        if self._tidying is None:
            self._tidy_later(self._commits)

    def _group(self) -> Iterator[Request]:
        for _ in range(GROUP_SIZE):
            if not self._waiting:
                return
            yield self._waiting.popleft()

    def _hand_over(self) -> None:
        while self._waiting:
            self._queue.put(self._waiting.popleft())

    def _tidy_later(self, seen: int) -> None:
        self._tidying = self._loop.call_later(IDLE_SECONDS, self._tidy, seen)

    def _tidy(self, seen: int) -> None:
        """Have the log tidied once nobody has written since the last look, or many have."""
        if seen < self._commits < TIDY_COMMITS:
            self._tidy_later(self._commits)
            return
        self._tidying = None
        self._commits = 0
        self._queue.put(Order.TIDY)
