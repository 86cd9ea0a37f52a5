"""Queries over rows in memory."""

from __future__ import annotations

from typing import Any

import pytest

from drover.query.evaluate import matches, predicate
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
    Node,
    Not,
    Operator,
    Or,
    TagMatch,
    TextTest,
)


def compare(value: Any, operator: Operator = Operator.EQUAL, *, fold: bool = False) -> Node:
    return Compare("f", operator, value, fold)


@pytest.mark.parametrize(
    ("node", "value"),
    [
        (ALL, None),
        (compare("a"), "a"),
        (compare("A", fold=True), "a"),
        (compare("a"), ["b", "a"]),
        (compare("b", Operator.LESS), "a"),
        (compare("a", Operator.LESS_OR_EQUAL), "a"),
        (compare("Z", Operator.GREATER), "a"),
        (compare("a", Operator.GREATER_OR_EQUAL), "a"),
        (compare("ab", Operator.STARTS_WITH), "abc"),
        (compare("bc", Operator.ENDS_WITH), "abc"),
        (compare("b", Operator.CONTAINS), "abc"),
        (compare("A*", Operator.GLOB), "abc"),
        (compare(1.0), 1),
        (compare(1), 1.0),
        (compare(value=True), True),
        (compare(Instant(5)), 5),
        (compare(Instant(5)), "1970-01-01T00:00:00.005Z"),
        (compare(Instant(5), Operator.GREATER), 6),
        (In("f", ("a", "B"), fold=True), "b"),
        (In("f", (Instant(5),)), 5),
        (Missing("f"), None),
        (Missing("f"), []),
        (Missing("f"), {}),
        (Not(compare("a")), None),
        (And((compare("a"), ALL)), "a"),
        (Or((NOTHING, compare("a"))), "a"),
        (TagMatch("f"), {"a": "b"}),
        (TagMatch("f", value=TextTest(Choice.NOT_IN, ("c",))), [{"key": "a"}]),
        (ElementMatch("f", (Member(("a", "b"), 1.0),)), [5, {"a": {"b": 1}}]),
        (ElementMatch("f", (Member(("a", "b"), None),)), [{"a": 1}]),
    ],
)
def test_a_row_matches(node: Node, value: object) -> None:
    assert matches(node, {"f": value})


@pytest.mark.parametrize(
    ("node", "value"),
    [
        (NOTHING, "a"),
        (compare("a"), "A"),
        (compare("a"), None),
        (compare("a"), 5),
        (compare("1"), 1),
        (compare(1.0), True),
        (compare(1), "1"),
        (compare(value=True), 1),
        (compare(Instant(1)), True),
        (compare(Instant(1)), "soon"),
        (compare("a", fold=True), 5),
        (In("f", ()), "a"),
        (Missing("f"), "a"),
        (Missing("f"), ["a"]),
        (Missing("f"), {"a": "b"}),
        (And((compare("a"), NOTHING)), "a"),
        (Or((NOTHING, compare("b"))), "a"),
        (TagMatch("f", key=TextTest(Choice.EQUAL, ("c",))), {"a": "b"}),
        (TagMatch("f"), []),
        (TagMatch("f"), None),
        (TagMatch("f"), ["odd"]),
        (
            TagMatch("f", TextTest(Choice.EQUAL, ("a",)), TextTest(Choice.IN, ("d",))),
            [{"key": "a", "value": "b"}, {"key": "c", "value": "d"}],
        ),
        (ElementMatch("f", (Member(("a",), "x"), Member(("b",), "y"))), [{"a": "x"}, {"b": "y"}]),
        (ElementMatch("f", (Member(("a",), value=True),)), [{"a": 1}]),
    ],
)
def test_a_row_does_not_match(node: Node, value: object) -> None:
    assert not matches(node, {"f": value})


def test_an_absent_field_is_a_missing_one() -> None:
    assert matches(Missing("f"), {})


def test_one_predicate_serves_many_rows() -> None:
    test = predicate(compare("a"))

    assert [test({"f": text}) for text in ("a", "b", "a")] == [True, False, True]
