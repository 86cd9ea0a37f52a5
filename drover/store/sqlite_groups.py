"""Pieces of work that share one durable commit on the one SQLite connection that writes.

Whoever holds the turn uses that connection: the writing thread, or the event loop for a moment.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Group:
    """What was run in one transaction: whether it is yet to be committed, or was lost."""

    taken: list[Request] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    is_open: bool = True
    loss: Exception | None = None


class Groups:
    """Runs groups of work, each in one transaction; only for who holds the ``turn``.

    Each piece after the first runs in a savepoint of its own, so that one that fails takes nothing
    with it. Should SQLite undo the group as a whole (a full disk), each piece is run again alone.
    """

    def __init__(self, connection: sqlite3.Connection, statements: Mapping[str, str]) -> None:
        self.turn = threading.Lock()
        self.wanted = False
        """The thread that writes waits for its turn."""
        self._connection = connection
        self._statements = statements
        self._waits = True

    def begin(self, *, waits: bool) -> None:
        """Begin a group; where it ``waits``, then for another program that holds the file.

        Raises sqlite3.Error, with nothing begun.
        """
        if waits is not self._waits:
            self._connection.execute(f"PRAGMA busy_timeout={BUSY_MS if waits else 0}")
            self._waits = waits
        self._connection.execute("BEGIN IMMEDIATE")

    def run(self, requests: Iterable[Request]) -> Group:
        """Run what is to share the commit that was begun.

        The group ends early when the first piece fails, as that one ends the transaction; what
        would have followed is not taken from the requests.
        """
        group = Group()
        try:
            for request in requests:
                group.taken.append(request)
                self._join(group, request)
                if not group.is_open:
                    break
        except Exception as loss:  # noqa: BLE001 - a dead writer would leave everybody waiting
            self._lose(group, loss)
        return group

    def commit(self, group: Group) -> list[Outcome]:
        """Make a group durable and return how each piece ended."""
        if group.is_open:
            try:
                self._connection.execute("COMMIT")
            except Exception as error:  # noqa: BLE001 - or the turn would never be given back
                self._lose(group, error)
        loss = group.loss
        if loss is None:
            return group.outcomes
        if len(group.taken) > 1:
            return [self._alone(request) for request in group.taken]
        failure = loss.__cause__ if isinstance(loss, _GroupLost) else translate(loss)
        return [Outcome(request.future, None, failure) for request in group.taken]

    def checkpoint(self) -> None:
        """Move the log into the file."""
        with suppress(sqlite3.Error):  # a full disk: the log keeps what could not be moved
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _join(self, group: Group, request: Request) -> None:
        if group.outcomes:
            group.outcomes.append(self._in_savepoint(request))
            return
        group.outcomes.append(self._run(request))
        if group.outcomes[0].failure is not None:
            undo(self._connection)
            group.is_open = False  # it came alone so far, and takes nothing with it

    def _lose(self, group: Group, loss: Exception) -> None:
        undo(self._connection)
        group.is_open = False
        group.loss = loss

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
