"""The revision of access on SQLite, kept in memory: this process is the only one that raises it."""

from __future__ import annotations

import sqlite3
from typing import Final

from drover.store.statements import load

_REVISION: Final = load("sqlite")["access_revision"].sql
_TRIGGER: Final = """
CREATE TEMP TRIGGER access_revision_raised AFTER UPDATE OF value ON main.access_counter
WHEN NEW.name = 'revision' BEGIN SELECT access_revision_raised(); END
"""
_TABLE: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'access_counter'"


class RevisionInMemory:
    """Follows the revision on the one connection that writes.

    SQLite tells when a transaction raises it; what it has become is read once that transaction is
    over, before anybody learns of its end. So a key that was revoked is refused from the moment the
    revocation is answered, and requests pay nothing for it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Watch a connection to an open and migrated database."""
        self._connection = connection
        self._raised = False
        self.current: int | None = None
        """The revision as of the last commit; None where it has to be read."""
        if connection.execute(_TABLE).fetchone() is None:
            return  # a database without access, as tests of the driver have
        connection.create_function("access_revision_raised", 0, self._note)
        connection.execute(_TRIGGER)
        self._read()

    def settle(self) -> None:
        """Learn of what a transaction that is over has raised; called by the thread that writes."""
        if self._raised:
            self._raised = False
            self._read()

    def _note(self) -> None:
        self._raised = True

    def _read(self) -> None:
        try:
            row = self._connection.execute(_REVISION).fetchone()
        except sqlite3.Error:
            self.current, self._raised = None, True  # to be read again after the next transaction
            return
        self.current = None if row is None else int(row[0])
