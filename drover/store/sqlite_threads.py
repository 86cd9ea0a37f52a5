"""The threads of the SQLite driver: one that writes in groups, some that read beside it."""

from __future__ import annotations

import sqlite3
import threading
import time
from enum import Enum
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from drover.store.completions import Completions, Outcome
from drover.store.sqlite_groups import Groups, Request, run_request, undo
from drover.store.sqlite_transaction import translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GROUP_SIZE: Final = 512
"""At most so many pieces of work share one commit."""
GROUP_SECONDS: Final = 0.02
"""No further work joins a group that has been running for so long."""
IDLE_SECONDS: Final = 0.2
"""After so long without work the log is tidied."""


class Order(Enum):
    """What a thread is told other than work."""

    CLOSE = "close"
    TIDY = "tidy"


RequestQueue = SimpleQueue[Request | Order]
"""Requests for a thread; CLOSE is for one of those that share a queue."""


class Writer(threading.Thread):
    """The one thread that writes: all work that waits shares one durable commit.

    It also checkpoints the log: when idle, so that callers do not wait for it, and when it is told
    that the log has grown. No other connection does, because SQLite before 3.51.3 can damage the
    file when two connections checkpoint and write at the same moment.
    """

    def __init__(self, groups: Groups, queue: RequestQueue, completions: Completions) -> None:
        super().__init__(name="drover-sqlite-writer", daemon=True)
        self._groups = groups
        self._queue = queue
        self._completions = completions
        self._open = True
        self._untidy = False

    def run(self) -> None:
        """Commit groups until the closing mark, then close the connection."""
        while self._open:
            try:
                first = self._queue.get(timeout=IDLE_SECONDS if self._untidy else None)
            except Empty:
                first = Order.TIDY
            if first is Order.CLOSE:
                break
            self._groups.wanted = True
            with self._groups.turn:
                self._groups.wanted = False
                self._act(first)
        with self._groups.turn:  # not before a commit that is under way has ended
            self._groups.close()

    def _act(self, first: Request | Order) -> None:
        self._untidy = isinstance(first, Request)
        if isinstance(first, Request):
            self._completions.give(self._serve(first))
        else:
            self._groups.checkpoint()

    def _serve(self, first: Request) -> list[Outcome]:
        try:
            self._groups.begin(waits=True)
        except sqlite3.Error as error:
            return [Outcome(first.future, None, translate(error))]
        return self._groups.commit(self._groups.run(self._group(first)))

    def _group(self, first: Request) -> Iterator[Request]:
        ends = time.monotonic() + GROUP_SECONDS
        yield first
        for _ in range(GROUP_SIZE - 1):
            if time.monotonic() > ends:
                return
            try:
                request = self._queue.get_nowait()
            except Empty:
                return
            if isinstance(request, Request):
                yield request
            elif request is Order.CLOSE:
                self._open = False
                return


STEPS: Final = 200_000
"""After so many steps of SQLite, some ten milliseconds, a reader asks whether to go on."""


class Reader(threading.Thread):
    """One of the threads that read, each piece of work on a snapshot of its own.

    A read that nobody waits for any more is stopped, for others wait for this thread.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        statements: Mapping[str, str],
        queue: RequestQueue,
        completions: Completions,
    ) -> None:
        super().__init__(name="drover-sqlite-reader", daemon=True)
        self._connection = connection
        self._statements = statements
        self._queue = queue
        self._completions = completions
        self._serving: Request | None = None

    def run(self) -> None:
        """Serve requests until the closing mark, then close the connection."""
        self._connection.set_progress_handler(self._unwanted, STEPS)
        while isinstance(request := self._queue.get(), Request):
            self._completions.give((self._serve(request),))
        self._connection.close()

    def _unwanted(self) -> bool:
        """Tell SQLite to stop."""
        return self._serving is not None and self._serving.future.cancelled()

    def _serve(self, request: Request) -> Outcome:
        try:
            self._connection.execute("BEGIN")
        except sqlite3.Error as error:
            return Outcome(request.future, None, translate(error))
        self._serving = request
        outcome = run_request(request, self._connection, self._statements)
        self._serving = None
        undo(self._connection)
        return outcome
