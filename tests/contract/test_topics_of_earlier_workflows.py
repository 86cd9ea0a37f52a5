"""Devices may use topics that workflows publish on which an earlier version has saved."""

import msgspec
import pytest_asyncio

from drover.ports.flows import PUBLISHES
from drover.store.migrate import load_migrations
from drover.store.postgres import PostgresDatabase
from drover.store.session import SqlStore
from drover.store.sqlite import SqliteDatabase

MIGRATION = 54
MAKE = {"sqlite": SqliteDatabase, "postgres": PostgresDatabase}
APPLICATION, OTHER = "a" * 24, "b" * 24


def publishes(*topics):
    return [{"type": "MqttMessageNode", "config": {"topicTemplate": each}} for each in topics]


def flow(number, nodes, application_id=APPLICATION):
    return {
        "application_id": application_id,
        "id": f"{number:024x}",
        "name": "Flow",
        "flow_class": "cloud",
        "enabled": 1,
        "default_version_id": None,
        "created_ms": 1,
        "updated_ms": 1,
        "document": msgspec.json.encode({"name": "Flow", "nodes": nodes}).decode(),
    }


def version(number, of, nodes):
    return {
        "application_id": APPLICATION,
        "flow_id": of["id"],
        "id": f"{number:024x}",
        "version": "v1",
        "enabled": 1,
        "created_ms": 1,
        "updated_ms": 1,
        "document": msgspec.json.encode({"version": "v1", "nodes": nodes}).decode(),
    }


@pytest_asyncio.fixture
async def saved_before(place):
    """What an earlier version has saved, in a store that this version has opened since."""
    dialect, where = place
    opened = []

    async def migrated(flows, versions=()):
        known = load_migrations(dialect)
        before = [each for each in known if each.version < MIGRATION]
        early = MAKE[dialect](where, migrations=before)
        await early.open()

        async def save(tx):
            for each in flows:
                await tx.execute("flow_add", each)
            for each in versions:
                await tx.execute("flow_version_add", each)

        await early.write(save)
        await early.close()
        late = MAKE[dialect](where)
        await late.open()
        opened.append(late)
        return SqlStore(late)

    yield migrated
    for database in opened:
        await database.close()


async def levels(store, application_id=APPLICATION):
    return list(await store.read(lambda s: s.flows.keys(application_id, PUBLISHES)))


async def test_they_are_found_by_their_first_levels(saved_before):
    one = flow(1, [*publishes("b/c", "a/{{data.x}}", "b/d"), {"type": "DebugNode"}])
    other = flow(2, publishes("c"), OTHER)
    in_version = version(3, one, publishes("v/{{data.x}}"))

    store = await saved_before([one, other], [in_version])

    assert await levels(store) == ["a", "b", "v"]
    assert await levels(store, OTHER) == ["c"]


async def test_what_names_no_level_is_passed_over(saved_before):
    odd = [{"type": "MqttMessageNode"}, {"type": "MqttMessageNode", "config": {}}]
    nodes = [*odd, *publishes("{{data.x}}/c", "", "/a", "x{{y}}/b", None)]

    store = await saved_before([flow(1, nodes), flow(2, [])])

    assert await levels(store) == []


async def test_a_text_that_a_store_cannot_take_apart_holds_up_no_upgrade(saved_before):
    broken = flow(1, publishes("a\0b/c", "d"))

    store = await saved_before([broken, flow(2, publishes("b"))])

    assert await levels(store) == ["b"]


async def test_a_workflow_is_found_by_other_levels_once_it_is_changed(saved_before):
    store = await saved_before([flow(1, publishes("a"))])

    await store.write(lambda s: s.flows.index(APPLICATION, f"{1:024x}", "", []))

    assert await levels(store) == []
