"""Imports one at a time for an owner, files to fetch, and reading on from a row, on each store."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import structs

from drover.model.bundle import Download, ImportLog
from drover.model.errors import Duplicate, Missing
from drover.model.instants import to_text
from drover.ports.rows import Row
from drover.store.bundles import KEPT_LOGS
from drover.store.session import SqlStore

HERE, OWNER = "a" * 24, "b" * 24


@pytest.fixture
def store(database):
    return SqlStore(database)


def log(number, at_ms=0, **changes):
    made = ImportLog(
        id=f"{number:024x}",
        application_id=HERE,
        import_source_type="importBundle",
        status="inProgress",
        run_queued_at=to_text(at_ms),
    )
    return structs.replace(made, **changes)


async def begin(store, one, owner=OWNER, until_ms=1000):
    await store.write(lambda session: session.bundles.begin(one, owner, until_ms))


async def listed(store, since_ms=0, limit=1000):
    return await store.read(lambda session: session.bundles.logs(HERE, since_ms, limit))


async def test_an_owner_has_one_import_at_a_time_and_others_theirs(store):
    await begin(store, log(1))

    with pytest.raises(Duplicate):
        await begin(store, log(2))
    await begin(store, log(3), owner="c" * 24)

    await store.write(lambda session: session.bundles.put(log(1, status="completed")))
    await begin(store, log(4, 5))
    assert [(each.id[-1], each.status) for each in await listed(store)] == [
        ("4", "inProgress"),
        ("3", "inProgress"),
        ("1", "completed"),
    ]


async def test_logs_are_read_newest_first_from_a_moment_on(store):
    for number in range(4):
        await begin(store, log(number, number * 10), owner=f"{number:024x}")

    assert [each.id[-1] for each in await listed(store, since_ms=10, limit=2)] == ["3", "2"]


async def test_an_import_that_should_have_ended_is_found_unless_it_is_held(store):
    await begin(store, log(1), until_ms=1000)

    async def overdue(now_ms):
        return await store.read(lambda session: session.bundles.overdue(OWNER, now_ms))

    assert await overdue(999) == []
    assert [each.id for each in await overdue(1000)] == [log(1).id]
    await store.write(lambda session: session.bundles.hold(log(1).id, 2000))
    assert await overdue(1999) == []


async def test_one_that_was_stopped_goes_on_unless_another_one_runs(store):
    await begin(store, log(1))
    await store.write(lambda session: session.bundles.put(log(1, status="failed")))
    await begin(store, log(2))

    async def resume():
        again = log(1, job_id="j")
        await store.write(lambda session: session.bundles.resume(again, OWNER, 2000))

    with pytest.raises(Duplicate):
        await resume()
    await store.write(lambda session: session.bundles.put(log(2, status="completed")))
    await resume()
    with pytest.raises(Duplicate):
        await begin(store, log(3))
    assert {each.id[-1]: each.job_id for each in await listed(store)} == {"1": "j", "2": None}


async def test_the_oldest_logs_of_an_application_are_forgotten(store):
    for number in range(KEPT_LOGS + 3):
        await begin(store, log(number, number))
        one = log(number, number)
        await store.write(lambda session, one=one: session.bundles.put(one))

    found = await listed(store)

    assert len(found) == KEPT_LOGS
    assert found[0].id == log(KEPT_LOGS + 2).id


async def test_a_file_can_be_fetched_until_it_is_forgotten(store):
    made = [
        Download(id=f"{n:024x}", application_id=HERE, key=f"k/{n}", name="f", expires_ms=n)
        for n in (3, 1, 2)
    ]
    for each in made:
        await store.write(lambda session, each=each: session.bundles.add_download(each))

    past = await store.read(lambda session: session.bundles.past_downloads(2, 10))
    assert [each.expires_ms for each in past] == [1, 2]
    assert await store.read(lambda session: session.bundles.download(made[0].id)) == made[0]
    await store.write(lambda session: session.bundles.remove_download(made[0].id))
    with pytest.raises(Missing):
        await store.read(lambda session: session.bundles.download(made[0].id))


async def test_rows_are_read_on_from_one_in_the_order_they_were_made(store):
    table = "d" * 24
    rows = [
        Row(
            id=f"{n:024x}",
            created_ms=at,
            updated_ms=at,
            document={"id": f"{n:024x}", "n": n},
            unique={},
        )
        for n, at in ((1, 20), (2, 10), (3, 20), (4, 30))
    ]
    await store.write(lambda session: session.rows.add(HERE, table, rows))

    async def after(created_ms, row_id, limit=10):
        found = await store.read(
            lambda session: session.rows.after(table, (created_ms, row_id), limit)
        )
        return [each["n"] for each in msgspec.json.decode(found.documents)] if found else []

    assert await after(0, "") == [2, 1, 3, 4]
    assert await after(0, "", 2) == [2, 1]
    assert await after(20, rows[0].id) == [3, 4]
    assert await store.read(lambda session: session.rows.count(HERE)) == 4
