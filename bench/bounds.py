"""Bounds: what the databases do on this machine without us, in tables like ours.

A bound writes rows like those of ended iterations, all their columns filled as an execution leaves
them, into a table with the columns, checks and indices of ``iteration``, in one durable commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from drover.model.iteration import ItemState
from drover.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW_MS: Final = 1_767_225_600_000


def iterations(count: int) -> Iterator[dict[str, Any]]:
    """Yield rows as iterations that succeeded leave them."""
    for number in range(count):
        yield {
            "execution": 1,
            "resource_id": f"{number:024x}",
            "resource_name": f"device-{number}",
            "state": int(ItemState.SUCCEEDED),
            "previous": 0,
            "attempt": 1,
            "retries": 0,
            "losses": 0,
            "fence": 0,
            "last_outcome": int(ItemState.SUCCEEDED),
            "started_ms": NOW_MS,
            "completed_ms": NOW_MS,
        }


COLUMNS: Final = tuple(next(iterations(1)))


def _records(count: int) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in iterations(count)]


def sqlite_inserts(count: int) -> float:
    """Return rows per second of one durable bulk insert into SQLite."""
    records = _records(count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bound.db"
        asyncio.run(_migrated(path))
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        marks = ", ".join("?" * len(COLUMNS))
        statement = f"INSERT INTO iteration ({', '.join(COLUMNS)}) VALUES ({marks})"  # noqa: S608 - our own names
        began = time.perf_counter()
        connection.execute("BEGIN")
        connection.executemany(statement, records)
        connection.execute("COMMIT")
        seconds = time.perf_counter() - began
        connection.close()
    return count / seconds


async def _migrated(path: Path) -> None:
    database = SqliteDatabase(path)
    await database.open()
    await database.close()


def postgres_copy(url: str, count: int) -> float:
    """Return rows per second of one COPY into PostgreSQL, in a database that a server has."""

    async def copy() -> float:
        connection = await asyncpg.connect(url)
        await connection.execute("DROP TABLE IF EXISTS bound_copy")
        await connection.execute("CREATE TABLE bound_copy (LIKE iteration INCLUDING ALL)")
        records = _records(count)
        began = time.perf_counter()
        await connection.copy_records_to_table("bound_copy", columns=COLUMNS, records=records)
        seconds = time.perf_counter() - began
        await connection.execute("DROP TABLE bound_copy")
        await connection.close()
        return count / seconds

    return asyncio.run(copy())
