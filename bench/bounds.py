"""Bounds: what the databases and the HTTP server do on this machine without us."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Iterator

ROW = tuple[int, str, str, int, int]


def rows(count: int) -> Iterator[ROW]:
    """Yield rows of the shape and size of an iteration's result."""
    return ((1, f"{number:024x}", "device", 3, number) for number in range(count))


def sqlite_inserts(count: int) -> float:
    """Return rows per second of one durable bulk insert into SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "bound.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE r (a INT, b TEXT PRIMARY KEY, c TEXT, d INT, e INT)")
        began = time.perf_counter()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO r VALUES (?, ?, ?, ?, ?)", rows(count))
        connection.execute("COMMIT")
        seconds = time.perf_counter() - began
        connection.close()
    return count / seconds


def postgres_copy(url: str, count: int) -> float:
    """Return rows per second of one COPY into PostgreSQL."""

    async def copy() -> float:
        connection = await asyncpg.connect(url)
        await connection.execute("DROP TABLE IF EXISTS bound_copy")
        await connection.execute(
            "CREATE TABLE bound_copy (a INT, b TEXT PRIMARY KEY, c TEXT, d INT, e INT)"
        )
        began = time.perf_counter()
        await connection.copy_records_to_table("bound_copy", records=rows(count))
        seconds = time.perf_counter() - began
        await connection.execute("DROP TABLE bound_copy")
        await connection.close()
        return count / seconds

    return asyncio.run(copy())
