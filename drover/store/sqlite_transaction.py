"""A transaction on one SQLite connection, and how work is run on it inside a thread."""

from __future__ import annotations

import errno
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeVar

from drover.ports.failures import StoreBusy, StoreClosed, StoreError, StoreFull, StoreLost
from drover.store.driver import (
    NO_PARAMETERS,
    CheckBroken,
    ConstraintBroken,
    First,
    ReferenceBroken,
    StatementFailed,
    UniqueBroken,
    size_of,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from drover.store.statements import Dialect

T = TypeVar("T")

_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
_OUT_OF_REACH: Final[Mapping[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: (StoreBusy, "another program holds the database file"),
    sqlite3.SQLITE_LOCKED: (StoreBusy, "another program holds the database file"),
    sqlite3.SQLITE_INTERRUPT: (StoreClosed, "the store is closing"),
    sqlite3.SQLITE_IOERR: (StoreLost, "the disk of the store failed"),
    sqlite3.SQLITE_CORRUPT: (StoreLost, "the database file is damaged"),
    sqlite3.SQLITE_NOTADB: (StoreLost, "the database file is damaged"),
}
_CONSTRAINTS: Final[Mapping[int, type[ConstraintBroken]]] = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: UniqueBroken,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: UniqueBroken,
    sqlite3.SQLITE_CONSTRAINT_ROWID: UniqueBroken,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: ReferenceBroken,
    sqlite3.SQLITE_CONSTRAINT_CHECK: CheckBroken,
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: CheckBroken,
    sqlite3.SQLITE_CONSTRAINT_TRIGGER: ReferenceBroken,
}
_PRIMARY_CODE: Final = 0xFF
_FAILURES: Final = (sqlite3.Error, OverflowError, LookupError)
"""What a statement fails with: the database's own errors, and values that do not fit."""


def translate(error: Exception) -> StoreError:
    """Return SQLite's error as one of the store's."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _FULL or getattr(error, "errno", None) == errno.ENOSPC:
        return StoreFull("the disk of the store is full")
    if code & _PRIMARY_CODE in _OUT_OF_REACH:
        failure, message = _OUT_OF_REACH[code & _PRIMARY_CODE]
        return failure(message)
    if code & _PRIMARY_CODE == sqlite3.SQLITE_CONSTRAINT:
        return _CONSTRAINTS.get(code, ConstraintBroken)(str(error))
    return StatementFailed(str(error))


def statement_text(statements: Mapping[str, str], name: str) -> str:
    """Return the SQL of a named statement. Raises StatementFailed for an unknown name."""
    try:
        return statements[name]
    except KeyError:
        raise StatementFailed(f"there is no statement {name!r}") from None


def now_ms() -> int:
    """Return this machine's clock, which is the store's: milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000


def drive(work: Callable[[SqliteTransaction], Awaitable[T]], tx: SqliteTransaction) -> T:
    """Run work to its end in this thread and return its result. Raises what it raises."""
    steps = work(tx).__await__()
    try:
        next(steps)
    except StopIteration as end:
        if tx.failure is not None:
            raise StatementFailed("a failed statement was passed over") from tx.failure
        result: T = end.value
        return result
    finally:
        tx.end()
    steps.close()
    raise RuntimeError(
        "work for the store awaited something other than its transaction; "
        "do that before or after the transaction"
    )


class SqliteTransaction:
    """One atomic unit in progress on a connection that this thread owns."""

    __slots__ = ("_connection", "_over", "_statements", "dialect", "failure")

    def __init__(self, connection: sqlite3.Connection, statements: Mapping[str, str]) -> None:
        self.dialect: Dialect = "sqlite"
        self.failure: StoreError | None = None
        """How a statement failed, if one did."""
        self._over = ""
        self._connection = connection
        self._statements = statements

    async def fetch(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> Sequence[sqlite3.Row]:
        """Return all rows of a named statement."""
        return self._rows(statement_text(self._statements, statement), params)

    async def fetch_within(
        self, statement: str, params: Mapping[str, object], column: str, most_bytes: int
    ) -> First:
        """Return the first rows of a named statement: those before texts fill ``most_bytes``."""
        sql = statement_text(self._statements, statement)
        return await self.fetch_sql_within(sql, params, column, most_bytes)

    async def fetch_sql_within(
        self, sql: str, params: Mapping[str, object], column: str, most_bytes: int
    ) -> First:
        """Return the first rows of SQL text: those before texts fill ``most_bytes``."""
        self._check_going_on()
        try:
            with closing(self._connection.execute(sql, params)) as cursor:
                return _first(cursor, column, most_bytes)
        except _FAILURES as error:
            raise self._failed(error) from error

    async def fetch_one(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> sqlite3.Row | None:
        """Return the first row of a named statement, or None."""
        rows = self._rows(statement_text(self._statements, statement), params)
        return rows[0] if rows else None

    async def execute(self, statement: str, params: Mapping[str, object] = NO_PARAMETERS) -> int:
        """Run a named statement and return the number of rows it touched."""
        return self._touched(statement_text(self._statements, statement), params)

    async def execute_many(self, statement: str, rows: Sequence[Mapping[str, object]]) -> int:
        """Run a named statement once for each row and return how many times it ran."""
        sql = statement_text(self._statements, statement)
        return self._ran_for_each(sql, rows)

    async def fetch_many(
        self, statement: str, rows: Sequence[Mapping[str, object]]
    ) -> Sequence[sqlite3.Row]:
        """Run a named statement once for each row and return all that comes back."""
        sql = statement_text(self._statements, statement)
        return [found for each in rows for found in self._rows(sql, each)]

    async def copy_rows(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        """Insert plain rows of a table and return how many."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of our own code
        return self._ran_for_each(sql, rows)

    async def fetch_sql(
        self, sql: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> Sequence[sqlite3.Row]:
        """Return all rows of SQL text built by the query compiler."""
        return self._rows(sql, params)

    async def execute_sql(self, sql: str, params: Mapping[str, object] = NO_PARAMETERS) -> int:
        """Run SQL text built by the query compiler; return the number of rows it touched."""
        return self._touched(sql, params)

    async def now_ms(self) -> int:
        """Return the store's clock: milliseconds since 1970 in UTC."""
        return now_ms()

    def end(self) -> None:
        """Refuse every later use of this transaction."""
        self._over = "the transaction is over"

    def _rows(self, sql: str, params: Mapping[str, object]) -> list[sqlite3.Row]:
        self._check_going_on()
        try:
            return self._connection.execute(sql, params).fetchall()
        except _FAILURES as error:
            raise self._failed(error) from error

    def _touched(self, sql: str, params: Mapping[str, object]) -> int:
        self._check_going_on()
        try:
            return _run_to_end(self._connection, sql, params)
        except _FAILURES as error:
            raise self._failed(error) from error

    def _ran_for_each(self, sql: str, rows: Sequence[Any]) -> int:
        self._check_going_on()
        try:
            self._connection.executemany(sql, rows)
        except _FAILURES as error:
            raise self._failed(error) from error
        return len(rows)

    def _check_going_on(self) -> None:
        if self._over:
            raise StatementFailed(self._over) from self.failure

    def _failed(self, error: Exception) -> StoreError:
        self.failure = translate(error)
        self._over = "a statement failed, which ends the transaction"
        return self.failure


def _first(cursor: sqlite3.Cursor, column: str, most_bytes: int) -> First:
    rows: list[sqlite3.Row] = []
    for row in cursor:
        rows.append(row)
        most_bytes -= size_of(row[column])
        if most_bytes <= 0:
            return First(rows, full=True)
    return First(rows, full=False)


def _run_to_end(connection: sqlite3.Connection, sql: str, params: Mapping[str, Any]) -> int:
    cursor = connection.execute(sql, params)
    if cursor.description is None:
        return max(cursor.rowcount, 0)
    return len(cursor.fetchall())  # a RETURNING clause: done only when all of it has been read
