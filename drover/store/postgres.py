"""PostgreSQL behind the driver interface: asyncpg, one pool, no ORM.

Work is awaited in the loop inside a transaction on a pooled connection. Serialization failures and
deadlocks are tried again; a broken connection is replaced by the pool. Do not put a pooler that
shares sessions between transactions in front: prepared statements are kept per connection.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg

from drover.ports.failures import StoreBusy, StoreClosed, StoreLost, StoreRefused
from drover.store.driver import NO_PARAMETERS
from drover.store.migrate import Migration, load_migrations, migrate, to_come
from drover.store.postgres_glance import Glance, Glances, WantsTransaction
from drover.store.postgres_transaction import (
    FAILURES,
    LOST,
    Collision,
    Lone,
    PostgresTransaction,
    Stale,
    next_batch,
    translate,
)
from drover.store.statements import Statement, load, positional
from drover.store.struct_types import complete_struct_types

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    from drover.store.statements import Dialect

T = TypeVar("T")

POOL_SIZE: Final = 16
"""Connections of one process; all processes together must stay below ``max_connections``."""
STATEMENT_S: Final = 300
"""A statement that runs for longer is stopped."""
LOCK_S: Final = 10
"""A statement that waits for a row for longer is stopped."""
IDLE_S: Final = 60
"""A transaction whose process fell silent for so long is undone, and its rows are freed."""
CLOSE_S: Final = 15
"""Closing waits so long for work that was accepted."""
OLDEST_SERVER: Final = 140000
"""PostgreSQL 14, as ``server_version_num``."""
ATTEMPTS: Final = 6
"""How often work is tried when transactions get in each other's way."""
FIRST_PAUSE_S: Final = 0.005
"""Longest pause before the second attempt; it doubles with each further one."""

_NO_URL: Final = (
    "the URL of the database cannot be read: postgresql://USER:PASSWORD@HOST:PORT/NAME is its form,"
    " with %2F, %40, %5B for /, @, [ in a password and so on"
)
_BEGIN_WRITE: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_BEGIN_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_UNHURRIED: Final = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"
_SESSION: Final = {
    "application_name": "drover",
    "jit": "off",
    "statement_timeout": f"{STATEMENT_S}s",
    "lock_timeout": f"{LOCK_S}s",
    "idle_in_transaction_session_timeout": f"{IDLE_S}s",
}
_REQUIRED: Final[Mapping[str, tuple[object, ...]]] = {
    "synchronous_commit": ("on", "remote_apply"),
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "server_encoding": ("UTF8",),
}


