"""What every store promises of workflows: index, storage, history."""

import msgspec
import pytest

from drover.ports.flows import IndexedTrigger, RunCounts, RunNote
from drover.store.flows import KEPT_NOTES
from drover.store.session import SqlStore

APPLICATION, OTHER = "a" * 24, "b" * 24
FLOW, VERSION = "f" * 24, "e" * 24
MOST = 1000
"""Bytes of what is stored that may be read at once."""
MINUTE = 60_000


@pytest.fixture
async def store(database):
    made = SqlStore(database)
    await _application(
        database, APPLICATION, [{"key": "a", "json": "1"}, {"key": "b", "json": "1"}]
    )
    await _flow(database, FLOW, globals=[{"key": "b", "json": "2"}])
    return made


async def _application(database, application_id, given):
    document = {"id": application_id, "name": "App", "globals": given}
    columns = ("id", "owner_type", "owner_id", "name", "created_ms", "updated_ms", "document")
    row = (application_id, "user", "u" * 24, "App", 1, 1, _text(document))
    await database.write(lambda tx: tx.copy_rows("application", columns, [row]))


async def _flow(database, flow_id, *, enabled=1, default=None, application=APPLICATION, **more):
    document = {
        "id": flow_id,
        "name": "Flow",
        "triggers": [{"type": "timer"}],
        "nodes": [{"id": "n"}],
        **more,
    }
    columns = (
        "application_id", "id", "name", "flow_class", "enabled", "default_version_id", "created_ms", "updated_ms",
        "document",
    )  # fmt: skip
    row = (application, flow_id, "Flow", "cloud", enabled, default, 1, 1, _text(document))
    await database.write(lambda tx: tx.copy_rows("flow", columns, [row]))


async def _version(database, *, enabled=1):
    document = {"id": VERSION, "version": "v1", "triggers": [], "nodes": [], "globals": []}
    columns = (
        "application_id", "flow_id", "id", "version", "enabled", "created_ms", "updated_ms", "document",
    )  # fmt: skip
    row = (APPLICATION, FLOW, VERSION, "v1", enabled, 1, 1, _text(document))
    await database.write(lambda tx: tx.copy_rows("flow_version", columns, [row]))


def _text(document):
    return msgspec.json.encode(document).decode()


def trigger(position=0, kind="timer", key="k", config=b"{}"):
    return IndexedTrigger(position=position, type=kind, key=key, config=config)


async def index(store, *triggers, flow_id=FLOW, version="", application=APPLICATION):
    await store.write(lambda s: s.flows.index(application, flow_id, version, triggers))


async def subscribed(store, kind="timer", key="k", application=APPLICATION, **more):
    return await store.read(lambda s: s.flows.subscribed(application, kind, key, **more))


async def test_a_flow_is_found_by_type_and_key_with_all_it_runs_with(store):
    await index(store, trigger(0, key="other"), trigger(1, config=b'{"seconds":1}'))

    (found,) = await subscribed(store)

    definition = msgspec.json.decode(found.definition)
    assert (found.flow_id, found.trigger_index, found.config) == (FLOW, 1, b'{"seconds":1}')
    assert definition == {
        "id": FLOW,
        "name": "Flow",
        "flowClass": "cloud",
        "applicationId": APPLICATION,
        "applicationName": "App",
        "flowVersion": "develop",
        "globals": [{"key": "a", "json": "1"}, {"key": "b", "json": "2"}],
        "ownGlobals": ["b"],
        "triggers": [{"type": "timer"}],
        "nodes": [{"id": "n"}],
    }


async def test_other_applications_keys_and_disabled_flows_are_not_found(store, database):
    off = "d" * 24
    await _flow(database, off, enabled=0)
    await index(store, trigger(), flow_id=off)

    assert await subscribed(store) == []
    await index(store, trigger())
    assert len(await subscribed(store)) == 1
    assert await subscribed(store, key="x") == []
    assert await subscribed(store, application=OTHER) == []


async def test_only_the_default_version_runs_unless_another_is_named(store, database):
    other = "9" * 24
    await _flow(database, other, default=VERSION)
    await _version(database)
    await index(store, trigger(), flow_id=other)
    await index(store, trigger(3), flow_id=FLOW, version=VERSION)

    assert await subscribed(store) == []
    (named,) = await subscribed(store, version="v1")
    (develop,) = await subscribed(store, version="develop", flow_id=other)
    assert (named.flow_id, named.trigger_index) == (FLOW, 3)
    assert msgspec.json.decode(named.definition)["flowVersion"] == "v1"
    assert develop.flow_id == other
    assert await subscribed(store, version="v1", flow_id=other) == []


async def test_a_disabled_version_does_not_run(store, database):
    await _version(database, enabled=0)
    await index(store, trigger(), version=VERSION)

    assert await subscribed(store, version="v1") == []


async def test_events_of_any_level_match_every_level(store):
    await index(
        store, trigger(0, "event", "any"), trigger(1, "event", "error"), trigger(2, "timer", "any")
    )

    assert [each.trigger_index for each in await subscribed(store, "event", "error")] == [0, 1]
    assert [each.trigger_index for each in await subscribed(store, "event", "info")] == [0]
    assert await store.read(lambda s: s.flows.awaited(APPLICATION, "event", "info"))
    assert not await store.read(lambda s: s.flows.awaited(APPLICATION, "timer", "info"))


