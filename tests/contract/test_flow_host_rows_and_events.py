"""What running workflows do with rows of data tables and with events, on each database."""

import asyncio
from datetime import datetime

import msgspec
import pytest

from drover.app.event_sources import source_name
from drover.app.events import Events
from drover.flows.payload import decode
from drover.kinds.data_table import KIND as TABLE
from drover.kinds.device import KIND as DEVICE
from drover.kinds.event import EventPatch, EventPost
from drover.model.access import Caller
from drover.model.accounts import Token
from tests.contract.flow_host_world import NOBODY, World
from tests.support.catalog_server import USER

SOMEBODY = "5e" * 12


@pytest.fixture
async def world(database):
    return await World(database).prepare()


async def test_rows_are_inserted_queried_changed_and_deleted(world):
    columns = [
        {"name": "n", "dataType": "number", "constraint": "unique"},
        {"name": "flag", "dataType": "boolean", "constraint": "optional"},
        {"name": "s", "dataType": "string", "constraint": "optional"},
    ]
    table = await world.make(TABLE, {"name": "T", "columns": columns})
    query = {"limit": 10, "offset": 0, "sortColumn": "n", "sortDirection": "desc", "fields": None}

    one = await world.result(
        "row.insert", tableId=table, data={"n": "1", "flag": "true"}, cast=True
    )
    many = await world.result("row.insert", tableId=table, data=[{"n": 2}, {"n": 3, "s": "x"}])

    assert {"n": 1, "flag": True}.items() <= one.items()
    assert "s" not in one
    assert many["count"] == 2
    assert await world.error("row.insert", tableId=table, data={"n": 1}) == (
        "AlreadyExists",
        "Entry already exists",
    )
    assert (await world.error("row.insert", tableId=table, data={"n": "x"}, cast=True))[
        0
    ] == "Validation"
    found = await world.result("row.query", tableId=table, query={}, **query)
    assert [row["n"] for row in found["items"]] == [3, 2, 1]
    assert (found["count"], found["totalCount"]) == (3, 3)
    assert (await world.error("row.query", tableId=table, query={}, **{**query, "fields": "n"}))[
        0
    ] == "Validation"
    changed = await world.result(
        "row.update", tableId=table, query={"n": {"$gt": 1}}, data={"s": "y"}, upsert=False
    )
    assert changed["n"] == 2
    made = await world.result(
        "row.update", tableId=table, query={"n": 9}, data={"n": 9}, upsert=True
    )
    assert made["n"] == 9
    missing = ("NotFound", "Data Table Row was not found")
    assert (
        await world.error("row.update", tableId=table, query={"n": 7}, data={}, upsert=False)
        == missing
    )
    assert await world.error("row.update", tableId=table, rowId=NOBODY, data={}) == missing
    assert await world.error("row.delete", tableId=table, rowId=NOBODY) == missing
    assert await world.result("row.delete", tableId=table, rowId=one["id"]) == {
        "result": True,
        "count": 1,
    }
    assert await world.result("row.delete", tableId=table, query={}, limit=2) == {
        "result": True,
        "count": 2,
    }
    assert (await world.error("row.query", tableId=NOBODY, query={}, **query))[0] == "NotFound"


OPTIONAL = {"dataType": "string", "constraint": "optional"}


async def test_runs_at_the_same_time_insert_one_row_where_none_matched(world):
    table = await world.make(TABLE, {"name": "T", "columns": [{"name": "key", **OPTIONAL}]})
    upsert = {"tableId": table, "query": {"key": "a"}, "data": {"key": "a"}, "upsert": True}

    made = await asyncio.gather(*(world.result("row.update", **upsert) for _ in range(8)))

    assert len({row["id"] for row in made}) == 1


async def test_runs_at_the_same_time_take_and_delete_different_rows(world):
    table = await world.make(TABLE, {"name": "T", "columns": [{"name": "state", **OPTIONAL}]})
    await world.result("row.insert", tableId=table, data=[{"state": "free"}] * 8)
    take = {"tableId": table, "query": {"state": "free"}, "data": {"state": "taken"}}
    drop = {"tableId": table, "query": {}, "limit": 1}

    taken = await asyncio.gather(*(world.result("row.update", **take) for _ in range(8)))
    counts = await asyncio.gather(*(world.result("row.delete", **drop) for _ in range(9)))

    assert len({row["id"] for row in taken}) == 8
    assert sorted(each["count"] for each in counts) == [0, *[1] * 8]


async def test_events_are_raised_found_updated_and_deleted(world):
    made = await world.result(
        "event.create", body={"level": "info", "subject": "hot", "eventTags": {"a": "1"}}
    )
    order = {"sortField": "creationDate", "sortDirection": "desc"}

    found = await world.result("event.find", query={"subject": "hot"}, many=True, **order)
    changed = await world.result(
        "event.update", id=made["id"], body={"state": "resolved"}, mergeTags={"a": None, "b": "2"}
    )

    assert made["sourceId"] == world.flow
    assert made["sourceType"] == "flow"
    assert [each["id"] for each in found["items"]] == [made["id"]]
    assert found["totalCount"] == 1
    assert changed["state"] == "resolved"
    assert changed["eventTags"] == {"b": "2"}
    assert (await world.result("event.find", id="nonsense"))["items"] == []
    assert await world.error("event.update", id=NOBODY, body={}) == (
        "NotFound",
        "Event was not found",
    )
    assert await world.error("event.delete", id=NOBODY) == ("NotFound", "Event was not found")
    assert (await world.error("event.create", body={"level": "loud", "subject": "x"}))[
        0
    ] == "Validation"
    assert await world.result(
        "event.update", query={}, many=True, body={"comment": "seen"}, **order
    ) == {"success": True}
    assert await world.result("event.delete", id=made["id"]) == {"success": True, "count": 1}
    assert await world.result("event.delete", query={}, many=True, **order) == {
        "success": True,
        "count": 0,
    }


