"""Pieces of work that share one durable commit on the one SQLite connection that writes.

Whoever holds the turn uses that connection: the writing thread, or the event loop for a moment.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drover.ports.failures import StoreError
from drover.store.completions import Outcome
from drover.store.sqlite_transaction import SqliteTransaction, drive, translate

if TYPE_CHECKING:
    import asyncio
    import contextvars
    from collections.abc import Awaitable, Callable, Iterable, Mapping

BUSY_MS: Final = 5000
"""How long to wait for another program (a backup, a shell) that holds the file."""


class Request(NamedTuple):
    """A piece of work and whom to tell."""

    work: Callable[[SqliteTransaction], Awaitable[Any]]
    future: asyncio.Future[Any]
    context: contextvars.Context


class _GroupLost(Exception):
    """SQLite undid the whole transaction, and with it the work of others."""


class Groups:
    """Runs groups of work, each in one transaction; only for who holds the ``turn``.

    Each piece after the first runs in a savepoint of its own, so that one that fails takes nothing
    with it. Should SQLite undo the group as a whole (a full disk), each piece is run again alone.
    """

    def __init__(self, connection: sqlite3.Connection, statements: Mapping[str, str]) -> None:
        self.turn = threading.Lock()
        self._connection = connection
        self._statements = statements
        self._waits = True
        self.commit_seconds = 0.0
        """How long the last commit took."""

    def begin(self, *, waits: bool) -> None:
        """Begin a group; where it ``waits``, then for another program that holds the file.

        Raises sqlite3.Error, with nothing begun.
        """
        if waits is not self._waits:
            self._connection.execute(f"PRAGMA busy_timeout={BUSY_MS if waits else 0}")
            self._waits = waits
        self._connection.execute("BEGIN IMMEDIATE")

    def serve(self, group: Iterable[Request]) -> list[Outcome]:
        """Run a group that has begun and commit it.

        It ends early when the first piece fails, as that one ends the transaction; the others of
        the group are then not taken from it.
        """
        taken: list[Request] = []
        try:
            return self._together(group, taken)
        except Exception as loss:  # noqa: BLE001 - a dead writer would leave everybody waiting
            undo(self._connection)
            if len(taken) > 1:
                return [self._alone(request) for request in taken]
            failure = loss.__cause__ if isinstance(loss, _GroupLost) else translate(loss)
            return [Outcome(request.future, None, failure) for request in taken]

    def checkpoint(self) -> None:
        """Move the log into the file."""
        with suppress(sqlite3.Error):  # a full disk: the log keeps what could not be moved
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _together(self, group: Iterable[Request], taken: list[Request]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for request in group:
            taken.append(request)
            outcomes.append(self._in_savepoint(request) if outcomes else self._run(request))
            if outcomes[0].failure is not None:
                undo(self._connection)
                return outcomes  # the first came alone so far, and takes nothing with it
        began = time.monotonic()
        self._connection.execute("COMMIT")
        self.commit_seconds = time.monotonic() - began
        return outcomes

    def _in_savepoint(self, request: Request) -> Outcome:
        self._connection.execute("SAVEPOINT work")
        outcome = self._run(request)
        if outcome.failure is not None:
            if not self._connection.in_transaction:
                raise _GroupLost from outcome.failure
            self._connection.execute("ROLLBACK TO work")
        self._connection.execute("RELEASE work")
        return outcome

    def _run(self, request: Request) -> Outcome:
        return run_request(request, self._connection, self._statements)

    def _alone(self, request: Request) -> Outcome:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcome = self._run(request)
            if outcome.failure is None:
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            outcome = Outcome(request.future, None, translate(error))
        undo(self._connection)
        return outcome


def undo(connection: sqlite3.Connection) -> None:
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
