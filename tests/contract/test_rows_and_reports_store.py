"""Rows of tables, and what devices report, behave alike on each database."""

from __future__ import annotations

import pytest

from drover.kinds.data_table import KIND as TABLE
from drover.kinds.device import KIND as DEVICE
from drover.model.errors import Duplicate, Missing
from drover.ports.reports import LogEntry, Reading, Span, Suggestion
from drover.ports.rows import Row, RowListing
from drover.query.kinds import FIELD_SETS, data_table_rows
from drover.query.losant import parse
from drover.query.tree import ALL
from drover.store.session import SqlStore
from tests.contract.stored_resources import NOW, OTHER, PLANT, add


@pytest.fixture
def store(database) -> SqlStore:
    return SqlStore(database)


COLUMNS = {"serial": "string", "weight": "number", "ready": "boolean"}


def row(number, **values) -> Row:
    row_id = f"{number:024x}"
    document = {"id": row_id, "serial": f"s{number}", "weight": None, "ready": None, **values}
    return Row(
        id=row_id,
        created_ms=NOW + number,
        updated_ms=NOW + number,
        document=document,
        unique={"serial": document["serial"]},
    )


async def rows(store, query=None, **asked) -> list:
    tree = parse(query or {}, data_table_rows(COLUMNS))
    listing = RowListing(columns=COLUMNS, query=tree, **asked)
    found = await store.read(lambda session: session.rows.page(PLANT, "t" * 24, listing))
    return [each["serial"] for each in found.items]


async def add_rows(store, *made) -> None:
    await store.write(lambda session: session.rows.add(PLANT, "t" * 24, made))


async def test_rows_are_sorted_by_the_type_of_the_column(store):
    await add_rows(store, row(1, weight=10), row(2, weight=9), row(3), row(4, weight=2.5))

    assert await rows(store) == ["s1", "s2", "s3", "s4"]
    assert await rows(store, sort_column="weight") == ["s3", "s4", "s2", "s1"]
    assert await rows(store, sort_column="weight", descending=True) == ["s1", "s2", "s4", "s3"]
    assert await rows(store, sort_column="serial", descending=True, limit=2) == ["s4", "s3"]
    assert await rows(store, sort_column="createdAt", descending=True, offset=3) == ["s1"]


async def test_rows_are_found_by_their_columns(store):
    await add_rows(store, row(1, weight=10, ready=True), row(2, weight=9, ready=False), row(3))

    for query, serials in (
        ({"weight": {"$gt": 9}}, ["s1"]),
        ({"ready": False}, ["s2"]),
        ({"ready": None}, ["s3"]),
        ({"serial": {"$in": ["s1", "s3"]}}, ["s1", "s3"]),
        ({"createdAt": {"$lte": NOW + 1}}, ["s1"]),
    ):
        assert await rows(store, query) == serials, query


async def test_unique_values_of_rows_are_freed_with_them(store):
    await add_rows(store, row(1), row(2))
    with pytest.raises(Duplicate):
        await add_rows(store, row(3, serial="s1"))

    await store.write(lambda session: session.rows.put("t" * 24, row(1, serial="new")))
    await store.write(lambda session: session.rows.remove("t" * 24, [row(2).id]))
    await add_rows(store, row(3, serial="s1"), row(4, serial="s2"))

    assert await rows(store) == ["new", "s1", "s2"]
    assert await store.write(lambda session: session.rows.truncate("t" * 24)) == 3
    await add_rows(store, row(1))


async def test_columns_come_and_go_in_all_rows(store):
    await add_rows(store, row(1), row(2))

    await store.write(lambda session: session.rows.fill_column("t" * 24, "place", 'a "b"'))
    filled = await store.read(lambda session: session.rows.get(PLANT, "t" * 24, row(1).id))
    await store.write(lambda session: session.rows.drop_column("t" * 24, "serial"))
    dropped = await store.read(lambda session: session.rows.get(PLANT, "t" * 24, row(1).id))
    await add_rows(store, row(3, serial="s1"))

    assert (filled["place"], filled["serial"]) == ('a "b"', "s1")
    assert "serial" not in dropped
    with pytest.raises(Missing):
        await store.read(lambda session: session.rows.get(OTHER, "t" * 24, row(1).id))


