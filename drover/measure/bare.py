"""What bare SQLite does on the same disk, with settings as durable as ours."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH: Final = 600
"""Characters of a document, about as many as those of a device."""


@contextmanager
def _table(folder: str) -> Iterator[sqlite3.Connection]:
    with (
        TemporaryDirectory(prefix="bare-", dir=folder) as scratch,
        closing(sqlite3.connect(Path(scratch, "bare.db"), isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE document (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        yield connection


def rows_in_one_commit(folder: str, count: int) -> float:
    """Return rows a second when all of them share one durable commit."""
    rows = [(number, "x" * _LENGTH) for number in range(count)]
    with _table(folder) as connection:
        began = time.perf_counter()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO document VALUES (?, ?)", rows)
        connection.execute("COMMIT")
        return count / (time.perf_counter() - began)


def commits(folder: str, count: int) -> float:
    """Return durable commits of one row each a second."""
    with _table(folder) as connection:
        began = time.perf_counter()
        for number in range(count):
            connection.execute("INSERT INTO document VALUES (?, ?)", (number, "x" * _LENGTH))
        return count / (time.perf_counter() - began)


def reads(folder: str, count: int) -> float:
    """Return reads of one row by its key a second."""
    with _table(folder) as connection:
        connection.execute("INSERT INTO document VALUES (1, ?)", ("x" * _LENGTH,))
        began = time.perf_counter()
        for _ in range(count):
            connection.execute("SELECT body FROM document WHERE id = 1").fetchone()
        return count / (time.perf_counter() - began)
