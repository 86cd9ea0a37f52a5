"""What devices reported and were told is read as far as its bytes go, on each database."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import drover.app.device_series as series
import drover.app.host.devices as found_by_workflows
import drover.app.host.series as series_of_workflows
from drover.app.device_series import DeviceSeries, SeriesQuestion, Window
from drover.app.series import Aggregation
from drover.kinds.device import KIND as DEVICE
from drover.kinds.flow import KIND as FLOW
from drover.model.access import Caller
from drover.model.errors import TooLarge
from drover.ports.reports import LogEntry, Reading, Span, up_to
from drover.ports.resources import Listing
from drover.ports.rows import Row, RowListing
from drover.query.tree import ALL
from drover.store.session import SqlStore
from tests.contract.flow_host_world import World
from tests.contract.stored_resources import NOW, PLANT, add

TEXT = "x" * 98
"""Of 100 bytes as it is stored."""
ALWAYS = Span(start_ms=0, end_ms=NOW, limit=10)
CALLER = Caller(type="user", id="b" * 24, scopes=frozenset({"all.User"}))
ATTRIBUTES = [{"name": name, "dataType": "string"} for name in "ab"]


@pytest.fixture
def store(database) -> SqlStore:
    return SqlStore(database)


async def device(store, moments=5, name="d") -> str:
    made = await add(store, DEVICE, name=name, attributes=ATTRIBUTES)
    await report(store, made.id, moments)
    return made.id


async def report(store, device_id, moments, now_ms=NOW) -> None:
    readings = [
        Reading(device_id=device_id, attribute=each, time_ms=now_ms - age, value=TEXT)
        for age in range(moments)
        for each in "ab"
    ]
    await store.write(lambda session: session.reports.record(readings))


async def ages(store, device_id, most_bytes, **more) -> list[tuple[int, str]]:
    span = replace(ALWAYS, most_bytes=most_bytes, **more)
    found = await store.read(lambda session: session.reports.first_moments(device_id, span))
    return [(NOW - time_ms, "".join(values)) for time_ms, values in found]


async def test_moments_are_read_whole_as_far_as_the_bytes_go_in_either_order(store):
    one = await device(store)

    assert await ages(store, one, 500) == [(0, "ab"), (1, "ab")]
    assert await ages(store, one, 601) == [(0, "ab"), (1, "ab"), (2, "ab")]
    assert await ages(store, one, 500, descending=False) == [(4, "ab"), (3, "ab")]
    assert await ages(store, one, 1001) == [(age, "ab") for age in range(5)]
    assert await ages(store, one, 1001, limit=1) == [(0, "ab")]


async def test_of_a_moment_that_is_too_large_itself_a_part_is_told(store):
    one = await device(store)

    assert await ages(store, one, 50) == [(0, "a")]
    assert await ages(store, one, 101) == [(0, "ab")]


async def test_lines_of_a_log_are_read_as_far_as_the_bytes_go(store):
    one = await device(store, 0)
    lines = [
        LogEntry(
            device_id=one, topic="command", id=str(n), time_ms=NOW - n, document={"n": n, "t": TEXT}
        )
        for n in range(5)
    ]
    await store.write(lambda session: session.reports.log(lines))

    async def read(**asked) -> list[int]:
        span = replace(ALWAYS, **asked)
        found = await store.read(lambda session: session.reports.logged(one, "command", span))
        return [each["n"] for each in found]

    assert await read(most_bytes=200) == [0, 1]
    assert await read(most_bytes=200, descending=False) == [4, 3]
    assert await read() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("span", [up_to(NOW), replace(ALWAYS, start_ms=1)])
async def test_newest_values_of_too_many_bytes_are_refused_and_not_cut(store, span):
    ids = [await device(store), await device(store, name="e")]

    def latest(most_bytes, attributes=None):
        return store.read(lambda session: session.reports.latest(ids, span, attributes, most_bytes))

    assert len(await latest(401)) == 4
    assert len(await latest(201, ["a"])) == 2
    with pytest.raises(TooLarge, match="More than 400 bytes"):
        await latest(400)


@pytest.mark.parametrize("wanted", ["NONE", "COUNT"])
@pytest.mark.parametrize("piece", [1, 100])
async def test_series_of_too_many_bytes_in_all_are_refused(store, monkeypatch, wanted, piece):
    for name in "de":
        await device(store, name=name)
    monkeypatch.setattr(series, "_PIECE", piece)
    question = SeriesQuestion(
        devices=ALL, window=Window(start=1, end=NOW + 1), wanted=Aggregation(wanted)
    )

    monkeypatch.setattr(series, "MOST_BYTES", 2001)
    told = (await DeviceSeries(store).series(CALLER, PLANT, question)).devices
    assert [len(each.points) for each in told] == ([5, 5] if wanted == "NONE" else [1, 1])

    monkeypatch.setattr(series, "MOST_BYTES", 1500)
    with pytest.raises(TooLarge, match="bytes of values"):
        await DeviceSeries(store).series(CALLER, PLANT, question)


@pytest.mark.parametrize("aggregation", ["NONE", "COUNT"])
async def test_series_of_too_many_bytes_are_refused_to_workflows(
    database, monkeypatch, aggregation
):
    world = await World(database).prepare()
    ids = [await world.make(DEVICE, {"name": n, "attributes": ATTRIBUTES}) for n in "de"]
    now_ms = await database.now_ms()
    for each in ids:
        await report(world.store, each, 5, now_ms)
    request = {
        "method": "listed",
        "ids": ids,
        "tags": [],
        "duration": 3_600_000,
        "attributes": ["a"],
        "aggregation": aggregation,
        "held": "",
        "perDevice": True,
        "single": True,
        "limit": 10,
        "order": "asc",
    }

    monkeypatch.setattr(series_of_workflows, "MOST_BYTES", 1001)
    (answer,) = await world.ask("series.query", request)
    assert "result" in answer

    monkeypatch.setattr(series_of_workflows, "MOST_BYTES", 700)
    (answer,) = await world.ask("series.query", request)
    assert "bytes of values" in answer["error"]["message"]


async def test_devices_found_by_workflows_bring_state_of_so_many_bytes(database, monkeypatch):
    world = await World(database).prepare()
    one = await world.make(DEVICE, {"name": "d", "attributes": ATTRIBUTES})
    await report(world.store, one, 1, await database.now_ms())
    by_id = {
        "method": "id",
        "value": one,
        "connection": True,
        "state": True,
        "many": False,
        "sortField": "name",
        "sortDirection": "asc",
    }
    by_name = {**by_id, "method": "name", "value": "d"}

    monkeypatch.setattr(found_by_workflows, "_MOST_BYTES", 201)
    answers = await world.ask("device.find", by_id, by_name)
    assert ["result" in each for each in answers] == [True, True]

    monkeypatch.setattr(found_by_workflows, "_MOST_BYTES", 200)
    answers = await world.ask("device.find", by_id, by_name)
    assert ["bytes of values" in each["error"]["message"] for each in answers] == [True, True]


async def test_a_page_of_too_many_bytes_is_refused_and_not_cut(store):
    for name in "abc":
        await add(store, DEVICE, name=name, description="é" * 500)

    def page(**asked):
        listing = Listing(sort_field="name", **asked)
        return store.read(lambda session: session.resources.page_bytes(DEVICE, PLANT, listing))

    size = sum(len(each) for each in (await page()).items)
    whole = await page(most_bytes=size + 1)
    assert [json.loads(each)["name"] for each in whole.items] == ["a", "b", "c"]
    assert (await page(most_bytes=size, limit=2)).total == 3
    with pytest.raises(TooLarge, match="ask for fewer"):
        await page(most_bytes=size - 1000)


async def test_a_page_of_rows_of_too_many_bytes_is_refused(store):
    documents = [{"id": f"{number:024x}", "note": "x" * 1000} for number in range(3)]
    rows = [Row(id=each["id"], created_ms=NOW, updated_ms=NOW, document=each) for each in documents]
    await store.write(lambda session: session.rows.add(PLANT, "c" * 24, rows))

    def page(most_bytes):
        listing = RowListing(columns={"note": "string"}, query=ALL, most_bytes=most_bytes)
        return store.read(lambda session: session.rows.page(PLANT, "c" * 24, listing))

    assert (await page(10_000)).items == documents
    with pytest.raises(TooLarge, match="ask for fewer"):
        await page(3000)


async def test_values_of_a_workflow_of_too_many_bytes_are_refused_together(store):
    flow = await add(store, FLOW, name="keeps")

    async def keep(session):
        for key in "ab":
            await session.flows.storage.put(flow.id, key, json.dumps("x" * 98).encode())

    await store.write(keep)

    def everything(most_bytes):
        return store.read(lambda session: session.flows.storage.all(flow.id, most_bytes))

    assert set(await everything(201)) == {"a", "b"}
    with pytest.raises(TooLarge, match="key by key"):
        await everything(200)


async def test_a_workflow_that_asks_for_more_than_it_may_have_is_refused_and_others_are_not(
    database, monkeypatch
):
    world = await World(database).prepare()
    monkeypatch.setattr("drover.app.host.storage.MOST_PAYLOAD_BYTES", 20)
    await world.result("storage.store", action="set", key="k", value="x" * 30)

    everything, one = await world.ask("storage.get", {"all": True}, {"key": "k"})

    assert everything["error"]["type"] == "PayloadTooLarge"
    assert one["result"] == {"found": True, "value": "x" * 30}
