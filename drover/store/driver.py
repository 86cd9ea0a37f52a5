"""The only seam to a database: what both drivers offer, and what they promise.

An operation of the store is one coroutine function that takes a transaction::

    async def rename(tx: Transaction) -> int:
        return await tx.execute("rename_device", {"id": "5f...", "name": "pump"})

    renamed = await database.write(rename)

Rules for such work, the same for both databases:

- It awaits methods of its transaction and nothing else. SQLite runs it in the writer's thread,
  where there is no event loop.
- It may be run more than once (a serialization failure, a group undone because the disk filled
  up), so it changes nothing but the database.
- After a failed statement the transaction is over: every further statement fails, and so does the
  whole work even if the failure was caught. Use ``ON CONFLICT`` where a clash is expected.

Failures that are not mistakes in the program are told in ``drover.ports.failures``.

DatabaseError (StoreError)
  ConstraintBroken    a rule of the schema refused the write
    UniqueBroken      two rows with the same key
    ReferenceBroken   a row points at one that is not there, or is still pointed at
    CheckBroken       a CHECK or NOT NULL rule
  StatementFailed     the database could not run the statement: a mistake in SQL or parameters
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from drover.ports.failures import StoreError

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from drover.store.statements import Dialect

T = TypeVar("T")

NO_PARAMETERS: Final[Mapping[str, object]] = {}


class DatabaseError(StoreError):
    """The database refused or could not run a statement."""


class ConstraintBroken(DatabaseError):
    """A rule of the schema refused the write."""


class UniqueBroken(ConstraintBroken):
    """There is a row with that key already."""


class ReferenceBroken(ConstraintBroken):
    """The row points at one that is not there, or is itself still pointed at."""


class CheckBroken(ConstraintBroken):
    """A CHECK or NOT NULL rule refused the row."""


class StatementFailed(DatabaseError):
    """The database could not run the statement: a mistake in the SQL or its parameters."""


class Row(Protocol):
    """One row: ``row["column"]``; iterating gives the values in column order."""

    def __getitem__(self, column: Any, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def keys(self) -> Iterable[str]:
        """Return the column names."""
        ...


class First(NamedTuple):
    """The first rows of a statement; ``full`` where there was no room for more."""

    rows: Sequence[Row]
    full: bool


def size_of(text: str) -> int:
    """Return how many bytes a text has."""
    return len(text) if text.isascii() else len(text.encode())


class Transaction(Protocol):
    """One atomic unit in progress."""

    dialect: Dialect

    async def fetch(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> Sequence[Row]:
        """Return all rows of a named statement."""
        ...

    async def fetch_within(
        self, statement: str, params: Mapping[str, object], column: str, most_bytes: int
    ) -> First:
        """Return the first rows of a named statement: those before texts fill ``most_bytes``.

        The texts are those of ``column``; the row that reaches so many bytes is the last. What
        comes behind is not brought into memory.
        """
        ...

    async def fetch_one(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> Row | None:
        """Return the first row of a named statement, or None."""
        ...

    async def execute(self, statement: str, params: Mapping[str, object] = NO_PARAMETERS) -> int:
        """Run a named statement and return the number of rows it touched."""
        ...

    async def execute_many(self, statement: str, rows: Sequence[Mapping[str, object]]) -> int:
        """Run a named statement once for each row and return how many times it ran."""
        ...

    async def fetch_many(
        self, statement: str, rows: Sequence[Mapping[str, object]]
    ) -> Sequence[Row]:
        """Run a named statement once for each row and return all that comes back, in one trip."""
        ...

    async def copy_rows(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> int:
        """Insert plain rows the fastest way the database has, and return how many."""
        ...

    async def fetch_sql(
        self, sql: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> Sequence[Row]:
        """Return all rows of SQL text built by the query compiler."""
        ...

    async def fetch_sql_within(
        self, sql: str, params: Mapping[str, object], column: str, most_bytes: int
    ) -> First:
        """Return the first rows of SQL text built by the query compiler; see ``fetch_within``."""
        ...

    async def execute_sql(self, sql: str, params: Mapping[str, object] = NO_PARAMETERS) -> int:
        """Run SQL text built by the query compiler; return the number of rows it touched."""
        ...

    async def now_ms(self) -> int:
        """Return the store's clock: milliseconds since 1970 in UTC."""
        ...


class Database(Protocol):
    """An open database."""

    @property
    def dialect(self) -> Dialect:
        """Which SQL it speaks."""
        ...

    async def open(self) -> None:
        """Open, assert the durable settings and apply missing migrations.

        Raises StoreRefused when the store may not be used as it is.
        """

    async def close(self) -> None:
        """Finish what was accepted, then close. Safe to call twice."""

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run work as one atomic unit; return once it is durable.

        Raises what work raises, with nothing of it kept; StoreFull, StoreBusy, StoreLost.
        """
        ...

    async def write_one(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run work of one writing statement, an atomic unit by itself; see ``write``.

        Raises what ``write`` raises, and StatementFailed at a second statement.
        """
        ...

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run work on one read-only snapshot. Raises what work raises; StoreBusy, StoreLost."""
        ...

    async def glance(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run a few keyed reads the fastest way; they may share no snapshot.

        With SQLite the event loop waits for them, so nothing that scans belongs here. Raises what
        work raises; StoreBusy, StoreLost.
        """
        ...

    async def fetch(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> Sequence[Row]:
        """Return all rows of one named reading statement."""
        ...

    async def fetch_one(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> Row | None:
        """Return the first row of one named reading statement, or None."""
        ...

    def stream(
        self,
        statement: str,
        params: Mapping[str, object] = NO_PARAMETERS,
        batch: int = 1000,
    ) -> AsyncIterator[Sequence[Row]]:
        """Yield the rows of a named statement, or of SQL text, in batches of one snapshot.

        Memory stays flat whatever the size of the result.
        """
        ...

    async def now_ms(self) -> int:
        """Return the store's clock: milliseconds since 1970 in UTC."""
        ...

    def settings(self) -> Mapping[str, object]:
        """Return the settings that were read back at open, for ``drover doctor``."""
        ...
