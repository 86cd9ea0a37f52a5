"""Servers and databases of the contract tests; a module's own of the same name counts first."""

import pytest
import pytest_asyncio

from tests.contract.driver_store import MAKE
from tests.support.access_server import AccessServer
from tests.support.digi_server import DigiServer
from tests.support.tmm_server import TmmServer


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """A dialect, and where an empty store of it is."""
    if request.param == "sqlite":
        return "sqlite", str(tmp_path / "drover.sqlite")
    return "postgres", request.getfixturevalue("empty_postgres_url")


@pytest.fixture
def make(place):
    """How to make a database object on one and the same store."""
    dialect, where = place
    return lambda: MAKE[dialect](where)


@pytest_asyncio.fixture
async def things(make):
    """An open database with a table of things."""
    database = make()
    await database.open()
    yield database
    await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tmm_of_the_module(shared_database):
    """A server of beacon jobs for all tests of a module."""
    made = await TmmServer(shared_database).begin()
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def tmm(tmm_of_the_module):
    """A server of beacon jobs in which there is nothing but its administrator."""
    yield tmm_of_the_module
    await tmm_of_the_module.forget()


@pytest_asyncio.fixture
async def digi_server(database):
    """A server of the inventory."""
    made = await DigiServer(database).begin()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def server(database):
    """A server with real access control, in which there is nothing."""
    running = AccessServer(database)
    yield running
    await running.close()


@pytest_asyncio.fixture
async def admin(server):
    """A session of its first administrator."""
    return await server.start()


@pytest_asyncio.fixture
async def ann(server, admin):
    """A session of a user."""
    return await server.user(admin, "ann@example.com")