class PostgresDatabase:
    """A database on a PostgreSQL server, shared with other processes of Drover."""

    dialect: Dialect = "postgres"

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = POOL_SIZE,
        wait_s: float = 5.0,
        statements: Mapping[str, Statement] | None = None,
        migrations: Sequence[Migration] | None = None,
        migrates: bool = True,
    ) -> None:
        """Prepare to use the database at ``url``.

        At most ``pool_size`` connections are kept; ``wait_s`` is how long to wait for a free one.
        Without ``migrates`` its settings tell how many migrations it awaits.
        """
        self._migrates = migrates
        self._url = url
        self._pool_size = pool_size
        self._wait_s = wait_s
        named = {**load("postgres"), **(statements or {})}
        self._statements = {name: positional(each.sql) for name, each in named.items()}
        self._migrations = load_migrations("postgres") if migrations is None else migrations
        self._settings: dict[str, object] = {}
        self._glances = Glances()
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self) -> None:
        """Connect, assert the settings and migrate.

        Raises StoreRefused when a setting does not hold, StoreLost when the server is away.
        """
        if self._pool is not None:
            return
        complete_struct_types()
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=self._pool_size,
                statement_cache_size=1024,
                max_cached_statement_lifetime=0,
                command_timeout=STATEMENT_S + LOCK_S,
                reset=_keep_session,
                server_settings=_SESSION,
            )
        except ValueError:  # its text may show a part of the password
            raise StoreRefused(_NO_URL) from None
        except FAILURES as error:
            raise StoreLost(f"{LOST}: {error}") from error
        try:
            await self._prepare()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was accepted, then close. Safe to call twice."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._idle.wait()
                await pool.close()
        except TimeoutError:  # somebody holds a stream open, or the server fell silent
            pool.terminate()

    async def write(self, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        """Run work as one atomic unit; return once it is durable.

        Raises what work raises, with nothing of it kept; StoreFull, StoreBusy, StoreLost.
        """
        return await self._attempts(_BEGIN_WRITE, work)

    async def write_one(self, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        """Run work of one writing statement without BEGIN and COMMIT: one round trip, not three.

        It is tried again where transactions get in each other's way, as nothing was kept then.
        """
        return await self._patiently(partial(self._lone, work))

    async def glance(self, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        """Run a few keyed reads the fastest way; see ``read``."""
        return await self.read(work)

    async def read(self, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        """Run work on one read-only snapshot. Raises what work raises; StoreBusy, StoreLost.

        One statement is a snapshot by itself, so work is tried without a transaction first, which
        saves two round trips of three. Work that goes on is run again within one.
        """
        try:
            async with self._connection() as connection:
                glance = Glance(connection, self._statements, self._glances)
                try:
                    return await work(glance)
                finally:
                    glance.end()
        except (WantsTransaction, StoreLost):
            pass  # leave the handler, so that a failure below does not drag this one along
        return await self._attempts(_BEGIN_READ, work)

    async def fetch(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> Sequence[asyncpg.Record]:
        """Return all rows of one named reading statement, in one round trip."""
        return await self.read(lambda tx: tx.fetch(statement, params))

    async def fetch_one(
        self, statement: str, params: Mapping[str, object] = NO_PARAMETERS
    ) -> asyncpg.Record | None:
        """Return the first row of one named reading statement, in one round trip."""
        return await self.read(lambda tx: tx.fetch_one(statement, params))

    async def stream(
        self,
        statement: str,
        params: Mapping[str, object] = NO_PARAMETERS,
        batch: int = 1000,
    ) -> AsyncIterator[Sequence[asyncpg.Record]]:
        """Yield the rows of a named statement, or of SQL text, in batches of one snapshot."""
        async with self._connection() as connection:
            tx = self._transaction(connection)
            await tx.control(_BEGIN_READ)
            try:
                cursor = await tx.cursor(statement, params)
                while rows := await next_batch(cursor, batch):
                    yield rows
            finally:
                await _roll_back(connection)

    async def now_ms(self) -> int:
        """Return the server's clock: milliseconds since 1970 in UTC."""
        return await self.read(lambda tx: tx.now_ms())

    def settings(self) -> Mapping[str, object]:
        """Return the settings that were read back at open."""
        return self._settings

    async def _prepare(self) -> None:
        row = await self.fetch_one("postgres_settings")
        self._settings = dict(row) if row is not None else {}
        _assert_settings(self._settings)
        if not self._migrates:
            awaited = await self.read(lambda tx: to_come(tx, self._migrations))
            self._settings["migrations_to_come"] = len(awaited)
            return

        async def work(tx: PostgresTransaction) -> None:
            async def run_script(script: str) -> None:
                await tx.run_script(script)
                await tx.execute("postgres_collate_text_columns")

            await tx.run_script(_UNHURRIED)
            await tx.execute("postgres_lock_migrations")
            await migrate(tx, self._migrations, run_script)

        await self.write(work)

    async def _attempts(self, begin: str, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        return await self._patiently(partial(self._attempt, begin, work))

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        pause = FIRST_PAUSE_S
        for _ in range(ATTEMPTS - 1):
            try:
                return await attempt()
            except (Collision, Stale):
                pass
            await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - spreads contenders
            pause *= 2
        return await attempt()

    async def _lone(self, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        async with self._connection() as connection:
            lone = Lone(connection, self._statements)
            try:
                return await work(lone)
            finally:
                lone.end()

    async def _attempt(self, begin: str, work: Callable[[PostgresTransaction], Awaitable[T]]) -> T:
        async with self._connection() as connection:
            tx = self._transaction(connection)
            try:
                await tx.control(begin)
            except StoreLost as loss:
                raise Stale(LOST) from loss
            try:
                result = await work(tx)
                await tx.control("COMMIT")
            finally:
                tx.end()
                await _roll_back(connection)
            return result

    def _transaction(self, connection: Any) -> PostgresTransaction:
        return PostgresTransaction(connection, self._statements)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        pool = self._pool
        if pool is None:
            raise StoreClosed("the store is not open")
        with self._counted():
            connection = await self._acquire(pool)
            try:
                yield connection
            except StoreLost:
                with suppress(asyncpg.InterfaceError):  # it knows already that it is broken
                    connection.terminate()
                raise
            finally:
                # Nobody waits for the statement; one whose end does not come costs its connection.
                with suppress(TimeoutError):
                    await pool.release(connection)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Let ``close`` know that a piece of work is not done yet."""
        self._busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if self._busy == 0:
                self._idle.set()

    async def _acquire(self, pool: asyncpg.Pool[asyncpg.Record]) -> Any:
        try:
            return await pool.acquire(timeout=self._wait_s)
        except TimeoutError:
            raise StoreBusy(f"no database connection came free in {self._wait_s:g} s") from None
        except FAILURES as error:
            raise translate(error) from error


async def _roll_back(connection: Any) -> None:
    """Leave the transaction if one is still open; a broken connection has left it already."""
    with suppress(*FAILURES):
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK")


async def _keep_session(_connection: Any) -> None:
    """Skip the round trip that would reset a session in which we never change anything."""


def _assert_settings(settings: Mapping[str, Any]) -> None:
    if settings["server_version_num"] < OLDEST_SERVER:
        raise StoreRefused(
            f"PostgreSQL {settings['server_version']} is too old: 14 or newer is needed"
        )
    for name, accepted in _REQUIRED.items():
        if settings[name] not in accepted:
            raise StoreRefused(
                f"PostgreSQL's {name} is {settings[name]!r} but must be {accepted[0]!r}: "
                "without it an accepted write could be lost or garbled"
            )
