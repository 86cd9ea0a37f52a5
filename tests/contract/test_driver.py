"""What both database drivers promise."""

import asyncio
import contextvars
import os
import subprocess
import sys
import time
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from drover.ports.failures import StoreClosed
from drover.store.driver import (
    CheckBroken,
    ReferenceBroken,
    StatementFailed,
    UniqueBroken,
)
from drover.store.migrate import Migration
from drover.store.postgres import PostgresDatabase
from drover.store.sqlite import SqliteDatabase
from drover.store.statements import Statement

SCHEMA = """
CREATE TABLE thing (
    id    TEXT NOT NULL PRIMARY KEY,
    size  BIGINT CHECK (size >= 0),
    owner TEXT REFERENCES thing (id)
);
CREATE TABLE letter (id TEXT NOT NULL, content TEXT NOT NULL);
"""
MIGRATIONS = (Migration(1, "things", SCHEMA),)
COMMON = {
    "add": "INSERT INTO thing (id, size) VALUES (:id, :size)",
    "add_owned": "INSERT INTO thing (id, owner) VALUES (:id, :owner)",
    "add_returning": "INSERT INTO thing (id, size) VALUES (:id, :size) RETURNING id, size",
    "take": "UPDATE thing SET owner = :owner WHERE id = :id AND owner IS NULL",
    "grow": "UPDATE thing SET size = size + 1",
    "remove": "DELETE FROM thing WHERE id = :id",
    "one": "SELECT id, size, owner FROM thing WHERE id = :id",
    "every": "SELECT id, size FROM thing ORDER BY id",
    "count": "SELECT count(*) AS found FROM thing",
    "typo": "SELECT nothing FROM thing",
    "echo": "SELECT CAST(:text AS TEXT) AS text",
    "letters": "SELECT id, content FROM letter",
}
LISTED = {
    "sqlite": "SELECT id FROM thing WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id",
    "postgres": "SELECT id FROM thing WHERE id = ANY(:ids::text[]) ORDER BY id",
}
BYTES = {"sqlite": "SELECT :data AS data", "postgres": "SELECT :data::bytea AS data"}


def statements(dialect):
    texts = COMMON | {"listed": LISTED[dialect], "bytes": BYTES[dialect]}
    return {name: Statement(name, "For a test.", sql, "test") for name, sql in texts.items()}


def sqlite_at(path):
    return SqliteDatabase(path, statements=statements("sqlite"), migrations=MIGRATIONS)


def postgres_at(url):
    return PostgresDatabase(url, statements=statements("postgres"), migrations=MIGRATIONS)


MAKE = {"sqlite": sqlite_at, "postgres": postgres_at}


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


def adding(name, size=1):
    async def work(tx):
        return await tx.execute("add", {"id": name, "size": size})

    return work


async def copy_letters(rows, tx):
    return await tx.copy_rows("letter", ["id", "content"], rows)


async def ids(database):
    return [row["id"] for row in await database.fetch("every")]


async def test_work_returns_its_result_and_is_there_for_the_next_reader(things):
    touched = await things.write(adding("a", 7))

    row = await things.fetch_one("one", {"id": "a"})

    assert touched == 1
    assert dict(row) == {"id": "a", "size": 7, "owner": None}


async def test_work_that_raises_leaves_nothing(things):
    async def work(tx):
        await tx.execute("add", {"id": "a", "size": 1})
        raise LookupError("changed its mind")

    with pytest.raises(LookupError, match="changed its mind"):
        await things.write(work)

    assert await ids(things) == []


async def test_work_in_a_crowd_fails_alone(things):
    def work_of(number):
        async def work(tx):
            await tx.execute("add", {"id": f"{number:02}", "size": 1})
            if number % 3 == 0:
                raise LookupError(number)
            return number

        return work

    outcomes = await asyncio.gather(
        *(things.write(work_of(number)) for number in range(30)), return_exceptions=True
    )

    kept = [number for number in range(30) if number % 3]
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == kept
    assert [error.args[0] for error in outcomes if isinstance(error, LookupError)] == list(
        range(0, 30, 3)
    )
    assert await ids(things) == [f"{number:02}" for number in kept]


