"""Short writes whose statements run in the event loop itself; a thread does no more than commit.

The way to the writing thread and back costs more than the few keyed statements of a short write,
most of it spent on waiting for the interpreter. What comes while a commit is under way shares the
next one. The writing thread is asked instead while it has its turn or waits for it, and while
another program holds the file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from drover.store.completions import settle
from drover.store.sqlite_threads import IDLE_SECONDS, Order

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from drover.store.completions import Outcome
    from drover.store.sqlite_groups import Group, Groups, Request
    from drover.store.sqlite_threads import RequestQueue

GROUP_SIZE: Final = 64
"""At most so many share a commit: the loop has others to serve."""

TIDY_COMMITS: Final = 1000
"""After so many commits the log is tidied although there is more to write."""


class Jots:
    """Runs short writes in the loop, a group at a time, or hands them to the writing thread."""

    def __init__(
        self, groups: Groups, queue: RequestQueue, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._groups = groups
        self._queue = queue
        self._loop = loop
        self._committer = Committer(groups, self._committed, loop)
        self._committer.start()
        self._waiting: deque[Request] = deque()
        self._committing = False
        self._commits = 0
        self._tidying: asyncio.TimerHandle | None = None

    def add(self, request: Request) -> None:
        """Run this before the loop goes round twice, or once the commit under way is done."""
        if not self._waiting and not self._committing:
            self._loop.call_soon(self._run)
        self._waiting.append(request)

    def close(self) -> None:
        """Hand what waits to the writing thread, which ends it; wait for the commit under way."""
        self._hand_over()
        if self._tidying is not None:
            self._tidying.cancel()
        self._committer.close()

    def _run(self) -> None:
        while self._waiting and not self._committing:
            if self._groups.wanted or not self._groups.turn.acquire(blocking=False):
                self._hand_over()
                return
            try:
                self._groups.begin(waits=False)
            except sqlite3.Error:  # another program holds the file, or worse: the thread finds out
                self._groups.turn.release()
                self._hand_over()
                return
            self._commit(self._groups.run(self._group()))

    def _group(self) -> Iterator[Request]:
        for _ in range(GROUP_SIZE):
            if not self._waiting:
                return
            yield self._waiting.popleft()

    def _commit(self, group: Group) -> None:
        if group.is_open:
            self._committing = True
            self._committer.take(group)
            return
        outcomes = self._groups.commit(group)
        self._groups.turn.release()
        for outcome in outcomes:
            settle(outcome)

    def _committed(self, outcomes: list[Outcome]) -> None:
        self._committing = False
        self._run()  # the disk has something to do while these are answered
        for outcome in outcomes:
            settle(outcome)
        self._commits += 1
        if self._tidying is None:
            self._tidy_later(self._commits)

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


class Committer(threading.Thread):
    """Commits groups that the loop has run and gives the turn back."""

    def __init__(
        self,
        groups: Groups,
        done: Callable[[list[Outcome]], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(name="drover-sqlite-committer", daemon=True)
        self._groups = groups
        self._done = done
        self._loop = loop
        self._queue: SimpleQueue[Group | None] = SimpleQueue()

    def take(self, group: Group) -> None:
        """Commit this group soon."""
        self._queue.put(group)

    def close(self) -> None:
        """End once what was taken is committed."""
        self._queue.put(None)

    def run(self) -> None:
        """Commit until the closing mark."""
        while (group := self._queue.get()) is not None:
            outcomes = self._groups.commit(group)
            self._groups.turn.release()
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._done, outcomes)
