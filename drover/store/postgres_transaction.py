"""A transaction on one PostgreSQL connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg

from drover.ports.failures import StoreBusy, StoreError, StoreFull, StoreLost
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
from drover.store.statements import positional

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.store.statements import Dialect

T = TypeVar("T")

Positional = tuple[str, tuple[str, ...]]
"""SQL text with $1, $2, and the names of the parameters in that order."""


LOST: Final = "the database server cannot be reached"
_MIGRATION_S: Final = 86_400.0


class Collision(StoreBusy):
    """Transactions got in each other's way; trying again is safe, as nothing was kept."""


class Stale(StoreLost):
    """The connection was broken before the work began; another one may do."""


_CONSTRAINTS: Final[Mapping[type[Exception], type[ConstraintBroken]]] = {
    asyncpg.UniqueViolationError: UniqueBroken,
    asyncpg.ExclusionViolationError: UniqueBroken,
    asyncpg.ForeignKeyViolationError: ReferenceBroken,
    asyncpg.RestrictViolationError: ReferenceBroken,
    asyncpg.CheckViolationError: CheckBroken,
    asyncpg.NotNullViolationError: CheckBroken,
}
_OUT_OF_REACH: Final[tuple[tuple[type[Exception], type[StoreError], str], ...]] = (
    (asyncpg.SerializationError, Collision, "too many writers want the same rows"),
    (asyncpg.DeadlockDetectedError, Collision, "too many writers want the same rows"),
    (asyncpg.DiskFullError, StoreFull, "the disk of the database server is full"),
    (asyncpg.TooManyConnectionsError, StoreBusy, "the database server takes no more connections"),
    (asyncpg.LockNotAvailableError, StoreBusy, "another transaction holds the rows too long"),
    (asyncpg.QueryCanceledError, StoreBusy, "the statement took too long"),
    (asyncpg.PostgresConnectionError, StoreLost, LOST),
    (asyncpg.OperatorInterventionError, StoreLost, LOST),
    (asyncpg.IdleInTransactionSessionTimeoutError, StoreLost, LOST),
    (asyncpg.PostgresSystemError, StoreLost, "the database server's disk failed"),
    (asyncpg.InternalClientError, StoreLost, LOST),  # a goodbye it did not expect
    (OSError, StoreLost, LOST),
)
FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""What asyncpg raises when the server or the connection fails."""


def translate(error: Exception) -> StoreError:
    """Return PostgreSQL's error, or the driver's, as one of the store's."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return _CONSTRAINTS.get(type(error), ConstraintBroken)(str(error))
    for known, meant, message in _OUT_OF_REACH:
        if isinstance(error, known):
            return meant(message)
    if isinstance(error, asyncpg.InterfaceError) and "connection" in str(error):
        return StoreLost(LOST)
    return StatementFailed(str(error))


async def next_batch(cursor: Any, size: int) -> Sequence[asyncpg.Record]:
    """Return up to ``size`` further rows of a cursor; none at the end. Raises StoreLost."""
    try:
        rows: Sequence[asyncpg.Record] = await cursor.fetch(size)
    except FAILURES as error:
        raise translate(error) from error
    return rows


def arguments(names: Sequence[str], params: Mapping[str, object]) -> list[object]:
    """Return the parameters in order. Raises StatementFailed when one is missing."""
    try:
        return [params[name] for name in names]
    except KeyError as missing:
        raise StatementFailed(f"the parameter {missing} was not given") from None