def reading(device, attribute, age, value) -> Reading:
    return Reading(device_id=device.id, attribute=attribute, time_ms=NOW - age, value=value)


ALWAYS = Span(start_ms=0, end_ms=NOW + 1, limit=10)


async def test_the_newest_value_of_each_attribute_is_kept_whatever_the_order(store):
    device = await add(store, DEVICE, name="d")
    for readings in (
        [reading(device, "heat", 0, 3), reading(device, "label", 5, "x")],
        [reading(device, "heat", 10, 1)],
        [reading(device, "heat", 0, 4)],
    ):
        await store.write(lambda session, r=readings: session.reports.record(r))

    newest = await store.read(lambda session: session.reports.latest([device.id], ALWAYS))
    old = Span(start_ms=NOW - 20, end_ms=NOW - 5)
    within = await store.read(lambda session: session.reports.latest([device.id], old))
    moments = await store.read(lambda session: session.reports.moments(device.id, ALWAYS))

    assert {each.attribute: each.value for each in newest} == {"heat": 4, "label": "x"}
    assert {each.attribute: each.value for each in within} == {"heat": 1, "label": "x"}
    assert [values for _, values in moments] == [{"heat": 4}, {"label": "x"}, {"heat": 1}]


async def test_forgotten_values_leave_the_newest_of_the_rest(store):
    device = await add(store, DEVICE, name="d")
    readings = [reading(device, "heat", 0, 2), reading(device, "heat", 10, 1)]
    await store.write(lambda session: session.reports.record(readings))

    recent = Span(start_ms=NOW - 5, end_ms=NOW)
    await store.write(lambda session: session.reports.forget(device.id, recent))

    (left,) = await store.read(lambda session: session.reports.latest([device.id], ALWAYS))
    assert (left.value, left.time_ms) == (1, NOW - 10)


async def test_logs_are_read_newest_or_oldest_first(store):
    device = await add(store, DEVICE, name="d")
    lines = [
        LogEntry(
            device_id=device.id, topic="command", id=str(n), time_ms=NOW - n, document={"n": n}
        )
        for n in range(3)
    ]
    await store.write(lambda session: session.reports.log(lines))

    async def read(**asked) -> list[int]:
        span = Span(start_ms=0, end_ms=NOW, **asked)
        logged = await store.read(lambda s: s.reports.logged(device.id, "command", span))
        return [line["n"] for line in logged]

    assert await read(limit=2) == [0, 1]
    assert await read(limit=2, descending=False) == [2, 1]


async def test_names_in_use_are_suggested(store):
    attributes = [{"name": "Heat", "dataType": "number"}, {"name": "hue", "dataType": "string"}]
    await add(store, DEVICE, name="d", tags=[{"key": "A", "value": "1"}], attributes=attributes)
    await add(store, DEVICE, OTHER, name="d", tags=[{"key": "A2", "value": "1"}])

    async def names(what, start="", query=ALL) -> list[str]:
        return list(await store.read(lambda s: s.reports.names(PLANT, what, query, start)))

    assert await names(Suggestion(what="tagKeys"), "a") == ["A"]
    assert await names(Suggestion(what="tagValues", tag_key="A")) == ["1"]
    assert await names(Suggestion(what="attributeNames"), "H") == ["Heat", "hue"]
    assert await names(Suggestion(what="attributeNames", data_types=("string",))) == ["hue"]
    nothing = parse({"name": "x"}, FIELD_SETS["device"])
    assert await names(Suggestion(what="tagKeys"), query=nothing) == []


async def test_tables_know_their_columns(store):
    table = await add(
        store,
        TABLE,
        name="t",
        columns=[{"name": "a", "dataType": "string", "constraint": "optional"}],
    )

    found = await store.read(lambda session: session.resources.get(TABLE, PLANT, table.id))

    assert found == table
