"""What the SQLite driver promises beyond the driver interface."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import pytest_asyncio

from drover.ports.failures import StoreBusy, StoreFull, StoreLost, StoreRefused
from drover.store import sqlite as sqlite_module
from drover.store import sqlite_threads
from drover.store.driver import ReferenceBroken, StatementFailed
from drover.store.migrate import Migration
from drover.store.sqlite import SqliteDatabase
from drover.store.statements import Statement

SCHEMA = """
CREATE TABLE thing (
    id    TEXT NOT NULL PRIMARY KEY,
    owner TEXT REFERENCES thing (id)
);
CREATE TRIGGER thing_owns_itself AFTER INSERT ON thing WHEN new.owner = 'self' BEGIN
    UPDATE thing SET owner = new.id WHERE id = new.id; -- a statement within a statement
END;
"""
STATEMENTS = {
    name: Statement(name, "For a test.", sql, "test")
    for name, sql in {
        "add": "INSERT INTO thing (id) VALUES (:id)",
        "add_owned": "INSERT INTO thing (id, owner) VALUES (:id, :owner)",
        "every": "SELECT id FROM thing ORDER BY id",
        "fold": "SELECT casefold('ÄB') AS folded",
    }.items()
}


def at(path):
    return SqliteDatabase(
        path, statements=STATEMENTS, migrations=(Migration(1, "things", SCHEMA),), readers=1
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "folder" / "drover.sqlite"


@pytest_asyncio.fixture
async def things(path):
    database = at(path)
    await database.open()
    yield database
    await database.close()


def adding(name):
    async def work(tx):
        return await tx.execute("add", {"id": name})

    return work


async def ids(database):
    return [row["id"] for row in await database.fetch("every")]


async def open_and_read(path):
    database = at(path)
    await database.open()
    try:
        return await ids(database)
    finally:
        await database.close()


async def together(database, *works):
    """Run works that are certain to share a group: the writer is held until all of them wait."""
    hold, holding = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def first(tx):
        loop.call_soon_threadsafe(holding.set)
        hold.wait(60)

    tasks = [asyncio.create_task(database.write(first))]
    await holding.wait()
    tasks += [asyncio.create_task(database.write(work)) for work in works]
    await asyncio.sleep(0)
    hold.set()
    return (await asyncio.gather(*tasks, return_exceptions=True))[1:]


async def test_readers_see_only_what_was_committed(things):
    seen, inserted, go_on = [], asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def slow(tx):
        await tx.execute("add", {"id": "a"})
        loop.call_soon_threadsafe(inserted.set)
        go_on.wait(60)

    writing = asyncio.create_task(things.write(slow))
    await inserted.wait()
    seen.append(await ids(things))
    go_on.set()
    await writing
    seen.append(await ids(things))

    assert seen == [[], ["a"]]


async def test_a_read_of_several_statements_is_one_snapshot(things):
    read_once, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def twice(tx):
        first = await tx.fetch("every")
        loop.call_soon_threadsafe(read_once.set)
        go_on.wait(60)
        return first, await tx.fetch("every")

    reading = asyncio.create_task(things.read(twice))
    await read_once.wait()
    await things.write(adding("a"))
    go_on.set()

    assert await reading == ([], [])


@pytest.mark.parametrize("way", ["write", "read"])
@pytest.mark.parametrize("pause", [0, 0.01])
async def test_work_that_awaits_anything_else_is_refused(things, way, pause):
    async def work(tx):
        if way == "write":
            await tx.execute("add", {"id": "a"})
        await asyncio.sleep(pause)

    with pytest.raises(RuntimeError):
        await getattr(things, way)(work)

    assert await ids(things) == []


async def test_when_the_group_is_undone_each_work_is_run_again_alone(things):
    async def destructive(tx):
        await tx.execute_sql("ROLLBACK")
        raise LookupError("took everything down")

    outcomes = await together(things, adding("a"), destructive, adding("b"))

    assert [outcome if outcome == 1 else type(outcome) for outcome in outcomes] == [
        1,
        LookupError,
        1,
    ]
    assert await ids(things) == ["a", "b"]


async def test_when_the_commit_fails_only_the_guilty_work_is_lost(things):
    async def guilty(tx):
        await tx.execute_sql("PRAGMA defer_foreign_keys = ON")
        await tx.execute("add_owned", {"id": "x", "owner": "nobody"})

    outcomes = await together(things, adding("a"), guilty, adding("b"))
    alone = await asyncio.gather(things.write(guilty), return_exceptions=True)

    assert [outcomes[0], outcomes[2]] == [1, 1]
    assert isinstance(outcomes[1], ReferenceBroken)
    assert isinstance(alone[0], ReferenceBroken)
    assert await ids(things) == ["a", "b"]


async def test_work_that_fails_before_it_writes_leaves_the_others_as_they_are(things):
    runs = []

    async def failing(tx):
        await tx.fetch("every")
        raise LookupError("nothing was written")

    async def counted(tx):
        runs.append("run")
        return await tx.execute("add", {"id": "a"})

    outcomes = await together(things, counted, failing, adding("b"))

    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == [1, LookupError, 1]
    assert runs == ["run"]
    assert await ids(things) == ["a", "b"]


async def test_work_that_fails_after_it_has_written_takes_only_its_own_with_it(things):
    async def failing(tx):
        await tx.execute("add", {"id": "gone"})
        raise LookupError("too late")

    async def guilty(tx):
        await tx.execute_sql("PRAGMA defer_foreign_keys = ON")
        await tx.execute("add_owned", {"id": "x", "owner": "nobody"})

    kept = await together(things, adding("a"), failing, adding("b"))
    alone = await asyncio.gather(things.write(failing), return_exceptions=True)
    lost = await together(things, adding("c"), guilty, failing)

    assert [kept[0], type(kept[1]), kept[2]] == [1, LookupError, 1]
    assert isinstance(alone[0], LookupError)
    assert [lost[0], type(lost[1]), type(lost[2])] == [1, ReferenceBroken, LookupError]
    assert await ids(things) == ["a", "b", "c"]


async def test_work_that_waits_when_the_store_closes_is_kept(things, path):
    hold, holding = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def first(tx):
        loop.call_soon_threadsafe(holding.set)
        hold.wait(60)

    tasks = [asyncio.create_task(things.write(first))]
    await holding.wait()
    tasks += [asyncio.create_task(things.write(adding(name))) for name in "abc"]
    await asyncio.sleep(0)
    closing = asyncio.create_task(things.close())
    async with asyncio.timeout(60):
        while things._writes.qsize() < 4:  # three of work, and the mark that closes
            await asyncio.sleep(0.001)
    hold.set()
    await closing

    assert await asyncio.gather(*tasks) == [None, 1, 1, 1]
    assert await open_and_read(path) == ["a", "b", "c"]


async def test_when_too_much_waits_more_is_refused(things, monkeypatch):
    monkeypatch.setattr(sqlite_module, "MOST_WAITING", 3)
    hold, holding = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def first(tx):
        loop.call_soon_threadsafe(holding.set)
        hold.wait(60)

    tasks = [asyncio.create_task(things.write(first))]
    await holding.wait()
    tasks += [asyncio.create_task(things.write(adding(name))) for name in "abcde"]
    await asyncio.sleep(0)
    hold.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert outcomes[:4] == [None, 1, 1, 1]
    assert [type(outcome) for outcome in outcomes[4:]] == [StoreBusy, StoreBusy]


async def test_a_reader_whose_transaction_ended_early_goes_on(things):
    await things.write(adding("a"))

    async def ending(tx):
        await tx.fetch_sql("ROLLBACK")
        return "ended"

    assert await things.read(ending) == "ended"
    assert await ids(things) == ["a"]


async def test_a_mistake_of_the_driver_does_not_leave_callers_waiting(things, monkeypatch):
    def mistaken(*_arguments):
        raise LookupError("a mistake")

    monkeypatch.setattr(sqlite_threads, "run_request", mistaken)
    outcomes = await asyncio.gather(things.write(adding("a")), return_exceptions=True)
    monkeypatch.undo()

    assert [str(outcome) for outcome in outcomes] == ["a mistake"]
    await things.write(adding("b"))
    assert await ids(things) == ["b"]


async def test_a_caller_that_left_before_its_turn_is_not_served(things):
    hold, holding = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def first(tx):
        loop.call_soon_threadsafe(holding.set)
        hold.wait(60)

    held = asyncio.create_task(things.write(first))
    await holding.wait()
    gone = asyncio.create_task(things.write(adding("gone")))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    hold.set()
    await held

    await things.write(adding("next"))
    assert await ids(things) == ["next"]


async def test_a_full_disk_refuses_the_write_and_nothing_else(things):
    async def limit(tx):
        pages = (await tx.fetch_sql("PRAGMA page_count"))[0][0]
        await tx.fetch_sql(f"PRAGMA max_page_count = {pages + 4}")

    async def big(tx):
        await tx.execute("add", {"id": "x" * 1_000_000})

    await things.write(adding("before"))
    await things.write(limit)

    with pytest.raises(StoreFull):
        await things.write(big)
    outcomes = await together(things, adding("small"), big, adding("other"))

    assert [outcomes[0], outcomes[2]] == [1, 1]
    assert isinstance(outcomes[1], StoreFull)
    assert await ids(things) == ["before", "other", "small"]
    await things.write(lambda tx: tx.fetch_sql("PRAGMA max_page_count = 1000000"))
    await things.write(big)
    assert len(await ids(things)) == 4


async def test_a_file_held_by_another_program_is_told_as_busy(things, path):
    await things.write(lambda tx: tx.fetch_sql("PRAGMA busy_timeout = 10"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    outcomes = await asyncio.gather(
        things.write(adding("a")), things.write(adding("b")), return_exceptions=True
    )
    other.close()

    assert {type(outcome) for outcome in outcomes} == {StoreBusy}
    await things.write(adding("c"))
    assert await ids(things) == ["c"]


async def test_a_second_server_on_the_same_file_is_refused(things, path):
    with pytest.raises(StoreRefused, match=rf"another server \(process {os.getpid()}\)"):
        await at(path).open()

    await things.close()
    again = at(path)
    await again.open()
    await again.close()


async def test_a_server_in_another_process_is_refused_until_the_first_one_dies(path):
    root = str(Path(__file__).parents[2])
    program = (
        "import asyncio, sys\n"
        "from tests.contract.test_sqlite_driver import at\n"
        "async def main():\n"
        "    database = at(sys.argv[1])\n"
        "    await database.open()\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.read()\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": root},
    )
    assert await child.stdout.readline() == b"open\n"

    with pytest.raises(StoreRefused, match=str(child.pid)):
        await at(path).open()

    child.kill()
    await child.wait()
    database = at(path)
    await database.open()
    await database.close()


async def test_a_store_without_its_durable_settings_is_refused(path, monkeypatch):
    weaker = [
        pragma.replace("synchronous=FULL", "synchronous=NORMAL")
        for pragma in sqlite_module._PRAGMAS
    ]
    monkeypatch.setattr(sqlite_module, "_PRAGMAS", weaker)

    with pytest.raises(StoreRefused, match="synchronous is 1 but must be 2"):
        await at(path).open()

    monkeypatch.undo()
    database = at(path)  # the lock was given back
    await database.open()
    await database.close()


async def test_an_old_sqlite_is_refused(path, monkeypatch):
    monkeypatch.setattr(sqlite_module, "OLDEST_SQLITE", (99, 0, 0))

    with pytest.raises(StoreRefused, match="too old"):
        await at(path).open()


async def test_a_file_that_is_no_database_is_refused(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 1000)

    with pytest.raises(StoreRefused, match="cannot be opened"):
        await at(path).open()


async def test_a_migration_that_fails_leaves_the_store_as_it_was(path):
    good = Migration(1, "things", SCHEMA)
    bad = Migration(2, "more", "CREATE TABLE more (id TEXT);\nCREATE TABLE thing (id TEXT);\n")
    database = SqliteDatabase(path, migrations=(good, bad))

    with pytest.raises(StoreRefused, match="table thing already exists"):
        await database.open()

    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    connection.close()
    assert tables == (0,)


async def test_triggers_survive_the_cutting_of_a_script(things):
    await things.write(lambda tx: tx.execute("add_owned", {"id": "self", "owner": "self"}))

    rows = await things.read(lambda tx: tx.fetch_sql("SELECT owner FROM thing"))
    assert rows[0]["owner"] == "self"


async def test_functions_are_there_on_every_connection(things):
    assert (await things.fetch_one("fold"))["folded"] == "äb"
    assert (await things.write(lambda tx: tx.fetch_one("fold")))["folded"] == "äb"
    assert [batch[0]["folded"] async for batch in things.stream("fold")] == ["äb"]


async def test_closing_interrupts_streams(things):
    await things.write(adding("a"))
    stream = things.stream(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", batch=10
    )
    await anext(stream)

    await things.close()

    with pytest.raises(Exception, match="closing"):
        async for _ in stream:
            pass


async def test_the_log_is_moved_into_the_file_when_nothing_is_to_do(things, path):
    before = path.stat().st_size
    await things.write(adding("x" * 1_000_000))

    async with asyncio.timeout(60):
        while path.stat().st_size <= before + 1_000_000:
            await asyncio.sleep(0.01)


async def test_a_damaged_file_is_told_as_lost(things, path):
    await things.write(lambda tx: tx.execute_many("add", [{"id": f"{n:0900}"} for n in range(200)]))
    await things.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)

    with pytest.raises((StoreLost, StoreRefused)):
        await open_and_read(path)


async def test_other_constraints_are_told_as_constraints(things):
    async def work(tx):
        await tx.execute_sql(
            "CREATE TRIGGER no BEFORE DELETE ON thing BEGIN SELECT RAISE(ABORT, 'kept'); END"
        )
        await tx.execute("add", {"id": "a"})
        await tx.execute_sql("DELETE FROM thing")

    with pytest.raises(ReferenceBroken, match="kept"):
        await things.write(work)


async def test_a_statement_of_two_is_refused(things):
    with pytest.raises(StatementFailed):
        await things.write(lambda tx: tx.execute_sql("DELETE FROM thing; DELETE FROM thing"))
