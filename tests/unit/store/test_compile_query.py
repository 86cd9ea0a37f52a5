"""Query trees as SQL: its shape, its safety, and how deep it may get."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from drover.query.kinds import DEVICES
from drover.query.losant import MAX_CONDITIONS, MAX_DEPTH, parse
from drover.query.tree import (
    ALL,
    And,
    Compare,
    ElementMatch,
    In,
    Instant,
    Member,
    Missing,
    Node,
    Not,
    Operator,
    Or,
    TagMatch,
)
from drover.store.compile import DialectName, compile_query, register_functions
from drover.store.compile.columns import (
    Column,
    JsonColumn,
    JsonElements,
    JsonField,
    JsonList,
    JsonTagList,
    JsonTagMap,
    Lookup,
    Plain,
    Related,
    TagRows,
)

COLUMNS: dict[str, Column] = {
    **{name: Plain(f"device.{name}") for name in DEVICES.fields},
    "tags": TagRows("device_tag AS t WHERE t.device_id = device.id", "t.key", "t.value"),
    "attributeName": Related("device_attribute AS a WHERE a.device_id = device.id", "a.name"),
}
HOSTILE = "'; DROP TABLE device; --"


def sql_of(document: Any, dialect: DialectName = "sqlite") -> str:
    return compile_query(parse(document, DEVICES), COLUMNS, dialect).sql


@pytest.fixture(params=["sqlite", "postgres"])
def dialect(request: pytest.FixtureRequest) -> DialectName:
    """Each dialect in turn."""
    name: DialectName = request.param
    return name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "a"}, {"name": HOSTILE}),
        ({"name": {"$in": ["a"]}}, {"name": {"$in": ["a", HOSTILE, "c"]}}),
        ({"name": {"$contains": "a", "$ci": True}}, {"name": {"$contains": "%É", "$ci": True}}),
        ({"name": {"$lt": "a"}}, {"name": {"$lt": HOSTILE}}),
        ({"creationDate": {"$gt": 5}}, {"creationDate": {"$gt": "2022-01-30"}}),
        ({"tags": {"a": "b"}}, {"tags": {HOSTILE[1:]: HOSTILE}}),
        ({"tags": {"a": {"$in": []}}}, {"tags": {"b": {"$in": ["c", "d"]}}}),
        ({"$or": [{"name": "a"}, {"name": "b"}]}, {"$or": [{"name": "c"}, {"name": "d"}]}),
    ],
)
def test_the_sql_depends_on_the_shape_of_a_query_only(
    one: object, other: object, dialect: DialectName
) -> None:
    assert sql_of(one, dialect) == sql_of(other, dialect)


def test_a_name_given_by_a_user_is_a_parameter(dialect: DialectName) -> None:
    def compiled(name: str) -> str:
        columns = {name: JsonColumn("row.data", name)}
        return compile_query(Compare(name, Operator.EQUAL, "x"), columns, dialect).sql

    assert compiled("speed") == compiled("colour")


@pytest.mark.parametrize("name", ["", "a'b", 'a"b', "a b", "a,b", "a}b", "a:b", "é"])
def test_a_name_that_could_break_out_of_the_sql_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a member"):
        JsonColumn("row.data", name)
    for column in (JsonField, JsonList, JsonElements, JsonTagMap, JsonTagList):
        with pytest.raises(ValueError, match="cannot name a member"):
            column("row.data", (name,))


def test_a_member_that_could_break_out_of_a_path_is_refused(dialect: DialectName) -> None:
    tree = ElementMatch("nodes", (Member(('a"b',), "x"),))

    with pytest.raises(ValueError, match="cannot name a member"):
        compile_query(tree, {"nodes": JsonElements("flow.body", ("nodes",))}, dialect)


def test_sql_for_sqlite_reads_as_written() -> None:
    compiled = compile_query(
        parse({"name": {"$ne": "x"}, "tags": {"color": "red"}}, DEVICES), COLUMNS, "sqlite"
    )

    assert compiled.sql == (
        "((device.name = :p0) IS NOT TRUE AND EXISTS (SELECT 1 FROM device_tag AS t"
        " WHERE t.device_id = device.id AND t.key = :p1 AND t.value = :p2))"
    )
    assert compiled.params == {"p0": "x", "p1": "color", "p2": "red"}


def test_sql_for_postgres_casts_each_parameter() -> None:
    tree = And(
        (
            Compare("creationDate", Operator.GREATER, Instant(5)),
            Not(Compare("attributeName", Operator.EQUAL, "x")),
            In("name", ("a", "b")),
        )
    )

    compiled = compile_query(tree, COLUMNS, "postgres", prefix="q")

    assert compiled.sql == (
        "(device.creationDate > CAST(:q0 AS bigint) AND"
        " NOT (EXISTS (SELECT 1 FROM device_attribute AS a WHERE a.device_id = device.id"
        " AND a.name = CAST(:q1 AS text))) AND device.name = ANY(CAST(:q2 AS text[])))"
    )
    assert compiled.params == {"q0": 5, "q1": "x", "q2": ["a", "b"]}


@pytest.mark.parametrize(
    ("document", "looked_up"),
    [
        ({"tags": {"color": "red"}}, True),
        ({"tags": {"$tagKey": {"$in": ["color"]}}}, True),
        ({"tags": {"$ne": {"color": {"$nin": ["red"]}}}}, True),
        ({"tags": {"$tagValue": "red"}}, False),
        ({"tags": None}, False),
        ({"attributeName": "speed"}, True),
        ({"attributeName": {"$nin": ["speed"]}}, True),
        ({"attributeName": {"$eq": "speed", "$ci": True}}, False),
        ({"attributeName": {"$startsWith": "s"}}, False),
        ({"attributeName": None}, False),
    ],
)
def test_rows_are_looked_up_when_what_they_hold_is_given(
    document: object, *, looked_up: bool
) -> None:
    columns = {
        "tags": TagRows("t WHERE t.d = d.id", "t.k", "t.v", Lookup("d.id", "t.d", "t WHERE TRUE")),
        "attributeName": Related(
            "a WHERE a.d = d.id", "a.n", Lookup("d.id", "a.d", "a WHERE TRUE")
        ),
    }

    sql = compile_query(parse(document, DEVICES), columns, "sqlite").sql

    assert ("d.id IN (SELECT" in sql) is looked_up
    assert ("EXISTS" in sql) is not looked_up


def test_a_walk_over_the_rows_makes_no_lookup() -> None:
    lookup = Lookup("d.id", "a.d", "a WHERE TRUE")
    columns = {"attributeName": Related("a WHERE a.d = d.id", "a.n", lookup)}
    tree = parse({"attributeName": "speed"}, DEVICES)

    sql = compile_query(tree, columns, "sqlite", row_by_row=True).sql

    assert sql == "(EXISTS (SELECT 1 FROM a WHERE a.d = d.id AND a.n = :p0))"


def test_negation_is_carried_to_the_leaves() -> None:
    tree = Not(And((Missing("name"), Or((Missing("id"), ALL)))))

    compiled = compile_query(tree, COLUMNS, "sqlite")

    assert compiled.sql == "(NOT (device.id IS NULL) AND FALSE OR NOT (device.name IS NULL))"


@pytest.mark.parametrize(
    ("node", "sql"), [(And(()), "(TRUE)"), (Or(()), "(FALSE)"), (Not(Or(())), "(TRUE)")]
)
def test_combinations_of_nothing_are_constants(node: Node, sql: str) -> None:
    assert compile_query(node, COLUMNS, "sqlite").sql == sql


@pytest.mark.parametrize(
    ("node", "column"),
    [
        (Compare("f", Operator.EQUAL, "x"), TagRows("t WHERE TRUE", "k", "v")),
        (TagMatch("f"), Plain("f")),
        (ElementMatch("f", (Member(("type",), "x"),)), Plain("f")),
    ],
)
def test_a_test_that_does_not_suit_its_column_is_an_error(node: Node, column: Column) -> None:
    with pytest.raises(TypeError, match="holds"):
        compile_query(node, {"f": column}, "sqlite")


def test_a_field_without_a_column_is_an_error() -> None:
    with pytest.raises(KeyError, match="f"):
        compile_query(Missing("f"), {}, "sqlite")


def nested(group: str, levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {"name": "x"}
    for _ in range(levels):
        document = {group: [document, {"name": "y"}], "deviceClass": "z"}
    return document


def branching(levels: int) -> dict[str, Any]:
    if not levels:
        return {"name": "x"}
    return {"$nor": [branching(levels - 1), branching(levels - 1)], "name": "y"}


def wide() -> dict[str, Any]:
    options = [{"name": {"$contains": str(n), "$ci": True}} for n in range(99)]
    return {"$and": [{"$or": options}] * (MAX_CONDITIONS // 100)}


@pytest.mark.parametrize(
    "document",
    [*(nested(group, MAX_DEPTH) for group in ("$and", "$or", "$nor")), branching(8), wide()],
    ids=["and", "or", "nor", "branching", "wide"],
)
def test_sqlite_takes_the_deepest_and_the_widest_query(document: dict[str, Any]) -> None:
    compiled = compile_query(parse(document, DEVICES), COLUMNS, "sqlite")

    with closing(sqlite3.connect(":memory:")) as connection:
        register_functions(connection)
        connection.execute(f"CREATE TABLE device ({', '.join(DEVICES.fields)})")
        sql = f"SELECT * FROM device WHERE id = 'x' AND ({compiled.sql})"  # noqa: S608 - under test
        found = connection.execute(sql, compiled.params).fetchall()

    assert found == []


def test_sqlite_takes_sixty_four_levels_of_alternating_negation() -> None:
    tree: Node = Missing("name")
    for level in range(64):
        combination = And if level % 2 else Or
        tree = Not(combination((tree, Compare("name", Operator.EQUAL, "x"))))
    compiled = compile_query(tree, COLUMNS, "sqlite")

    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE device (name)")
        connection.execute("INSERT INTO device VALUES (NULL)")
        sql = f"SELECT count(*) FROM device WHERE {compiled.sql}"  # noqa: S608 - under test
        (count,) = connection.execute(sql, compiled.params).fetchone()

    assert count == 1


def test_casefold_leaves_what_is_no_text_alone() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        register_functions(connection)
        found = connection.execute("SELECT casefold(NULL), casefold(5), casefold('É')").fetchone()

    assert found == (None, 5, "é")
