"""Connections that lost their right are found by what changed, on both stores."""

from __future__ import annotations

import pytest
import pytest_asyncio

from drover.model.accounts import AccessKey
from drover.store.migrate import load_migrations
from drover.store.postgres import PostgresDatabase
from drover.store.presence import PresenceStore
from drover.store.session import SqlStore
from drover.store.sqlite import SqliteDatabase
from tests.support.counted_steps import CountedSteps

APPLICATION = "a" * 24
MANY = 20_000
FEW = MANY // 10
"""Steps of the database that a look takes no more of; to read who is connected takes many times."""
MAKE = {"sqlite": SqliteDatabase, "postgres": PostgresDatabase}
KEYS = ("shared", "second")
NOTED_MS = 1_700_000_000_000
WEEK_MS = 7 * 86_400_000


def _id(number):
    return f"{number:024x}"


def _row(number):
    """Return a connected device; the first has a key of its own, all others share one."""
    name = KEYS[number == 0]
    return (
        APPLICATION,
        _id(number),
        f"d{number}",
        "standalone",
        1,
        1,
        1,
        5,
        str(number),
        "b",
        name,
    )


def key(name, **more) -> AccessKey:
    return AccessKey(
        id=name, application_id=APPLICATION, key=name, secret_digest="", created_ms=1, **more
    )


async def _application(tx):
    await tx.execute_sql(
        "INSERT INTO application (id, owner_type, owner_id, name, created_ms, updated_ms, document)"
        " VALUES (:id, 'user', 'u', 'plant', 1, 1, '{}')",
        {"id": APPLICATION},
    )


async def _connected(tx, count):
    names = (
        "application_id",
        "id",
        "name",
        "device_class",
        "created_ms",
        "updated_ms",
        "connected",
    )
    more = ("connected_at_ms", "connection_id", "connection_server", "connection_key")
    rows = [(*_row(number), "{}") for number in range(count)]
    await tx.copy_rows("device", (*names, *more, "document"), rows)


async def _saved(database, each) -> None:
    await SqlStore(database).write(lambda session: session.access.keys.put(each))


async def _removed(database, name) -> None:
    await SqlStore(database).write(lambda session: session.access.keys.remove(APPLICATION, name))


async def _revoked(database) -> list[str]:
    found = await database.read(lambda tx: PresenceStore(tx).revoked(10))
    return sorted(number for _, number in found)


async def _noted(database) -> list[str]:
    rows = await database.read(
        lambda tx: tx.fetch_sql("SELECT id FROM access_key_until ORDER BY id")
    )
    return [row["id"] for row in rows]


async def _filled(database, count) -> None:
    await database.write(_application)
    for each in KEYS:
        await _saved(database, key(each))
    await database.write(lambda tx: _connected(tx, count))


@pytest_asyncio.fixture
async def plant(database):
    """A store in which three devices are connected."""
    await _filled(database, 3)
    return database


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def fleet(shared_database):
    """A store in which many devices are connected, one of them with a key that is deleted."""
    await _filled(shared_database, MANY)
    if shared_database.dialect == "postgres":
        await shared_database.write(lambda tx: tx.execute_sql("ANALYZE"))
    await _removed(shared_database, "second")
    return shared_database


@pytest.mark.asyncio(loop_scope="module")
async def test_a_look_reads_what_lost_its_right_and_not_who_is_connected(fleet):
    async def look(tx):
        counted = CountedSteps(tx)
        return await PresenceStore(counted).revoked(10), counted.steps

    found, steps = await fleet.read(look)

    assert found == [("b", "0")]
    assert steps < FEW


async def test_a_key_that_is_active_again_ends_no_connections(plant):
    await _saved(plant, key("second", status="inactive"))
    assert await _revoked(plant) == ["0"]

    await _saved(plant, key("second"))

    assert await _revoked(plant) == []


async def test_a_narrowed_key_that_is_active_again_ends_connections_from_before(plant):
    await _saved(plant, key("second", status="inactive", filter_type="none"))

    await _saved(plant, key("second", filter_type="none"))

    assert await _revoked(plant) == ["0"]
    later = "UPDATE device SET connected_at_ms = :later WHERE id = :id"
    await plant.write(lambda tx: tx.execute_sql(later, {"later": 2**50, "id": _id(0)}))
    assert await _revoked(plant) == []


async def test_a_key_that_was_deleted_and_brought_back_ends_no_connections(plant):
    await _removed(plant, "second")
    assert await _revoked(plant) == ["0"]

    await _saved(plant, key("second"))

    assert await _revoked(plant) == []


async def test_a_key_that_is_added_inactive_ends_connections_with_it(plant):
    await _removed(plant, "second")
    await _saved(plant, key("second", status="inactive"))

    assert await _revoked(plant) == ["0"]


async def test_a_connection_that_lost_its_right_twice_is_found_once(plant):
    await _removed(plant, "second")
    gone = "UPDATE device SET deleted_ms = 9 WHERE id = :id"
    await plant.write(lambda tx: tx.execute_sql(gone, {"id": _id(0)}))

    assert await _revoked(plant) == ["0"]


async def test_an_application_takes_the_connections_of_its_keys_with_it(plant):
    gone = "DELETE FROM application WHERE id = :id"
    await plant.write(lambda tx: tx.execute_sql(gone, {"id": APPLICATION}))

    assert await _revoked(plant) == ["0", "1", "2"]


async def test_what_is_noted_of_keys_is_forgotten_after_a_week_unless_somebody_is_there(plant):
    for name in ("idle", "second"):
        await _saved(plant, key(name, status="inactive"))
    past = "UPDATE access_key_until SET noted_ms = :past"
    await plant.write(lambda tx: tx.execute_sql(past, {"past": NOTED_MS - WEEK_MS}))
    await _saved(plant, key("new", status="inactive"))

    assert await _noted(plant) == ["new", "second"]


async def test_keys_that_were_revoked_before_are_noted_with_the_new_version(place):
    dialect, where = place
    early = MAKE[dialect](where, migrations=[m for m in load_migrations(dialect) if m.version < 64])
    await early.open()
    await _filled(early, 3)
    await _removed(early, "second")
    await _saved(early, key("idle", status="inactive"))
    await _saved(early, key("shared", sub_topics=("t",)))
    await early.close()
    late = MAKE[dialect](where)
    await late.open()

    assert await _revoked(late) == ["0", "1", "2"]
    assert await _noted(late) == ["idle", "second", "shared"]
    await late.close()
