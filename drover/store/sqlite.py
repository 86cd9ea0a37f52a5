"""SQLite behind the driver interface: one durable writer thread, readers beside it.

Write-ahead log with ``synchronous=FULL``: a commit is on the disk before anybody is told. All
writes that wait share one commit, so many callers cost one flush. Reads run on connections of
their own and see the last commit. The folder belongs to one server, held by a lock file.
"""

from __future__ import annotations

import asyncio
import contextvars
import fcntl
import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeVar

import msgspec

from drover.ports.failures import StoreBusy, StoreClosed, StoreRefused
from drover.store.compile import register_functions
from drover.store.completions import Completions
from drover.store.driver import NO_PARAMETERS
from drover.store.migrate import Migration, load_migrations, migrate, to_come
from drover.store.sqlite_revision import RevisionInMemory
from drover.store.sqlite_stream import SqliteStream
from drover.store.sqlite_threads import Reader, Request, RequestQueue, Writer
from drover.store.sqlite_transaction import (
    SqliteTransaction,
    drive,
    now_ms,
    statement_text,
)
from drover.store.statements import Statement, load
from drover.store.struct_types import complete_struct_types

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from drover.store.statements import Dialect

T = TypeVar("T")

OLDEST_SQLITE: Final = (3, 38, 0)
"""RETURNING, the JSON arrows and upserts as the statements use them."""
BUSY_MS: Final = 5000
"""How long to wait for another program (a backup, a shell) that holds the file."""
MOST_WAITING: Final = 20_000
"""With so many pieces of work in a queue, more is refused rather than made to wait."""
READER_CACHE_KIB: Final = 16_384
"""What each reading thread keeps of the file; whoever reads all of it fills it, and no more."""
CHECKPOINT_PAGES: Final = 4000
"""A commit that makes the log longer than this moves it into the file (16 MB)."""
STREAMS: Final = 4
"""Results that may be streamed at a time; more wait for their turn."""

_PRAGMAS: Final = (
    f"PRAGMA busy_timeout={BUSY_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-32768",
    f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}",
    "PRAGMA journal_size_limit=67108864",
)
_REQUIRED: Final[Mapping[str, object]] = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
}
_SHOWN: Final = (*_REQUIRED, "busy_timeout", "temp_store", "cache_size", "page_size")

# Lists and tuples are bound as JSON text, to be read with json_each (see statements.py).
sqlite3.register_adapter(list, lambda values: msgspec.json.encode(values).decode())
sqlite3.register_adapter(tuple, lambda values: msgspec.json.encode(values).decode())


