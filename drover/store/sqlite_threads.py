"""The threads of the SQLite driver: one that writes in groups, some that read beside it."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drover.ports.failures import StoreError
from drover.store.completions import Completions, Outcome
from drover.store.sqlite_transaction import SqliteTransaction, drive, translate

if TYPE_CHECKING:
    import asyncio
    import contextvars
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from drover.store.sqlite_revision import RevisionInMemory

GROUP_SIZE: Final = 512
"""At most so many pieces of work share one commit."""
GROUP_SECONDS: Final = 0.02
"""No further work joins a group that has been running for so long."""
IDLE_SECONDS: Final = 0.2
"""After so long without work the writer tidies the log."""


class Request(NamedTuple):
    """A piece of work and whom to tell."""

    work: Callable[[SqliteTransaction], Awaitable[Any]]
    future: asyncio.Future[Any]
    context: contextvars.Context


RequestQueue = SimpleQueue[Request | None]
"""Requests for a thread; None tells one thread to close."""


class _GroupLost(Exception):
    """SQLite undid the whole transaction, and with it the work of others."""


class _GroupSpoilt(Exception):
    """One piece of work failed after it had written, in a transaction that others may share."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Writer(threading.Thread):
    """The one thread that writes: all work that waits shares one durable commit.

    Most work that fails does so before it writes, and then takes nothing with it. Where one has
    written, the group is undone and run again, each piece in a savepoint of its own. Should SQLite
    undo the group as a whole (a full disk), each piece is run again alone.

    It also checkpoints the log: when idle, so that callers do not wait for it, and within a commit
    only when the log has grown long. No other connection does, because SQLite before 3.51.3 can
    damage the file when two connections checkpoint and write at the same moment.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        statements: Mapping[str, str],
        queue: RequestQueue,
        completions: Completions,
        revision: RevisionInMemory,
    ) -> None:
        super().__init__(name="drover-sqlite-writer", daemon=True)
        self._revision = revision
        self._connection = connection
        self._statements = statements
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
                self._checkpoint()
                continue
            if first is None:
                break
            outcomes = self._serve(first)
            self._revision.settle()
            self._completions.give(outcomes)
            self._untidy = True
        self._connection.close()

    def _checkpoint(self) -> None:
        self._untidy = False
        with suppress(sqlite3.Error):  # a full disk: the log keeps what could not be moved
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _serve(self, first: Request) -> list[Outcome]:
        taken = [first]
        try:
            return self._together(self._group(taken), self._run)
        except _GroupSpoilt as spoilt:
            _undo(self._connection)
            return self._again(taken) if len(taken) > 1 else [spoilt.outcome]
        except Exception as loss:  # noqa: BLE001 - a dead writer would leave everybody waiting
            return self._each(taken, loss)

    def _again(self, taken: list[Request]) -> list[Outcome]:
        try:
            return self._together(taken, self._in_savepoint)
        except Exception as loss:  # noqa: BLE001 - as above
            return self._each(taken, loss)

    def _each(self, taken: list[Request], loss: Exception) -> list[Outcome]:
        """Run what was lost together once more, each piece alone; one that was alone has failed."""
        _undo(self._connection)
        if len(taken) > 1:
            return [self._alone(request) for request in taken]
        failure = loss.__cause__ if isinstance(loss, _GroupLost) else translate(loss)
        return [Outcome(taken[0].future, None, failure)]

    def _together(
        self, requests: Iterable[Request], run: Callable[[Request], Outcome]
    ) -> list[Outcome]:
        self._connection.execute("BEGIN IMMEDIATE")
        outcomes = [run(request) for request in requests]
        self._connection.execute("COMMIT")
        return outcomes

    def _group(self, taken: list[Request]) -> Iterator[Request]:
        """Yield what was taken and, as long as it may join, what waits, which is taken then."""
        ends = time.monotonic() + GROUP_SECONDS
        yield from taken
        while len(taken) < GROUP_SIZE and time.monotonic() <= ends:
            request = self._next()
            if request is None:
                return
            taken.append(request)
            yield request

    def _next(self) -> Request | None:
        """Return what waits, None where nothing does or the closing mark was met."""
        try:
            request = self._queue.get_nowait()
        except Empty:
            return None
        if request is None:
            self._open = False
        return request

    def _run(self, request: Request) -> Outcome:
        """Run a piece of work of a group that is undone should the piece fail after writing."""
        before = self._connection.total_changes
        outcome = run_request(request, self._connection, self._statements)
        if outcome.failure is not None:
            self._check_whole(outcome.failure)
            if self._connection.total_changes != before:
                raise _GroupSpoilt(outcome)
        return outcome

    def _in_savepoint(self, request: Request) -> Outcome:
        self._connection.execute("SAVEPOINT work")
        outcome = run_request(request, self._connection, self._statements)
        if outcome.failure is not None:
            self._check_whole(outcome.failure)
            self._connection.execute("ROLLBACK TO work")
        self._connection.execute("RELEASE work")
        return outcome

    def _check_whole(self, failure: BaseException) -> None:
        if not self._connection.in_transaction:
            raise _GroupLost from failure

    def _alone(self, request: Request) -> Outcome:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcome = run_request(request, self._connection, self._statements)
            if outcome.failure is None:
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            outcome = Outcome(request.future, None, translate(error))
        _undo(self._connection)
        return outcome


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
        while (request := self._queue.get()) is not None:
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
        _undo(self._connection)
        return outcome


def _undo(connection: sqlite3.Connection) -> None:
    """Leave the transaction, if SQLite has not left it by itself."""
    if connection.in_transaction:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def run_request(
    request: Request, connection: sqlite3.Connection, statements: Mapping[str, str]
) -> Outcome:
    """Run one piece of work inside the transaction that is open, and tell how it ended."""
    if request.future.cancelled():
        return Outcome(request.future, None, StoreError("nobody waits for it any more"))
    tx = SqliteTransaction(connection, statements)
    try:
        result = request.context.run(drive, request.work, tx)
    except BaseException as failure:  # noqa: BLE001 - handed to the caller, who waits in the loop
        return Outcome(request.future, None, failure)
    return Outcome(request.future, result, None)
