"""What both database drivers promise of streams, opening, closing and sudden death."""

import asyncio
import os
import subprocess
import sys
import tracemalloc
from functools import partial
from pathlib import Path

import pytest

from drover.ports.failures import StoreClosed
from drover.store.driver import StatementFailed
from tests.contract.driver_store import adding, ids


async def copy_letters(rows, tx):
    return await tx.copy_rows("letter", ["id", "content"], rows)


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
from tests.contract.driver_store import MAKE, adding

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


@pytest.mark.parametrize(
    ("most", "read", "full"),
    [(1, "dc", True), (5, "dc", True), (6, "dcb", True), (8, "dcba", True), (9, "dcba", False)],
)
async def test_rows_are_read_until_their_texts_fill_the_room(things, most, read, full):
    letters = [("a", "xx"), ("b", "x"), ("c", "é€"), ("d", "")]  # 2, 1, 5 and no bytes
    await things.write(lambda tx: tx.copy_rows("letter", ["id", "content"], letters))

    first = await things.read(lambda tx: tx.fetch_within("letters_backwards", {}, "content", most))

    assert ("".join(row["id"] for row in first.rows), first.full) == (read, full)