class SqliteDatabase:
    """A database in one file."""

    dialect: Dialect = "sqlite"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        functions: Callable[[sqlite3.Connection], None] = register_functions,
        readers: int = 2,
        statements: Mapping[str, Statement] | None = None,
        migrations: Sequence[Migration] | None = None,
        migrates: bool = True,
    ) -> None:
        """Prepare to use the file at ``path``.

        ``functions`` registers SQL functions on each connection; ``readers`` counts the reading
        threads; ``statements`` come on top of those in the ``.sql`` files. Without ``migrates`` its
        settings tell how many migrations it awaits.
        """
        self._migrates = migrates
        self._path = Path(path)
        self._functions = functions
        self._reader_count = readers
        named = {**load("sqlite"), **(statements or {})}
        self._statements = {name: statement.sql for name, statement in named.items()}
        self._migrations = load_migrations("sqlite") if migrations is None else migrations
        self._settings: dict[str, object] = {}
        self._lock: IO[str] | None = None
        self._threads: list[Writer | Reader] = []
        self._writes: RequestQueue = RequestQueue()
        self._reads: RequestQueue = RequestQueue()
        self._streams = asyncio.Semaphore(STREAMS)
        self._streaming: set[SqliteStream] = set()
        self._glancing: sqlite3.Connection | None = None
        self._revision: RevisionInMemory | None = None
        self._open = False

    @property
    def access_revision(self) -> int | None:
        """The revision of access as of the last commit; None where it has to be read."""
        return None if self._revision is None else self._revision.current

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    async def open(self) -> None:
        """Lock the folder, assert the settings, migrate and start the threads.

        Raises StoreRefused when another server uses the file or a setting does not hold.
        """
        if self._open:
            return
        complete_struct_types()
        loop = asyncio.get_running_loop()
        self._lock = await asyncio.to_thread(_lock, self._path)
        try:
            connections = await asyncio.to_thread(self._prepare)
        except BaseException:
            self._unlock()
            raise
        completions = Completions(loop)
        writer, self._glancing, *readers = connections
        self._revision = RevisionInMemory(writer)
        self._threads = [
            Writer(writer, self._statements, self._writes, completions, self._revision),
            *(Reader(each, self._statements, self._reads, completions) for each in readers),
        ]
        for thread in self._threads:
            thread.start()
        self._open = True

    async def close(self) -> None:
        """Finish what was accepted, then close. Safe to call twice."""
        if not self._open:
            return
        self._open = False
        self._revision = None
        if self._glancing is not None:
            self._glancing.close()
            self._glancing = None
        for stream in self._streaming:
            stream.interrupt()
        writer, *readers = self._threads
        for _ in readers:
            self._reads.put(None)
        for reader in readers:
            await asyncio.to_thread(reader.join)
        self._writes.put(None)  # the writer comes last: who closes last tidies the log away
        await asyncio.to_thread(writer.join)
        self._unlock()

    async def write(self, work: Callable[[SqliteTransaction], Awaitable[T]]) -> T:
        """Run work as one atomic unit; return once it is on the disk.

        Raises what work raises, with nothing of it kept; StoreFull, StoreBusy, StoreClosed.
        """
        return await self._ask(self._writes, work)

    async def write_one(self, work: Callable[[SqliteTransaction], Awaitable[T]]) -> T:
        """Run work of one writing statement; nothing is to be saved, as it shares a commit."""
        return await self._ask(self._writes, work)

    async def read(self, work: Callable[[SqliteTransaction], Awaitable[T]]) -> T:
        """Run work on one read-only snapshot. Raises what work raises; StoreClosed."""
        return await self._ask(self._reads, work)

    async def glance(self, work: Callable[[SqliteTransaction], Awaitable[T]]) -> T:
        """Run a few keyed reads at once, here in the loop: a trip to a thread costs far more.

        Each read sees the last commit; they share no snapshot. Raises what work does; StoreClosed.
        """
        if self._glancing is None:
            raise StoreClosed("the store is not open")
        return drive(work, SqliteTransaction(self._glancing, self._statements))

    async def fetch(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> Sequence[sqlite3.Row]:
        """Return all rows of one named reading statement."""
        return await self.read(lambda tx: tx.fetch(statement, params))

    async def fetch_one(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> sqlite3.Row | None:
        """Return the first row of one named reading statement, or None."""
        return await self.read(lambda tx: tx.fetch_one(statement, params))

    async def stream(
        self,
        statement: str,
        params: Mapping[str, object] = NO_PARAMETERS,
        batch: int = 1000,
    ) -> AsyncIterator[Sequence[sqlite3.Row]]:
        """Yield the rows of a named statement, or of SQL text, in batches of one snapshot."""
        sql = statement if " " in statement else statement_text(self._statements, statement)
        async with self._streams:
            if not self._open:
                raise StoreClosed("the store is not open")
            stream = SqliteStream(partial(self._connect, reading=True))
            self._streaming.add(stream)
            try:
                await stream.open(sql, params)
                while rows := await stream.next_batch(batch):
                    yield rows
            finally:
                self._streaming.discard(stream)
                stream.close()

    async def now_ms(self) -> int:
        """Return the store's clock: milliseconds since 1970 in UTC."""
        return now_ms()

    def settings(self) -> Mapping[str, object]:
        """Return the settings that were read back at open."""
        return self._settings

    def _ask(
        self, queue: RequestQueue, work: Callable[[SqliteTransaction], Awaitable[T]]
    ) -> asyncio.Future[T]:
        if not self._open:
            raise StoreClosed("the store is not open")
        if queue.qsize() >= MOST_WAITING:
            raise StoreBusy(f"{MOST_WAITING} others wait for the store already")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        queue.put(Request(work, future, contextvars.copy_context()))
        return future

    def _prepare(self) -> list[sqlite3.Connection]:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise StoreRefused(f"SQLite {sqlite3.sqlite_version} is too old: 3.38 or newer needed")
        connections = [self._connect()]
        try:
            self._settings = _settings(connections[0])
            if self._migrates:
                _migrate(connections[0], self._statements, self._migrations)
            else:
                tx = SqliteTransaction(connections[0], self._statements)
                awaited = drive(lambda tx: to_come(tx, self._migrations), tx)
                self._settings["migrations_to_come"] = len(awaited)
            connections += [self._connect(reading=True) for _ in range(self._reader_count + 1)]
        except BaseException:
            for connection in connections:
                connection.close()
            raise
        return connections

    def _connect(self, *, reading: bool = False) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self._path,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=512,
            )
            for pragma in _PRAGMAS:
                connection.execute(pragma)
        except sqlite3.Error as error:
            raise StoreRefused(f"{self._path} cannot be opened: {error}") from error
        connection.row_factory = sqlite3.Row
        self._functions(connection)
        if reading:
            connection.execute("PRAGMA query_only=ON")
            connection.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB}")
        return connection

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _lock(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(path.name + ".lock").open("a+")
    except OSError as error:
        raise StoreRefused(f"{path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise StoreRefused(
            f"{path} is in use by another server (process {holder}); stop it, or give this one "
            "a folder of its own, or use PostgreSQL for several servers"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _settings(connection: sqlite3.Connection) -> dict[str, object]:
    found: dict[str, object] = {"sqlite_version": sqlite3.sqlite_version}
    for name in _SHOWN:
        found[name] = connection.execute(f"PRAGMA {name}").fetchone()[0]
    for name, needed in _REQUIRED.items():
        if found[name] != needed:
            raise StoreRefused(
                f"SQLite's {name} is {found[name]!r} but must be {needed!r}: without it an "
                "accepted write could be lost (is the file on a network share or in memory?)"
            )
    return found


def _migrate(
    connection: sqlite3.Connection,
    statements: Mapping[str, str],
    migrations: Sequence[Migration],
) -> None:
    async def run_script(script: str) -> None:
        for statement in _split(script):
            connection.execute(statement)

    async def work(tx: SqliteTransaction) -> None:
        await migrate(tx, migrations, run_script)

    connection.execute("BEGIN IMMEDIATE")
    try:
        drive(work, SqliteTransaction(connection, statements))
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreRefused(f"the migration failed: {error}") from error


def _split(script: str) -> list[str]:
    """Cut a script into statements; SQLite itself knows where one ends (triggers, strings)."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return [*statements, current] if current.strip() else statements
