"""Counts of payloads and devices add up alike on each database."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from drover.app.payload_counts import PayloadCounts
from drover.kinds.device import KIND as DEVICE
from drover.kinds.file import KIND as FILE
from drover.kinds.private_file import KIND as PRIVATE
from drover.model.instants import to_text
from drover.model.kind import Stamp
from drover.ports.counts import Moved
from drover.store.session import SqlStore
from tests.contract.stored_resources import add as add_resource

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
START_MS = 19_700 * DAY_MS
PLANT, OTHER = "a" * 24, "b" * 24


@pytest.fixture
def store(database) -> SqlStore:
    return SqlStore(database)


def moved(hour, category="event", source="user.rest", payloads=1, size=10, application_id=PLANT):
    return Moved(
        application_id=application_id,
        hour_ms=START_MS + hour * HOUR_MS,
        category=category,
        source=source,
        payloads=payloads,
        bytes=size,
    )


async def add(store, *rows):
    await store.write(lambda session: session.counts.add(rows))


async def totals(store, start=0, end=48, bucket_ms=0, ids=(PLANT,)):
    span = START_MS + start * HOUR_MS, START_MS + end * HOUR_MS
    found = await store.read(lambda session: session.counts.totals(ids, *span, bucket_ms))
    return {
        (each.category, each.source, (each.bucket_ms - START_MS) // HOUR_MS if bucket_ms else 0): (
            each.payloads,
            each.bytes,
        )
        for each in found
    }


async def test_counts_add_up_by_category_and_source(store):
    await add(store, moved(0), moved(1, payloads=2), moved(1, source="flow.flow"))
    await add(store, moved(0, payloads=5, size=2**40), moved(0, application_id=OTHER))

    assert await totals(store) == {
        ("event", "user.rest", 0): (8, 2**40 + 20),
        ("event", "flow.flow", 0): (1, 10),
    }
    assert await totals(store, ids=(PLANT, OTHER)) != await totals(store)
    assert await totals(store, 1, 2) == {
        ("event", "user.rest", 0): (2, 10),
        ("event", "flow.flow", 0): (1, 10),
    }
    assert await totals(store, ids=()) == {}


async def test_counts_fall_into_buckets(store):
    await add(store, *(moved(hour) for hour in (0, 1, 23, 24, 47)))

    assert await totals(store, bucket_ms=DAY_MS) == {
        ("event", "user.rest", 0): (3, 30),
        ("event", "user.rest", 24): (2, 20),
    }
    assert len(await totals(store, bucket_ms=HOUR_MS)) == 5


async def test_counts_are_shown_by_category_and_by_bucket_with_the_empty_ones(store):
    await add(store, moved(0), moved(25, payloads=2), moved(25, "timer", "timer.flow", size=0))
    shown = PayloadCounts(store, None)
    end_ms = START_MS + 3 * DAY_MS

    by_category = await shown.by_category((PLANT,), START_MS, end_ms, as_bytes=True)
    days = await shown.breakdown(
        (PLANT,), (START_MS + 5, end_ms), DAY_MS, lambda total: total.payloads
    )
    devices = await shown.devices((PLANT,), START_MS + 5, end_ms)

    assert by_category == {"event": {"user.rest": 20}, "timer": {"timer.flow": 0}}
    assert [each["value"] for each in days["counts"]] == [1, 3, 0]
    assert days["counts"][0]["date"] == days["start"] == to_text(START_MS)
    assert [each["total"] for each in devices["counts"]] == [0, 0, 0]


async def test_counts_that_are_added_at_once_are_all_there(store):
    rows = [moved(hour, category) for hour in range(5) for category in ("a", "b")]

    await asyncio.gather(*(add(store, *order) for order in (rows, rows[::-1]) * 5))

    assert await totals(store) == {
        ("a", "user.rest", 0): (50, 500),
        ("b", "user.rest", 0): (50, 500),
    }


async def test_old_counts_go(store):
    await add(store, moved(0), moved(1))

    await store.write(lambda session: session.counts.forget(START_MS + HOUR_MS))

    assert await totals(store) == {("event", "user.rest", 0): (1, 10)}


async def test_devices_are_counted_by_the_day_they_came(store):
    for number, day in enumerate((-1, 0, 0, 2)):
        stamp = Stamp(f"{number:024x}", PLANT, START_MS + day * DAY_MS + HOUR_MS)
        made = DEVICE.create(msgspec.json.encode({"name": "d"}), stamp)
        await store.write(lambda session, made=made: session.resources.add(DEVICE, made))

    days = await store.read(
        lambda session: session.counts.devices((PLANT,), START_MS, START_MS + 2 * DAY_MS)
    )
    await store.write(lambda session: session.resources.remove(DEVICE, PLANT, f"{1:024x}"))
    now_ms = await store.read(lambda session: session.now_ms())
    later = await store.read(
        lambda session: session.counts.devices((PLANT,), now_ms - 2 * DAY_MS, now_ms + DAY_MS)
    )

    assert (days.before, days.created, days.deleted) == (1, {START_MS: 2}, {})
    assert (later.before, later.created, sum(later.deleted.values())) == (4, {}, 1)


async def test_files_are_counted_with_their_bytes_and_without_directories(store):
    kinds = [FILE.one, PRIVATE.one]
    big, small = {"fileSize": 2**40}, {"fileSize": 5}
    await add_resource(store, FILE, name="one", type="file", **big)
    await add_resource(store, PRIVATE, name="two", type="file", **small)
    await add_resource(store, FILE, name="empty", type="file")
    await add_resource(store, FILE, name="folder", type="directory", **small)
    await add_resource(store, FILE, OTHER, name="theirs", type="file", **small)

    async def files(application_id, kinds):
        return await store.read(lambda session: session.counts.files(application_id, kinds))

    assert await files(PLANT, kinds) == (3, 2**40 + 5)
    assert await files(PLANT, [PRIVATE.one]) == (1, 5)
    assert await files("c" * 24, kinds) == (0, 0)