class PostgresTransaction:
    """One atomic unit in progress on a connection of the pool."""

    __slots__ = ("_connection", "_over", "_statements", "dialect", "failure")

    def __init__(self, connection: Any, statements: Mapping[str, Positional]) -> None:
        self.dialect: Dialect = "postgres"
        self.failure: StoreError | None = None
        """How a statement failed, if one did."""
        self._over = ""
        self._connection = connection
        self._statements = statements

    async def fetch(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> Sequence[asyncpg.Record]:
        """Return all rows of a named statement."""
        sql, names = self._named(statement)
        rows: list[asyncpg.Record] = await self._call("fetch", sql, *arguments(names, params))
        return rows

    async def fetch_within(
        self, statement: str, params: Mapping[str, object], column: str, most_bytes: int
    ) -> First:
        """Return the first rows of a named statement: those before texts fill ``most_bytes``."""
        return await self._within(self._named(statement), params, column, most_bytes)

    async def fetch_sql_within(
        self, sql: str, params: Mapping[str, object], column: str, most_bytes: int
    ) -> First:
        """Return the first rows of SQL text: those before texts fill ``most_bytes``."""
        return await self._within(positional(sql), params, column, most_bytes)

    async def _within(
        self,
        statement: tuple[str, Sequence[str]],
        params: Mapping[str, object],
        column: str,
        most_bytes: int,
    ) -> First:
        """Sizes are known without a look at the texts, which lie outside their rows if long."""
        sql, names = statement
        # The names in this text are the program's own. The rows come in the order of the statement.
        text = (
            "SELECT * FROM (SELECT found.*, coalesce(sum(octet_length("  # noqa: S608
            f"found.{column})) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) "
            f"AS bytes_before FROM ({sql}) AS found) AS counted "
            f"WHERE bytes_before < ${len(names) + 1}"
        )
        values = [*arguments(names, params), max(most_bytes, 1)]
        rows: list[asyncpg.Record] = await self._call("fetch", text, *values)
        read = rows[-1]["bytes_before"] + size_of(rows[-1][column]) if rows else 0
        return First(rows, bool(rows) and read >= most_bytes)

    async def fetch_one(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> asyncpg.Record | None:
        """Return the first row of a named statement, or None."""
        sql, names = self._named(statement)
        row: asyncpg.Record | None = await self._call("fetchrow", sql, *arguments(names, params))
        return row

    async def execute(self, statement: str, params: Mapping[str, object] = NO_PARAMETERS) -> int:
        """Run a named statement and return the number of rows it touched."""
        sql, names = self._named(statement)
        return _touched(await self._call("execute", sql, *arguments(names, params)))

    async def execute_many(self, statement: str, rows: Sequence[Mapping[str, object]]) -> int:
        """Run a named statement once for each row and return how many times it ran."""
        sql, names = self._named(statement)
        await self._call("executemany", sql, [arguments(names, row) for row in rows])
        return len(rows)

    async def fetch_many(
        self, statement: str, rows: Sequence[Mapping[str, object]]
    ) -> Sequence[asyncpg.Record]:
        """Run a named statement once for each row and return all that comes back, in one trip.

        It is one transaction, also where none is open.
        """
        sql, names = self._named(statement)
        found: list[asyncpg.Record] = await self._call(
            "fetchmany", sql, [arguments(names, each) for each in rows]
        )
        return found

    async def copy_rows(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        """Insert plain rows of a table with COPY and return how many."""
        await self._call("copy_records_to_table", table, columns=columns, records=rows)
        return len(rows)

    async def fetch_sql(
        self, sql: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> Sequence[asyncpg.Record]:
        """Return all rows of SQL text built by the query compiler."""
        text, names = positional(sql)
        rows: list[asyncpg.Record] = await self._call("fetch", text, *arguments(names, params))
        return rows

    async def execute_sql(self, sql: str, params: Mapping[str, object] = NO_PARAMETERS) -> int:
        """Run SQL text built by the query compiler; return the number of rows it touched."""
        text, names = positional(sql)
        return _touched(await self._call("execute", text, *arguments(names, params)))

    async def now_ms(self) -> int:
        """Return the server's clock: milliseconds since 1970 in UTC."""
        row = await self.fetch_one("postgres_now_ms")
        return int(row["now_ms"]) if row is not None else 0

    async def control(self, command: str) -> None:
        """Run BEGIN or COMMIT. Raises StatementFailed rather than commit past a failure."""
        await self._call("execute", command)

    async def run_script(self, script: str) -> None:
        """Run several statements without parameters, however long they take: a migration."""
        await self._call("execute", script, timeout=_MIGRATION_S)

    async def cursor(self, statement: str, params: Mapping[str, object]) -> Any:
        """Open a cursor on a named statement or SQL text, to be read in batches."""
        sql, names = positional(statement) if " " in statement else self._named(statement)
        return await self._call("cursor", sql, *arguments(names, params))

    def end(self) -> None:
        """Refuse every later use of this transaction."""
        self._over = "the transaction is over"

    def _named(self, statement: str) -> Positional:
        try:
            return self._statements[statement]
        except KeyError:
            raise StatementFailed(f"there is no statement {statement!r}") from None

    async def _call(self, method: str, *values: Any, **options: Any) -> Any:
        if self._over:
            raise StatementFailed(self._over) from self.failure
        try:
            return await getattr(self._connection, method)(*values, **options)
        except FAILURES as error:
            self.failure = translate(error)
            self._over = "a statement failed, which ends the transaction"
            raise self.failure from error


class Lone(PostgresTransaction):
    """One statement that is a transaction by itself."""

    __slots__ = ()

    async def _call(self, method: str, *values: Any, **options: Any) -> Any:
        done = await super()._call(method, *values, **options)
        self._over = "only one statement was announced"
        return done


def _touched(status: str) -> int:
    """Return the count at the end of a status such as ``UPDATE 3``; none counts as 0."""
    last = status.rsplit(" ", 1)[-1]
    return int(last) if last.isdecimal() else 0
