"""One long result of SQLite, read in batches in a thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from drover.store.sqlite_transaction import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")


class SqliteStream:
    """A cursor on a connection of its own, which only its thread touches."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._thread = ThreadPoolExecutor(1, "drover-sqlite-stream")
        self._connection: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor | None = None

    async def open(self, sql: str, params: Mapping[str, object]) -> None:
        """Run the statement up to its first row."""
        await self._in_thread(lambda: self._open(sql, params))

    async def next_batch(self, size: int) -> Sequence[sqlite3.Row]:
        """Return up to ``size`` further rows; none at the end."""
        cursor = self._cursor
        return [] if cursor is None else await self._in_thread(lambda: cursor.fetchmany(size))

    def interrupt(self) -> None:
        """Make the batch that is being read, or the next one, fail."""
        if self._connection is not None:
            self._connection.interrupt()

    def close(self) -> None:
        """Close the connection once the thread is through with it."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _open(self, sql: str, params: Mapping[str, object]) -> None:
        self._connection = self._connect()
        self._cursor = self._connection.execute(sql, params)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    async def _in_thread(self, act: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, act)
        except sqlite3.Error as error:
            raise translate(error) from error
