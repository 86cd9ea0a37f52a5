"""Literals become values of a field's type."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest

from drover.model.errors import Invalid
from drover.query.fields import Field, FieldType, compare, value_of
from drover.query.kinds import FIELD_SETS
from drover.query.tree import NOTHING, Compare, Instant, Operator

INTEGER = Field("n", FieldType.INTEGER)
NUMBER = Field("x", FieldType.NUMBER)
DATE = Field("d", FieldType.DATE)
FIRST_DATE, LAST_DATE = -30_610_224_000_000, 253_402_300_799_999


@pytest.mark.parametrize(
    ("operator", "literal", "value"),
    [
        (Operator.EQUAL, 2, 2),
        (Operator.EQUAL, 2.0, 2),
        (Operator.GREATER, 2.5, 2),
        (Operator.LESS_OR_EQUAL, 2.5, 2),
        (Operator.LESS, 2.5, 3),
        (Operator.GREATER_OR_EQUAL, 2.5, 3),
        (Operator.LESS, math.inf, 2**63 - 1),
        (Operator.GREATER, -math.inf, -(2**63)),
        (Operator.LESS, 10**30, 2**63 - 1),
    ],
)
def test_a_number_held_against_whole_numbers_keeps_the_order(
    operator: Operator, literal: float, value: int
) -> None:
    assert compare(INTEGER, operator, literal) == Compare("n", operator, value)


@pytest.mark.parametrize("literal", [2.5, math.inf, 10**30, "2", True])
def test_what_no_whole_number_equals_matches_nothing(literal: Any) -> None:
    assert compare(INTEGER, Operator.EQUAL, literal) == NOTHING


@pytest.mark.parametrize(
    ("literal", "ms"),
    [(10**30, LAST_DATE), (-(10**30), FIRST_DATE), ("0001-01-01", FIRST_DATE), (5, 5)],
)
def test_a_date_out_of_range_becomes_the_end_of_the_range(literal: Any, ms: int) -> None:
    assert value_of(DATE, literal, Operator.LESS) == Instant(ms)


def test_a_date_out_of_range_equals_none() -> None:
    assert value_of(DATE, 10**30) is None


def test_an_infinite_number_bounds_but_equals_none() -> None:
    assert value_of(NUMBER, math.inf) is None
    assert value_of(NUMBER, -math.inf, Operator.GREATER) == -sys.float_info.max


@pytest.mark.parametrize("type_", [FieldType.NUMBER, FieldType.BOOLEAN, FieldType.DATE])
def test_a_text_operator_needs_a_text_field(type_: FieldType) -> None:
    with pytest.raises(Invalid, match="not text"):
        compare(Field("f", type_), Operator.CONTAINS, "x")


@pytest.mark.parametrize("type_", [FieldType.TAGS, FieldType.ELEMENTS])
def test_objects_are_not_compared_with_a_literal(type_: FieldType) -> None:
    with pytest.raises(Invalid, match="matched by an object"):
        value_of(Field("f", type_), "x")


def test_every_field_is_declared_under_its_own_name() -> None:
    for fields in FIELD_SETS.values():
        assert all(name == field.name for name, field in fields.fields.items())


def test_each_kind_has_an_id() -> None:
    assert all("id" in fields.fields for fields in FIELD_SETS.values())
