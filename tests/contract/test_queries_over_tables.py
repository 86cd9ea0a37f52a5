"""Queries over the tables of the real store, on each database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from drover.query.fields import FieldType
from drover.query.kinds import (
    APPLICATION_KEYS,
    DEVICES,
    EVENTS,
    EXPERIENCE_GROUPS,
    EXPERIENCE_USERS,
    FLOW_VERSIONS,
    FLOWS,
    data_table_rows,
)
from drover.query.losant import parse
from drover.store.columns import COLUMNS, DOCUMENT_COLUMNS, row_columns
from drover.store.compile import compile_query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.query.fields import FieldSet
    from drover.store.compile.columns import ColumnMap
    from drover.store.driver import Database, Transaction

APPLICATION = "a" * 24
_KINDS: dict[str, tuple[FieldSet, str, ColumnMap]] = {
    "device": (DEVICES, "device", COLUMNS["device"]),
    "event": (EVENTS, "event", COLUMNS["event"]),
    "user": (EXPERIENCE_USERS, "experience_user", COLUMNS["experience_user"]),
    "group": (EXPERIENCE_GROUPS, "experience_group", COLUMNS["experience_group"]),
    "flow": (FLOWS, "flow", COLUMNS["flow"]),
    "version": (FLOW_VERSIONS, "flow_version", COLUMNS["flow_version"]),
    "key": (
        APPLICATION_KEYS,
        "document",
        {**COLUMNS["document"], **DOCUMENT_COLUMNS["applicationKey"]},
    ),
    "row": (
        data_table_rows({"speed": "number", "on": "boolean", "note": "string"}),
        "table_row",
        row_columns(["speed", "on", "note"]),
    ),
}
_OPERANDS: dict[FieldType, list[Any]] = {
    FieldType.ID: [{"$eq": "b" * 24}, {"$nin": ["b" * 24]}, {"$gt": "b" * 24}, None],
    FieldType.TEXT: ["x", {"$in": ["É", "y"], "$ci": True}, {"$lt": "x", "$contains": "É"}, None],
    FieldType.NUMBER: [5, {"$gte": 0.5, "$ne": 7}, {"$in": [1, 2]}, None],
    FieldType.BOOLEAN: [True, {"$ne": False}, {"$in": [True]}, None],
    FieldType.DATE: [5, {"$lt": "2026-01-01"}, {"$nin": [1, 2]}, None],
    FieldType.TAGS: [{"a": "b"}, {"$tagValue": {"$nin": ["b"]}}, {"$ne": {"a": None}}, None],
    FieldType.ELEMENTS: [{"type": "timer"}, {"$ne": {"type": "a", "config": {"b": None, "c": 1}}}],
}


async def matching(
    database: Database, table: str, fields: FieldSet, columns: ColumnMap, query: Any
) -> set[str]:
    compiled = compile_query(parse(query, fields), columns, database.dialect)
    sql = (
        f"SELECT {table}.id FROM {table}"  # noqa: S608 - under test
        f" WHERE {table}.application_id = :application_id AND {compiled.sql}"
    )

    async def work(tx: Transaction) -> set[str]:
        rows = await tx.fetch_sql(sql, {**compiled.params, "application_id": APPLICATION})
        return {row["id"] for row in rows}

    return await database.read(work)


@pytest.mark.parametrize("kind", _KINDS)
async def test_every_field_can_be_asked_of_the_tables(database: Database, kind: str) -> None:
    fields, table, columns = _KINDS[kind]
    asked = [
        {name: operand}
        for name, field in fields.fields.items()
        for operand in _OPERANDS[field.type]
    ]

    found = [await matching(database, table, fields, columns, query) for query in asked]

    assert found == [set()] * len(asked)


# A gateway 1, below it 2, below that 3; and 4 apart.
_DEVICES: list[dict[str, Any]] = [
    {"id": "1", "name": "Gate", "connected": 1, "tags": {("site", "a"), ("site", "b")}},
    {"id": "2", "name": "gâte", "connected": 0, "tags": {("site", "b"), ("floor", "a")}},
    {"id": "3", "name": "GÂTE", "connected": None, "tags": set()},
    {"id": "4", "name": "Apart", "connected": None, "tags": {("floor", "8")}},
]
_ANCESTORS = [("2", "1"), ("3", "1"), ("3", "2")]
_ATTRIBUTES = [("1", "speed"), ("2", "speed"), ("2", "heat")]


def _id(name: str) -> str:
    return name * 24


async def _add_devices(tx: Transaction) -> None:
    document = json.dumps({})
    devices = [
        (APPLICATION, _id(one["id"]), one["name"], "standalone", 1, 1, one["connected"], document)
        for one in _DEVICES
    ]
    names = "application_id id name device_class created_ms updated_ms connected document"
    await tx.copy_rows("device", names.split(), devices)
    tags = [(APPLICATION, _id(one["id"]), *tag) for one in _DEVICES for tag in sorted(one["tags"])]
    await tx.copy_rows("device_tag", ["application_id", "device_id", "key", "value"], tags)
    lines = [(_id(below), _id(above)) for below, above in _ANCESTORS]
    await tx.copy_rows("device_ancestor", ["device_id", "ancestor_id"], lines)
    attributes = [(APPLICATION, _id(one), name, "number") for one, name in _ATTRIBUTES]
    columns = ["application_id", "device_id", "name", "data_type"]
    await tx.copy_rows("device_attribute", columns, attributes)


_EXPECTED: Mapping[str, tuple[Any, str]] = {
    "below": ({"ancestorId": _id("1")}, "23"),
    "at the top": ({"ancestorId": None}, "14"),
    "not below": ({"ancestorId": {"$ne": _id("2")}}, "124"),
    "below any": ({"ancestorId": {"$in": [_id("2"), _id("4")]}}, "3"),
    "attribute": ({"attributeName": "speed"}, "12"),
    "not attribute": ({"attributeName": {"$nin": ["heat"]}}, "134"),
    "attribute by part": ({"attributeName": {"$startsWith": "SP", "$ci": True}}, "12"),
    "tag": ({"tags": {"site": "a"}}, "1"),
    "tag key": ({"tags": {"$tagKey": {"$in": ["site", "floor"]}}}, "124"),
    "tag value": ({"tags": {"$tagValue": "a"}}, "12"),
    "another value": ({"tags": {"site": {"$nin": ["a"]}}}, "12"),
    "not tag": ({"tags": {"$ne": {"site": "b"}}}, "34"),
    "no such tag": ({"tags": {"site": None}}, "34"),
    "no tag": ({"tags": None}, "3"),
    "connected": ({"connectionStatus": "connected"}, "1"),
    "not connected": ({"connectionStatus": {"$ne": "connected"}}, "234"),
    "whatever case": ({"name": {"$eq": "GâTE", "$ci": True}}, "23"),
    "none of": ({"$nor": [{"tags": {"floor": "8"}}, {"name": "Gate"}]}, "23"),
    "all by nothing": ({"$or": []}, "1234"),
    "none by nothing": ({"$nor": []}, ""),
}


@pytest.mark.parametrize("asked", _EXPECTED)
async def test_devices_are_chosen_as_the_query_says(database: Database, asked: str) -> None:
    query, expected = _EXPECTED[asked]
    await database.write(_add_devices)

    found = await matching(database, "device", DEVICES, COLUMNS["device"], query)

    assert found == {_id(name) for name in expected}
