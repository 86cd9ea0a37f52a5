"""Short writes of the SQLite driver: run in the loop, as durable and as lonely as any other."""

import asyncio
import sqlite3
import threading

import pytest
import pytest_asyncio

from drover.ports.failures import StoreClosed
from drover.store import sqlite_jots
from drover.store.driver import ReferenceBroken
from tests.contract.driver_store import adding, ids, sqlite_at


@pytest.fixture
def path(tmp_path):
    return tmp_path / "drover.sqlite"


@pytest_asyncio.fixture
async def things(path):
    database = sqlite_at(path)
    await database.open()
    yield database
    await database.close()


def threads_of(seen, name):
    async def work(tx):
        seen.append(threading.current_thread())
        return await tx.execute("add", {"id": name, "size": 1})

    return work


async def held(database):
    """Hold the thread that writes; return what lets it go, and its task."""
    hold, holding = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def first(tx):
        loop.call_soon_threadsafe(holding.set)
        hold.wait(60)

    task = asyncio.create_task(database.write(first))
    await holding.wait()
    return hold, task


async def test_a_jot_runs_in_the_loop_and_is_there_for_the_next_reader(things):
    seen = []

    touched = await things.jot(threads_of(seen, "a"))

    assert (touched, seen) == (1, [threading.current_thread()])
    assert await ids(things) == ["a"]


async def test_jots_of_one_round_share_a_commit_in_which_each_fails_alone(things):
    async def failing(tx):
        await tx.execute("add", {"id": "x", "size": 1})
        raise LookupError("changed its mind")

    works = [failing, adding("a"), failing, adding("b"), failing]
    outcomes = await asyncio.gather(*(things.jot(each) for each in works), return_exceptions=True)

    assert [each if each == 1 else type(each) for each in outcomes] == [
        *(LookupError, 1, LookupError, 1, LookupError),
    ]
    assert await ids(things) == ["a", "b"]


async def test_when_the_group_is_undone_each_jot_is_run_again_alone(things):
    async def destructive(tx):
        await tx.execute_sql("ROLLBACK")
        raise LookupError("took everything down")

    works = [adding("a"), destructive, adding("b")]
    outcomes = await asyncio.gather(*(things.jot(each) for each in works), return_exceptions=True)

    assert [each if each == 1 else type(each) for each in outcomes] == [1, LookupError, 1]
    assert await ids(things) == ["a", "b"]


async def test_when_the_commit_fails_only_the_guilty_jot_is_lost(things):
    async def guilty(tx):
        await tx.execute_sql("PRAGMA defer_foreign_keys = ON")
        await tx.execute("add_owned", {"id": "x", "owner": "nobody"})

    works = [adding("a"), guilty, adding("b")]
    outcomes = await asyncio.gather(*(things.jot(each) for each in works), return_exceptions=True)
    alone = await asyncio.gather(things.jot(guilty), return_exceptions=True)

    assert [type(each) for each in (*outcomes, *alone)] == [
        *(int, ReferenceBroken, int, ReferenceBroken),
    ]
    assert await ids(things) == ["a", "b"]


async def test_more_jots_than_one_group_takes_are_all_kept(things, monkeypatch):
    monkeypatch.setattr(sqlite_jots, "GROUP_SIZE", 3)

    await asyncio.gather(*(things.jot(adding(f"{n:02}")) for n in range(20)))

    assert await ids(things) == [f"{n:02}" for n in range(20)]


async def test_while_the_thread_writes_a_jot_waits_for_its_turn_and_the_loop_does_not(things):
    hold, writing = await held(things)
    seen = []

    jotting = asyncio.create_task(things.jot(threads_of(seen, "a")))
    await asyncio.sleep(0)
    assert await ids(things) == []  # read meanwhile
    hold.set()

    assert [await writing, await jotting] == [None, 1]
    assert [each.name for each in seen] == ["drover-sqlite-writer"]


async def test_jots_and_writes_side_by_side_all_end(things):
    async def both(n):
        await things.jot(adding(f"j{n:02}"))
        await things.write(adding(f"w{n:02}"))
        await things.jot(adding(f"k{n:02}"))

    await asyncio.wait_for(asyncio.gather(*(both(n) for n in range(40))), 60)

    assert len(await ids(things)) == 120


async def test_while_another_program_holds_the_file_the_loop_goes_on(things, path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    seen = []

    jotting = asyncio.create_task(things.jot(threads_of(seen, "a")))
    await asyncio.sleep(0)
    assert await ids(things) == []  # the loop is free, and what was asked for is not lost
    other.execute("ROLLBACK")
    other.close()

    assert await jotting == 1
    await things.jot(threads_of(seen, "b"))
    assert [each.name for each in seen] == ["drover-sqlite-writer", threading.current_thread().name]


async def test_jots_that_wait_when_the_store_closes_are_kept(things, path):
    hold, writing = await held(things)
    jots = [asyncio.create_task(things.jot(adding(name))) for name in "abc"]
    await asyncio.sleep(0)

    closing = asyncio.create_task(things.close())
    await asyncio.sleep(0)
    hold.set()
    await closing

    assert await asyncio.gather(writing, *jots) == [None, 1, 1, 1]
    with pytest.raises(StoreClosed):
        await things.jot(adding("late"))
    again = sqlite_at(path)
    await again.open()
    assert await ids(again) == ["a", "b", "c"]
    await again.close()


async def test_a_commit_under_way_is_ended_before_the_store_closes(things, path):
    jots = [asyncio.create_task(things.jot(adding(name))) for name in "ab"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # now they have run, and their commit is under way
    await things.close()

    assert await asyncio.gather(*jots) == [1, 1]
    again = sqlite_at(path)
    await again.open()
    assert await ids(again) == ["a", "b"]
    await again.close()


async def test_a_jot_whose_caller_has_left_is_not_made(things):
    gone = asyncio.create_task(things.jot(adding("gone")))
    await asyncio.sleep(0)
    gone.cancel()

    await asyncio.wait([gone])
    await things.jot(adding("next"))

    assert await ids(things) == ["next"]


async def test_the_log_is_moved_into_the_file_once_no_more_is_jotted(things, path):
    before = path.stat().st_size

    await things.jot(adding("x" * 1_000_000))

    for _ in range(6000):
        if path.stat().st_size > before + 1_000_000:
            break
        await asyncio.sleep(0.01)
    assert path.stat().st_size > before + 1_000_000


async def test_the_log_is_tidied_after_many_commits_although_more_come(things, path, monkeypatch):
    monkeypatch.setattr(sqlite_jots, "TIDY_COMMITS", 2)
    before = path.stat().st_size

    for number in range(3000):  # too few for SQLite to do it by itself within a commit
        await things.jot(adding(f"{number:04}" + "x" * 1000))
        if path.stat().st_size > before:
            break

    assert path.stat().st_size > before