async def test_indexing_replaces_what_was_there(store):
    await index(store, trigger(0), trigger(1))
    await index(store, trigger(5))

    assert [each.trigger_index for each in await subscribed(store)] == [5]
    await index(store)
    assert await subscribed(store) == []


async def test_a_tag_changes_with_the_definition(store, database):
    await index(store, trigger())
    (before,) = await subscribed(store)

    renamed = {
        "application_id": APPLICATION,
        "id": FLOW,
        "name": "Flow",
        "flow_class": "cloud",
        "enabled": 1,
        "default_version_id": None,
        "updated_ms": 1,
        "document": _text({"id": FLOW, "name": "Renamed"}),
    }
    await database.write(lambda tx: tx.execute("flow_put", renamed))

    (after,) = await subscribed(store)
    assert before.tag != after.tag


async def storage(store, work):
    return await store.write(lambda s: work(s.flows.storage))


async def test_values_are_kept_by_key(store):
    await storage(store, lambda kept: kept.put(FLOW, "b", b'"\xc3\xa9"'))
    await storage(store, lambda kept: kept.put(FLOW, "a", b"1"))
    await storage(store, lambda kept: kept.put(FLOW, "a", b"22"))
    await storage(store, lambda kept: kept.lock(FLOW))

    assert await storage(store, lambda kept: kept.all(FLOW, MOST)) == {
        "a": b"22",
        "b": '"é"'.encode(),
    }
    assert await storage(store, lambda kept: kept.get(FLOW, ["a", "none"])) == {"a": b"22"}
    assert await storage(store, lambda kept: kept.size(FLOW)) == (2, 8)
    takes = [("a", 2), ("a", 1), ("c", 3), ("c", 2)]
    assert [await storage(store, lambda kept, at=at: kept.takes(FLOW, *at)) for at in takes] == [
        True,
        True,
        True,
        False,
    ]
    await storage(store, lambda kept: kept.remove(FLOW, "a"))
    assert await storage(store, lambda kept: kept.size(FLOW)) == (1, 5)
    await storage(store, lambda kept: kept.clear(FLOW))
    assert await storage(store, lambda kept: kept.size(FLOW)) == (0, 0)


async def history(store, work):
    return await store.write(lambda s: work(s.flows.history))


def count(minute, version="develop", flow_id=FLOW, runs=1):
    return RunCounts(
        flow_id=flow_id, version=version, minute_ms=minute * MINUTE, runs=runs, paths_completed=2, paths_failed=1,
        wall_ms=1.5,
    )  # fmt: skip


async def test_counts_of_a_minute_add_up(store):
    await history(store, lambda kept: kept.add([count(1), count(2)], []))
    await history(
        store,
        lambda kept: kept.add([count(1, runs=4), count(1, "v1"), count(1, flow_id="0" * 24)], []),
    )

    found = await history(
        store, lambda kept: kept.counts(FLOW, (0, 10 * MINUTE), version="develop")
    )

    assert [(each.minute_ms, each.runs, each.wall_ms) for each in found] == [
        (2 * MINUTE, 1, 1.5),
        (MINUTE, 5, 3.0),
    ]
    assert len(await history(store, lambda kept: kept.counts(FLOW, (0, 10 * MINUTE)))) == 3
    assert (
        len(await history(store, lambda kept: kept.counts(FLOW, (0, 10 * MINUTE), newest=1))) == 1
    )
    assert await history(store, lambda kept: kept.counts(FLOW, (0, MINUTE))) == []


def note(number, topic="error", version="develop"):
    return RunNote(
        flow_id=FLOW,
        version=version,
        topic=topic,
        time_ms=number,
        document={"n": number, "x": "\0"},
    )


async def test_notes_are_read_newest_first(store):
    await history(
        store,
        lambda kept: kept.add([], [note(1), note(2), note(3, version="v1"), note(4, "debug")]),
    )

    async def read(**more):
        given = {"limit": 10, **more}
        return [
            each.document["n"]
            for each in await history(
                store, lambda kept: kept.notes(FLOW, "error", (0, 100), **given)
            )
        ]

    assert await read() == [3, 2, 1]
    assert await read(limit=2) == [3, 2]
    assert await read(version="develop") == [2, 1]
    assert (await history(store, lambda kept: kept.notes(FLOW, "error", (2, 3), limit=9)))[
        0
    ].document["n"] == 2


async def test_only_so_many_notes_are_kept(store):
    await history(store, lambda kept: kept.add([], [note(n) for n in range(KEPT_NOTES + 10)]))

    found = await history(store, lambda kept: kept.notes(FLOW, "error", (0, 2**52), limit=10_000))

    assert len(found) == KEPT_NOTES
    assert found[-1].document["n"] == 10


async def test_what_a_flow_kept_goes_with_it(store, database):
    await storage(store, lambda kept: kept.put(FLOW, "a", b"1"))
    await history(store, lambda kept: kept.add([count(1)], [note(1)]))
    await index(store, trigger())

    await database.write(
        lambda tx: tx.execute("flow_remove", {"application_id": APPLICATION, "id": FLOW})
    )

    assert await storage(store, lambda kept: kept.all(FLOW, MOST)) == {}
    assert await history(store, lambda kept: kept.counts(FLOW, (0, 2**52))) == []
    assert await subscribed(store) == []
    await history(store, lambda kept: kept.add([count(1)], [note(1)]))
    assert await history(store, lambda kept: kept.notes(FLOW, "error", (0, 2**52), limit=5)) == []