async def test_a_failed_statement_that_was_passed_over_still_undoes_the_work(things):
    async def work(tx):
        await tx.execute("add", {"id": "a", "size": 1})
        try:
            await tx.execute("add", {"id": "a", "size": 2})
        except UniqueBroken:
            return "fine"

    with pytest.raises(StatementFailed):
        await things.write(work)

    assert await ids(things) == []


async def test_after_a_failed_statement_no_other_one_runs(things):
    seen = []

    async def work(tx):
        for statement in ("typo", "every"):
            try:
                await tx.fetch(statement)
            except StatementFailed as error:
                seen.append(error)
        raise seen[-1]

    with pytest.raises(StatementFailed, match="ends the transaction"):
        await things.read(work)

    assert seen[1].__cause__ is seen[0]


@pytest.mark.parametrize(
    ("statement", "params", "broken"),
    [
        ("add", {"id": "a", "size": 1}, UniqueBroken),
        ("add", {"id": "b", "size": -1}, CheckBroken),
        ("add", {"id": None, "size": 1}, CheckBroken),
        ("add_owned", {"id": "b", "owner": "nobody"}, ReferenceBroken),
        ("remove", {"id": "a"}, ReferenceBroken),
    ],
)
async def test_rules_of_the_schema_are_told_apart(things, statement, params, broken):
    await things.write(adding("a"))
    await things.write(lambda tx: tx.execute("add_owned", {"id": "z", "owner": "a"}))
    with pytest.raises(broken):
        await things.write(lambda tx: tx.execute(statement, params))

    assert await ids(things) == ["a", "z"]


@pytest.mark.parametrize(
    ("statement", "params"),
    [
        ("nowhere", {}),
        ("typo", {}),
        ("one", {}),
        ("one", {"id": object()}),
        ("add", {"id": "a", "size": 2**63}),
    ],
)
async def test_a_mistake_in_a_statement_is_told_and_does_no_harm(things, statement, params):
    for act in ("fetch", "fetch_one", "execute"):
        with pytest.raises(StatementFailed):
            await things.write(lambda tx, act=act: getattr(tx, act)(statement, params))

    await things.write(adding("a"))
    assert await ids(things) == ["a"]


async def test_one_of_many_takers_wins(things):
    await things.write(adding("prize"))
    await things.write(
        lambda tx: tx.execute_many("add", [{"id": f"{n}", "size": 1} for n in range(40)])
    )

    def taking(number):
        async def work(tx):
            return await tx.execute("take", {"id": "prize", "owner": f"{number}"})

        return work

    won = await asyncio.gather(*(things.write(taking(number)) for number in range(40)))

    assert sorted(won) == [0] * 39 + [1]
    row = await things.fetch_one("one", {"id": "prize"})
    assert row["owner"] == str(won.index(1))


async def test_execute_counts_the_rows_it_touched(things):
    async def work(tx):
        return [
            await tx.execute_many("add", [{"id": f"{n}", "size": n} for n in range(5)]),
            await tx.execute("grow"),
            await tx.execute("add_returning", {"id": "x", "size": 1}),
            await tx.execute("take", {"id": "missing", "owner": "0"}),
            await tx.execute_sql("DELETE FROM thing WHERE size > :size", {"size": 3}),
            await tx.execute_sql("CREATE TABLE other (id TEXT)"),
            await tx.execute_many("add", []),
        ]

    assert await things.write(work) == [5, 5, 1, 0, 2, 0, 0]


async def test_a_returning_statement_gives_its_rows(things):
    rows = await things.write(lambda tx: tx.fetch("add_returning", {"id": "a", "size": 3}))
    row = await things.write(lambda tx: tx.fetch_one("add_returning", {"id": "b", "size": 4}))

    assert [dict(each) for each in rows] == [{"id": "a", "size": 3}]
    assert list(row) == ["b", 4]
    assert await ids(things) == ["a", "b"]


