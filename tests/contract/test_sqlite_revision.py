"""The revision of access in the memory of a server on SQLite is that of the file, whatever ends."""

import asyncio
import sqlite3
import threading

import pytest
import pytest_asyncio

from drover.store.access import AccessTables, StoredRevisions, revisions_of
from drover.store.driver import NO_PARAMETERS
from drover.store.migrate import Migration
from drover.store.sqlite import SqliteDatabase
from drover.store.sqlite_revision import RevisionInMemory


@pytest_asyncio.fixture
async def database(tmp_path):
    opened = SqliteDatabase(tmp_path / "drover.sqlite", readers=1)
    await opened.open()
    yield opened
    await opened.close()


async def both(database):
    """Return the revision in memory and that of the file."""
    return await revisions_of(database).current(), await StoredRevisions(database).current()


async def raising(tx):
    await AccessTables(tx).raise_revision()


async def raising_and_failing(tx):
    await raising(tx)
    raise LookupError("taken back")


async def test_a_raise_counts_from_the_moment_it_is_answered(database):
    before, _ = await both(database)

    await database.write(raising)

    assert await both(database) == (before + 1, before + 1)


async def test_a_raise_that_was_taken_back_does_not_count(database):
    before, _ = await both(database)

    with pytest.raises(LookupError):
        await database.write(raising_and_failing)

    assert await both(database) == (before, before)


async def test_of_a_shared_commit_only_what_was_kept_counts(database):
    before, _ = await both(database)

    ended = await asyncio.gather(
        *(database.write(work) for work in (raising, raising_and_failing, raising)),
        return_exceptions=True,
    )

    assert [type(each) for each in ended] == [type(None), LookupError, type(None)]
    assert await both(database) == (before + 2, before + 2)


async def test_a_raise_counts_though_its_caller_has_gone(database):
    before, _ = await both(database)
    begun, go_on = threading.Event(), threading.Event()

    async def slowly(tx):
        await raising(tx)
        begun.set()
        go_on.wait(60)

    asking = asyncio.create_task(database.write(slowly))
    await asyncio.to_thread(begun.wait, 60)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    go_on.set()
    await database.write(lambda tx: tx.fetch_one("next_account_number"))

    assert await both(database) == (before + 1, before + 1)


async def test_it_goes_on_from_what_the_file_holds(tmp_path):
    path = tmp_path / "drover.sqlite"
    first = SqliteDatabase(path)
    await first.open()
    await first.write(raising)
    left_at, _ = await both(first)
    await first.close()

    second = SqliteDatabase(path)
    await second.open()
    found = await both(second)
    await second.close()

    assert found == (left_at, left_at)


async def test_a_database_without_access_has_no_revision(tmp_path):
    schema = Migration(1, "things", "CREATE TABLE thing (id TEXT NOT NULL PRIMARY KEY);")
    things = SqliteDatabase(tmp_path / "drover.sqlite", migrations=(schema,))
    assert things.access_revision is None

    await things.open()

    assert things.access_revision is None
    await things.close()


class Flawed:
    """A connection whose reads fail while it is told so."""

    def __init__(self, real):
        self._real = real
        self.fails = False

    def create_function(self, *given):
        self._real.create_function(*given)

    def execute(self, sql, params=NO_PARAMETERS):
        if self.fails:
            raise sqlite3.OperationalError("disk I/O error")
        return self._real.execute(sql, params)


def test_what_could_not_be_read_is_unknown_until_it_can_be():
    flawed = Flawed(sqlite3.connect(":memory:"))
    flawed.execute("CREATE TABLE access_counter (name TEXT, value BIGINT)")
    flawed.execute("INSERT INTO access_counter VALUES ('revision', 7), ('account_number', 1)")
    watched = RevisionInMemory(flawed)
    found = [watched.current]

    flawed.execute("UPDATE access_counter SET value = value + 1")
    for flawed.fails in (True, True, False):
        watched.settle()
        found.append(watched.current)

    assert found == [7, None, None, 8]


def test_other_counters_are_not_looked_at():
    flawed = Flawed(sqlite3.connect(":memory:"))
    flawed.execute("CREATE TABLE access_counter (name TEXT, value BIGINT)")
    flawed.execute("INSERT INTO access_counter VALUES ('revision', 7), ('account_number', 1)")
    watched = RevisionInMemory(flawed)

    flawed.execute("UPDATE access_counter SET value = 2 WHERE name = 'account_number'")
    flawed.fails = True
    watched.settle()

    assert watched.current == 7