async def test_one_event_is_deleted_of_those_that_match_unless_all_are_meant(world):
    for subject in ("b", "c", "a"):
        await world.result("event.create", body={"level": "info", "subject": subject})
    order = {"sortField": "subject", "sortDirection": "desc"}
    one = {"query": {"level": "info"}, "many": False, **order}
    every = {**one, "many": True}

    async def left():
        found = await world.result("event.find", **every, page=0, perPage=10)
        return [each["subject"] for each in found["items"]]

    assert await world.result("event.delete", **one) == {"success": True, "count": 1}
    assert await left() == ["b", "a"]
    counts = await asyncio.gather(*(world.result("event.delete", **every) for _ in "12"))
    assert sum(each["count"] for each in counts) == 2
    assert await left() == []
    assert await world.result("event.delete", **one) == {"success": True, "count": 0}


async def test_an_event_fires_the_triggers_that_wait_for_it(world):
    made = await world.result("event.create", body={"level": "info", "subject": "hot"})

    (firing,) = await world.firings("event")

    data = msgspec.json.decode(firing.data)
    assert (firing.key, data["id"], data["state"]) == ("info", made["id"], "new")
    assert data["allUpdates"] == []
    assert data["sourceName"] == made["sourceName"] == "Flow"


async def test_what_an_event_holds_stays_as_it_is_also_where_it_looks_like_a_date(world):
    odd = {"when": {"$date": "2026-01-02T03:04:05.678Z"}}
    made = await world.result("event.create", body={"level": "info", "subject": "x", "data": odd})
    await world.result("event.update", id=made["id"], body={"comment": "c", "data": odd})

    firings = await world.firings("event")

    for firing in firings:
        data = decode(firing.data)
        assert data["data"] == odd
        assert isinstance(data["creationDate"], datetime)
    assert data["latestUpdate"]["data"] == odd


@pytest.mark.parametrize(
    ("caller", "name"),
    [
        (Caller(type="user", id=USER, scopes=frozenset(), email="ann@example.com"), "ann@example.com"),
        (Caller(type="user", id=USER, scopes=frozenset()), None),
        (Caller(type="device", id=NOBODY, scopes=frozenset()), None),
        (Caller(type="apiToken", id=NOBODY, scopes=frozenset(), token_id=NOBODY), None),
        (
            Caller(
                type="apiToken", id=NOBODY, scopes=frozenset(), token_id=NOBODY,
                application_id=NOBODY,
            ),
            None,
        ),
    ],
)  # fmt: skip
async def test_an_event_tells_what_raised_and_updated_it_where_that_has_a_name(world, caller, name):
    given = EventPost(level="info", subject="hot")
    events = world.server.services[Events]

    made = msgspec.json.decode(await events.create(caller, world.application, given))
    patch = EventPatch(comment="seen")
    changed = msgspec.json.decode(await events.patch(caller, world.application, made["id"], patch))

    assert made.get("sourceName") == name
    assert changed["updates"][0].get("sourceName") == name


async def test_an_event_tells_the_names_of_devices_and_of_the_applications_tokens(world):
    device = await world.make(DEVICE, {"name": "Pump"})
    token = Token(
        id=SOMEBODY, digest="d", kind="api", owner_type="application", owner_id=world.application,
        scopes=(), created_ms=1, updated_ms=1, name="Alarms",
    )  # fmt: skip
    await world.store.write(lambda session: session.access.tokens.add(token))
    callers = [
        Caller(type="device", id=device, scopes=frozenset()),
        Caller(
            type="apiToken", id=SOMEBODY, token_id=SOMEBODY, application_id=world.application,
            scopes=frozenset(),
        ),
    ]  # fmt: skip

    async def names(session):
        return [await source_name(session, each, world.application) for each in callers]

    assert await world.store.read(names) == ["Pump", "Alarms"]


@pytest.mark.parametrize(("text", "number"), [("0x1f", 31), (" 5 ", 5), ("1e3", 1000)])
async def test_texts_of_number_columns_are_read_as_scripts_read_numbers(world, text, number):
    columns = [{"name": "n", "dataType": "number", "constraint": "optional"}]
    table = await world.make(TABLE, {"name": "T", "columns": columns})

    made = await world.result("row.insert", tableId=table, data={"n": text}, cast=True)

    assert made["n"] == number
    for other in ("1_000", "nan", "Infinity", " "):
        refused = await world.error("row.insert", tableId=table, data={"n": other}, cast=True)
        assert refused[0] == "Validation"