async def test_rows_are_copied_in(things):
    rows = [(f"{number:04}", number) for number in range(2000)]

    count = await things.write(lambda tx: tx.copy_rows("thing", ["id", "size"], rows))

    assert count == 2000
    assert [tuple(row) for row in await things.fetch("every")] == rows


async def test_a_list_is_one_parameter(things):
    await things.write(
        lambda tx: tx.execute_many("add", [{"id": name, "size": 1} for name in ("a", "b", "c'\"")])
    )

    for wanted in (["a", "c'\"", "x"], ("a", "c'\"")):
        rows = await things.fetch("listed", {"ids": wanted})

        assert [row["id"] for row in rows] == ["a", "c'\""]
    assert await things.fetch("listed", {"ids": []}) == []


async def test_sql_text_with_named_parameters_runs(things):
    await things.write(adding("a", 5))

    rows = await things.read(
        lambda tx: tx.fetch_sql(
            "SELECT id, ':no' AS mark FROM thing WHERE size = :size OR size = :size + 1",
            {"size": 4},
        )
    )

    assert [dict(row) for row in rows] == [{"id": "a", "mark": ":no"}]


async def test_reading_cannot_write(things):
    async def after_a_look(tx):
        await tx.fetch("every")
        await tx.execute("add", {"id": "a", "size": 1})

    async def with_a_result(tx):
        return await tx.fetch("add_returning", {"id": "a", "size": 1})

    for work in (adding("a"), after_a_look, with_a_result):
        with pytest.raises(StatementFailed):
            await things.read(work)

    assert await ids(things) == []


async def test_a_read_sees_no_commit_made_after_it_began(make):
    database, other = make(), None
    await database.open()
    try:
        if database.dialect == "postgres":
            other = make()
            await other.open()
        await database.write(adding("a"))
        stream = database.stream("every", batch=1)

        first = await anext(stream)
        await (other or database).write(adding("b"))
        rest = [batch async for batch in stream]

        assert [row["id"] for row in first] == ["a"]
        assert rest == []
        assert await ids(database) == ["a", "b"]
    finally:
        await database.close()
        if other is not None:
            await other.close()


async def test_a_transaction_cannot_be_used_after_its_work(things):
    async def work(tx):
        return tx

    for tx in (await things.write(work), await things.read(work)):
        with pytest.raises(StatementFailed, match="over"):
            await tx.fetch("every")


@pytest.mark.parametrize("text", ["", "é\U0001f600 ' \" \\ \n", "x" * 5_000_000, '{"a": null}'])
async def test_any_text_comes_back_as_it_was(things, text):
    row = await things.fetch_one("echo", {"text": text})

    assert row["text"] == text


async def test_bytes_and_the_ends_of_the_integers_come_back_as_they_were(things):
    await things.write(adding("most", 2**63 - 1))

    row = await things.fetch_one("bytes", {"data": b"\x00\xff" * 1_000_000})

    assert bytes(row["data"]) == b"\x00\xff" * 1_000_000
    assert (await things.fetch_one("one", {"id": "most"}))["size"] == 2**63 - 1


async def test_text_sorts_by_code_point(things):
    names = ["a", "B", "é", "Z", "_", "10", "9", "\U0001f600", "\uffee"]

    await things.write(lambda tx: tx.execute_many("add", [{"id": n, "size": 1} for n in names]))

    assert await ids(things) == sorted(names)


async def test_a_stream_gives_every_row_once_in_batches(things):
    rows = [(f"{number:05}", number) for number in range(2500)]
    await things.write(lambda tx: tx.copy_rows("thing", ["id", "size"], rows))

    by_name = [batch async for batch in things.stream("every")]
    by_text = [
        batch
        async for batch in things.stream(
            "SELECT id FROM thing WHERE size < :size ORDER BY id", {"size": 25}, batch=10
        )
    ]

    assert [len(batch) for batch in by_name] == [1000, 1000, 500]
    assert [tuple(row) for batch in by_name for row in batch] == rows
    assert [len(batch) for batch in by_text] == [10, 10, 5]


