"""The JSON query language: what is understood, what is refused, and where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drover.model.errors import Invalid
from drover.model.instants import to_ms
from drover.query.evaluate import matches
from drover.query.kinds import APPLICATION_JOB_LOGS, DEVICES, EVENTS, FLOWS, data_table_rows
from drover.query.losant import MAX_CONDITIONS, MAX_DEPTH, parse, parse_json
from drover.query.tree import (
    ALL,
    NOTHING,
    And,
    Choice,
    Compare,
    ElementMatch,
    In,
    Instant,
    Member,
    Missing,
    Not,
    Operator,
    Or,
    TagMatch,
    TextTest,
)

ID = "575ec8687ae143cd83dc4a97"
OTHER = "575ec8687ae143cd83dc4a98"


def equal(field: str, value: Any) -> Compare:
    return Compare(field, Operator.EQUAL, value)


def is_text(text: str) -> TextTest:
    return TextTest(Choice.EQUAL, (text,))


ROWS = data_table_rows({"n": "number", "s": "string", "b": "boolean"})


@pytest.mark.parametrize(
    ("document", "tree"),
    [
        ({}, ALL),
        ({"$or": []}, ALL),
        ({"$and": []}, ALL),
        ({"$nor": []}, NOTHING),
        ({"$or": [{}]}, ALL),
        ({"$nor": [{}]}, NOTHING),
        ({"name": "x"}, equal("name", "x")),
        ({"name": "x", "deviceClass": "gateway"}, And((equal("name", "x"), equal("deviceClass", "gateway")))),
        ({"$or": [{"name": "x"}, {"name": "y"}]}, Or((equal("name", "x"), equal("name", "y")))),
        ({"$nor": [{"name": "x"}]}, Not(equal("name", "x"))),
        ({"$and": [{"$and": [{"name": "x"}]}]}, equal("name", "x")),
        ({"name": {"$ne": "x"}}, Not(equal("name", "x"))),
        ({"name": {"$eq": "x", "$ci": True}}, Compare("name", Operator.EQUAL, "x", fold=True)),
        ({"name": {"$eq": "x", "$ci": False}}, equal("name", "x")),
        ({"name": {"$in": ["x", 5, "y"]}}, In("name", ("x", "y"))),
        ({"name": {"$nin": ["x"], "$ci": True}}, Not(In("name", ("x",), fold=True))),
        ({"name": {"$in": []}}, NOTHING),
        ({"name": {"$nin": []}}, ALL),
        ({"name": {"$in": [1, True]}}, NOTHING),
        ({"name": 5}, NOTHING),
        ({"name": {"$ne": 5}}, ALL),
        ({"name": {"$gt": 5}}, NOTHING),
        ({"name": None}, Missing("name")),
        ({"name": {"$ne": None}}, Not(Missing("name"))),
        ({"name": {"$gte": None}}, Missing("name")),
        ({"name": {"$lte": None}}, Missing("name")),
        ({"name": {"$gt": None}}, NOTHING),
        ({"name": {"$lt": None}}, NOTHING),
        ({"name": {"$startsWith": "x"}}, Compare("name", Operator.STARTS_WITH, "x")),
        ({"name": {"$endsWith": "x"}}, Compare("name", Operator.ENDS_WITH, "x")),
        ({"name": {"$contains": "x"}}, Compare("name", Operator.CONTAINS, "x")),
        ({"id": ID.upper()}, equal("id", ID)),
        ({"id": None}, Missing("id")),
        ({"id": {"$gt": ID}}, Compare("id", Operator.GREATER, ID)),
        ({"id": {"$in": [ID.upper(), OTHER]}}, In("id", (ID, OTHER))),
        ({"ancestorId": {"$ne": ID}}, Not(equal("ancestorId", ID))),
        ({"creationDate": {"$gt": 1000}}, Compare("creationDate", Operator.GREATER, Instant(1000))),
        (
            {"creationDate": "2022-01-30T17:18:11.911Z"},
            equal("creationDate", Instant(1643563091911)),
        ),
        ({"creationDate": {"$gt": 0.5}}, Compare("creationDate", Operator.GREATER, Instant(0))),
        ({"creationDate": 0.5}, NOTHING),
    ],
)  # fmt: skip
def test_a_device_query_becomes_the_tree_it_says(document: object, tree: object) -> None:
    assert parse(document, DEVICES) == tree


@pytest.mark.parametrize(
    ("operand", "tree"),
    [
        ({"$tagKey": "color"}, TagMatch("tags", key=is_text("color"))),
        ({"$tagValue": "red"}, TagMatch("tags", value=is_text("red"))),
        (
            {"$tagKey": {"$in": ["a"]}, "$tagValue": {"$nin": ["b", "c"]}},
            TagMatch("tags", TextTest(Choice.IN, ("a",)), TextTest(Choice.NOT_IN, ("b", "c"))),
        ),
        ({"color": "red"}, TagMatch("tags", is_text("color"), is_text("red"))),
        (
            {"color": "red", "size": {"$in": ["8"]}},
            And(
                (
                    TagMatch("tags", is_text("color"), is_text("red")),
                    TagMatch("tags", is_text("size"), TextTest(Choice.IN, ("8",))),
                )
            ),
        ),
        ({"$eq": {"color": "red"}}, TagMatch("tags", is_text("color"), is_text("red"))),
        ({"$ne": {"color": "red"}}, Not(TagMatch("tags", is_text("color"), is_text("red")))),
        ({"$ne": {"$tagKey": "color"}}, Not(TagMatch("tags", key=is_text("color")))),
        (None, Not(TagMatch("tags"))),
        ({"$eq": None}, Not(TagMatch("tags"))),
        ({"$ne": None}, TagMatch("tags")),
        ({"color": None}, Not(TagMatch("tags", key=is_text("color")))),
        ({"$tagKey": None, "$tagValue": "red"}, Not(TagMatch("tags", value=is_text("red")))),
        ({"$tagKey": None, "$tagValue": None}, Not(TagMatch("tags"))),
        ({"$tagKey": None}, Not(TagMatch("tags"))),
    ],
)
def test_tags_are_tested_in_pairs(operand: object, tree: object) -> None:
    assert parse({"tags": operand}, DEVICES) == tree


@pytest.mark.parametrize(
    ("document", "tree"),
    [
        ({"n": 5}, equal("n", 5.0)),
        ({"n": True}, NOTHING),
        ({"n": "5"}, NOTHING),
        ({"b": True}, equal("b", True)),
        ({"b": 1}, NOTHING),
        ({"s": "x"}, equal("s", "x")),
        ({"n": {"$lt": 10**400}}, Compare("n", Operator.LESS, 1.7976931348623157e308)),
        ({"n": {"$in": [10**400]}}, NOTHING),
        ({"id": {"$startsWith": "57", "$ne": ID.upper()}}, And((Compare("id", Operator.STARTS_WITH, "57"), Not(equal("id", ID))))),
    ],
)  # fmt: skip
def test_a_row_query_compares_by_the_type_of_the_column(document: object, tree: object) -> None:
    assert parse(document, ROWS) == tree


@pytest.mark.parametrize(
    ("operand", "members"),
    [
        ({"type": "timer"}, [Member(("type",), "timer")]),
        ({"type": "a", "key": "b"}, [Member(("type",), "a"), Member(("key",), "b")]),
        (
            {"$eq": {"type": "a", "config": {"n": 5, "t": "x", "b": True, "z": None}}},
            [
                Member(("type",), "a"),
                Member(("config", "n"), 5.0),
                Member(("config", "t"), "x"),
                Member(("config", "b"), value=True),
                Member(("config", "z"), None),
            ],
        ),
    ],
)
def test_triggers_are_matched_member_by_member(operand: object, members: list[Member]) -> None:
    assert parse({"triggers": operand}, FLOWS) == ElementMatch("triggers", tuple(members))


def test_a_flow_may_be_asked_to_have_no_such_node() -> None:
    tree = parse({"nodes": {"$ne": {"type": "job"}}}, FLOWS)

    assert tree == Not(ElementMatch("nodes", (Member(("type",), "job"),)))


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (None, ""),
        ([], ""),
        ({"colour": 1}, "/colour"),
        ({"$xor": []}, "/$xor"),
        ({"$and": {}}, "/$and"),
        ({"$and": [1]}, "/$and/0"),
        ({"$or": [{}] * 101}, "/$or"),
        ({"$or": [{"name": "x"}, {"bogus~/": 1}]}, "/$or/1/bogus~0~1"),
        ({"$and": [{"name": {"$regex": "x"}}]}, "/$and/0/name/$regex"),
        ({"name": {"$not": "x"}}, "/name/$not"),
        ({"name": {"$exists": True}}, "/name/$exists"),
        ({"name": {"$elemMatch": {}}}, "/name/$elemMatch"),
        ({"name": ["x"]}, "/name"),
        ({"name": {"$eq": {"a": 1}}}, "/name/$eq"),
        ({"name": {}}, "/name"),
        ({"name": {"$ci": True}}, "/name"),
        ({"name": {"$eq": "x", "$ci": 1}}, "/name/$ci"),
        ({"name": {"$in": "x"}}, "/name/$in"),
        ({"name": {"$in": [None]}}, "/name/$in/0"),
        ({"name": {"$in": ["x"] * 101}}, "/name/$in"),
        ({"name": {"$startsWith": ""}}, "/name/$startsWith"),
        ({"name": {"$contains": None}}, "/name/$contains"),
        ({"name": {"$contains": 5}}, "/name/$contains"),
        ({"name": "a\0"}, "/name"),
        ({"name": "a\ud800"}, "/name"),
        ({"id": "57"}, "/id"),
        ({"id": 57}, "/id"),
        ({"id": "g" * 24}, "/id"),
        ({"id": {"$in": [ID, "57"]}}, "/id/$in/1"),
        ({"id": {"$eq": ID, "$ne": ID}}, "/id"),
        ({"id": {"$eq": ID, "$ci": True}}, "/id/$ci"),
        ({"id": {"$startsWith": "57"}}, "/id/$startsWith"),
        ({"creationDate": "yesterday"}, "/creationDate"),
        ({"creationDate": True}, "/creationDate"),
        ({"creationDate": {"$contains": "2022"}}, "/creationDate/$contains"),
        ({"tags": "color"}, "/tags"),
        ({"tags": {}}, "/tags"),
        ({"tags": {"$tagKey": "a", "b": "c"}}, "/tags/b"),
        ({"tags": {"$in": ["a"]}}, "/tags/$in"),
        ({"tags": {"": "a"}}, "/tags/"),
        ({"tags": {"a\0": "a"}}, "/tags/a\0"),
        ({"tags": {"$eq": {"a": "b"}, "$ne": {"c": "d"}}}, "/tags"),
        ({"tags": {"color": 5}}, "/tags/color"),
        ({"tags": {"color": {"$eq": "a"}}}, "/tags/color"),
        ({"tags": {"color": {"$in": ["a"], "$nin": ["b"]}}}, "/tags/color"),
        ({"tags": {"color": {"$in": [None]}}}, "/tags/color/$in/0"),
        ({"tags": {"$tagValue": "x" * 256}}, "/tags/$tagValue"),
    ],
)
def test_a_fault_is_refused_with_its_place(document: object, place: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(document, DEVICES)

    assert caught.value.flaws[0].place == place
    assert caught.value.field == "query"
    assert str(caught.value).count(f"Invalid query at '{place}': ") == 1


@pytest.mark.parametrize(
    ("operand", "place"),
    [
        ("timer", "/triggers"),
        ({}, "/triggers"),
        ({"type": 5}, "/triggers"),
        ({"type": "a", "id": "b"}, "/triggers/id"),
        ({"type": "a", "config": "b"}, "/triggers/config"),
        ({"type": "a", "config": {"b": []}}, "/triggers/config"),
        ({"type": "a", "config": {'b"': 1}}, "/triggers/config"),
        ({"type": "a", "config": {"": 1}}, "/triggers/config"),
        ({"type": "a", "config": {"b": 10**400}}, "/triggers/config"),
        ({"type": "a", "config": {"b": "x" * 1025}}, "/triggers/config"),
        ({"type": "a" * 1025}, "/triggers/type"),
    ],
)
def test_a_faulty_trigger_is_refused_with_its_place(operand: object, place: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse({"triggers": operand}, FLOWS)

    assert caught.value.flaws[0].place == place


def test_a_fault_behind_an_impossible_condition_is_still_seen() -> None:
    with pytest.raises(Invalid, match="bogus"):
        parse({"level": 5, "bogus": 1}, EVENTS)


def test_an_unknown_field_is_answered_with_the_known_ones() -> None:
    with pytest.raises(Invalid, match="job logs have: id, name, resourceId"):
        parse({"bogus": 1}, APPLICATION_JOB_LOGS)


def test_nesting_is_allowed_to_the_cap_and_no_deeper() -> None:
    def nested(levels: int) -> Any:
        return {"$and": [nested(levels - 1)]} if levels else {"name": "x"}

    assert parse(nested(MAX_DEPTH), DEVICES) == equal("name", "x")
    with pytest.raises(Invalid, match="levels"):
        parse(nested(MAX_DEPTH + 1), DEVICES)


def test_conditions_are_allowed_to_the_cap_and_no_more() -> None:
    def wide(count: int) -> Any:
        full, rest = divmod(count, 100)
        sizes = [100] * full + [rest] * bool(rest)
        return {"$or": [{"$or": [{"name": str(i)} for i in range(size)]} for size in sizes]}

    tree = parse(wide(MAX_CONDITIONS), DEVICES)

    assert isinstance(tree, Or)
    assert len(tree.parts) == MAX_CONDITIONS
    with pytest.raises(Invalid, match="conditions"):
        parse(wide(MAX_CONDITIONS + 1), DEVICES)


def test_operators_in_one_object_must_all_hold() -> None:
    tree = parse_json('{"creationDate": {"$gte": "2022-01-30", "$lt": "2022-01-31"}}', DEVICES)

    assert matches(tree, {"creationDate": to_ms("2022-01-30T23:59:59.999Z")})
    assert not matches(tree, {"creationDate": to_ms("2022-01-31")})


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "null",
        "5",
        '{"name": NaN}',
        '{"creationDate": Infinity}',
        '{"name": "x", "name": "y"}',
        '{"name": {"$eq": "x", "$eq": "y"}}',
        '{"$and":[' * 100_000,
        b'{"name": "\xff"}',
        '{"creationDate": ' + "9" * 5000 + "}",
    ],
)
def test_text_that_is_no_plain_json_object_is_refused(text: str | bytes) -> None:
    with pytest.raises(Invalid) as caught:
        parse_json(text, DEVICES)

    assert caught.value.field == "query"


@pytest.mark.parametrize(
    ("fields", "document"),
    [
        (APPLICATION_JOB_LOGS, {"name": "ApplicationExport", "status": {"$in": ["errored", "failed"]}}),
        (EVENTS, {"$or": [{"level": {"$ne": "myValue"}}, {"level": 5}]}),
        (DEVICES, {"$or": [{"name": {"$ne": "myValue"}}, {"parentId": ID}]}),
        (FLOWS, {"$or": [{"name": {"$ne": "flowie"}}, {"enabled": False}]}),
    ],
)  # fmt: skip
def test_published_shapes_of_queries_are_understood(fields: Any, document: object) -> None:
    assert parse_json(json.dumps(document), fields) == parse(document, fields)