async def test_a_stream_that_is_left_early_frees_its_place(things):
    rows = [(f"{number:05}", number) for number in range(100)]
    await things.write(lambda tx: tx.copy_rows("thing", ["id", "size"], rows))

    for _ in range(20):  # more than there are places or connections
        stream = things.stream("every", batch=10)
        await anext(stream)
        await stream.aclose()

    assert len(await ids(things)) == 100


async def test_a_mistake_in_a_stream_is_told(things):
    for statement in ("typo", "nowhere", "SELECT nothing FROM thing"):
        with pytest.raises(StatementFailed):
            await anext(things.stream(statement))


async def test_a_stream_keeps_memory_flat(things):
    for _ in range(20):
        rows = [(str(number), "x" * 1000) for number in range(1000)]
        await things.write(partial(copy_letters, rows))

    tracemalloc.start()
    size = 0
    async for batch in things.stream("letters", batch=200):
        size += sum(len(row["content"]) for row in batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size == 20_000_000
    assert peak < 2_000_000


async def test_the_clock_is_the_stores(things):
    before = time.time() * 1000

    in_write = await things.write(lambda tx: tx.now_ms())
    in_read = await things.read(lambda tx: tx.now_ms())
    outside = await things.now_ms()

    assert before - 1 <= in_write <= in_read <= outside <= time.time() * 1000 + 1


async def test_work_sees_the_context_of_its_caller(things):
    request = contextvars.ContextVar("request")
    request.set("r-1")

    async def work(tx):
        return request.get()

    assert await things.write(work) == "r-1"
    assert await things.read(work) == "r-1"


async def test_a_caller_that_leaves_does_not_disturb_the_others(things):
    tasks = [asyncio.create_task(things.write(adding(f"{n:02}"))) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert outcomes[1::2] == [1] * 10
    assert set(await ids(things)) >= {f"{n:02}" for n in range(1, 20, 2)}


async def test_closing_keeps_what_was_accepted_and_refuses_the_rest(make):
    database = make()
    await database.open()
    writes = [asyncio.create_task(database.write(adding(f"{n:02}"))) for n in range(30)]
    reads = [asyncio.create_task(database.fetch("count")) for _ in range(10)]
    await asyncio.sleep(0.02)

    await database.close()
    await database.close()

    kept = await asyncio.gather(*writes, *reads, return_exceptions=True)
    assert not [error for error in kept if isinstance(error, Exception)]
    for attempt in (database.write(adding("x")), database.fetch("count"), ids(database)):
        with pytest.raises(StoreClosed):
            await attempt
    with pytest.raises(StoreClosed):
        await anext(database.stream("every"))
    again = make()
    await again.open()
    assert len(await ids(again)) == 30
    await again.close()


async def test_opening_twice_is_opening_once(things):
    await things.open()

    await things.write(adding("a"))
    assert await ids(things) == ["a"]


async def test_the_durable_settings_are_shown(things):
    settings = things.settings()

    durable = {
        "sqlite": {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1},
        "postgres": {"synchronous_commit": "on", "fsync": "on", "full_page_writes": "on"},
    }
    assert durable[things.dialect].items() <= settings.items()


CHILD = """
import asyncio, sys
from tests.contract.test_driver import MAKE, adding

async def worker(database, name):
    for number in range(1_000_000):
        await database.write(adding(f"{name}-{number}"))
        print(f"{name}-{number}", flush=True)

async def main(dialect, place):
    database = MAKE[dialect](place)
    await database.open()
    await asyncio.gather(*(worker(database, name) for name in "abcdefgh"))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_every_acknowledged_write_outlives_a_killed_process(place, make):
    root = str(Path(__file__).parents[2])
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, *place),
        stdout=subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": root},
    )

    told = [await child.stdout.readline() for _ in range(500)]
    child.kill()
    told += (await child.stdout.read()).splitlines(keepends=True)
    await child.wait()

    acknowledged = {line.decode().strip() for line in told if line.endswith(b"\n")}
    database = make()
    await database.open()
    kept = set(await ids(database))
    await database.close()
    assert len(acknowledged) >= 500
    assert acknowledged <= kept
