"""The payload language gives what JavaScript gives."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drover.flows.language import (
    UNDEFINED,
    compile_expression,
    compile_template,
    loose_equal,
    parse_json,
    strict_equal,
    to_json,
    to_number,
    to_text,
    truthy,
)
from drover.flows.language.conversions import to_string
from drover.flows.language.decimal_digits import to_exponential, to_fixed, to_precision
from tests.property.javascript_oracle import (
    EXPRESSIONS,
    ONE_ARGUMENT_CALLS,
    VALUES,
    Pair,
    described,
    javascript,
    literal,
)

NUMBERS = st.one_of(
    st.floats(),
    st.integers(-(2**53), 2**53),
    st.floats(min_value=-1e9, max_value=1e9),
    st.integers(-(10**6), 10**6).map(lambda whole: whole / 1000),
)
FINITE = NUMBERS.filter(math.isfinite)
# The engine's binding cuts texts it returns at a NUL, so there is none.
PRINTED_ALIKE = FINITE.filter(
    lambda number: to_text(number) == javascript(f"String({literal(number)})")
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
NUMERIC_TEXTS = st.one_of(
    st.text("0123456789.eE+-xXoObB_ \n\u00a0InfityaN"), FINITE.map(str), TEXTS
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, NUMERIC_TEXTS)
JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), PRINTED_ALIKE, TEXTS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


def describe(value: Any) -> str:
    if isinstance(value, float) and value == 0 and math.copysign(1, value) < 0:
        return "number:-0"
    if value is UNDEFINED:
        return "undefined:undefined"
    names = {int: "number", float: "number", bool: "boolean", str: "string", type(None): "null"}
    return f"{names.get(type(value), 'object')}:{to_string(value)}"


def agree(mine: str, theirs: str) -> bool:
    """Whether both descriptions are the same.

    This engine prints a few powers of two with a digit more than the shortest that reads back;
    the standard asks for the shortest.
    """
    kind, _, text = mine.partition(":")
    if kind != "number" or mine == theirs:
        return mine == theirs
    other = theirs.removeprefix("number:")
    return float(text) == float(other) and len(text) < len(other)


@settings(deadline=None)
@given(EXPRESSIONS)
def test_an_expression_evaluates_as_in_javascript(pair: Pair) -> None:
    mine, theirs = pair

    assert agree(describe(compile_expression(mine)(VALUES)), described(theirs))


@settings(deadline=None)
@given(ONE_ARGUMENT_CALLS)
def test_a_function_computes_as_in_javascript(call: tuple[str, Pair]) -> None:
    name, (mine, theirs) = call

    result = compile_expression(f"{name}({mine})")(VALUES)

    assert float(result) == pytest.approx(
        float(javascript(f"{name}({theirs})")), rel=1e-12, nan_ok=True
    )


@settings(deadline=None)
@given(NUMBERS)
def test_a_number_prints_as_in_javascript(number: float) -> None:
    assert agree(f"number:{to_text(number)}", f"number:{javascript(f'String({literal(number)})')}")


@settings(deadline=None)
@given(FINITE)
def test_a_printed_number_reads_back(number: float) -> None:
    assert to_number(to_text(number)) == number


@settings(deadline=None)
@given(FINITE.map(abs), st.integers(0, 20))
def test_a_number_prints_with_given_digits_as_in_javascript(number: float, digits: int) -> None:
    source = f"({literal(number)})"

    assert to_fixed(number, digits) == javascript(f"{source}.toFixed({digits})")
    assert to_exponential(number, digits) == javascript(f"{source}.toExponential({digits})")
    assert to_precision(number, digits + 1) == javascript(f"{source}.toPrecision({digits + 1})")


@settings(deadline=None)
@given(NUMERIC_TEXTS)
def test_text_reads_as_a_number_as_in_javascript(text: str) -> None:
    assert agree(describe(to_number(text)), described(f"Number({literal(text)})"))


@settings(deadline=None)
@given(SCALARS, SCALARS)
def test_values_compare_as_in_javascript(left: Any, right: Any) -> None:
    sides = f"{literal(left)}, {literal(right)}"
    compare = compile_expression(
        "'' + ({{a}} < {{b}}) + ({{a}} <= {{b}}) + ({{a}} > {{b}}) + ({{a}} >= {{b}})"
    )

    assert strict_equal(left, right) is javascript(f"((a, b) => a === b)({sides})")
    assert loose_equal(left, right) is javascript(f"((a, b) => a == b)({sides})")
    assert compare({"a": left, "b": right}) == javascript(
        f"((a, b) => '' + (a < b) + (a <= b) + (a > b) + (a >= b))({sides})"
    )


@settings(deadline=None)
@given(SCALARS)
def test_a_value_is_true_as_in_javascript(value: Any) -> None:
    assert truthy(value) is javascript(f"!!({literal(value)})")


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["encodeURIComponent", "encodeURI"]))
def test_uris_encode_as_in_javascript_and_decode_again(text: str, function: str) -> None:
    encoded = compile_template(f"{{{{{{{function} text}}}}}}")({"text": text})

    assert encoded == javascript(f"{function}({literal(text)})")
    assert compile_template("{{{decodeURIComponent text}}}")({"text": encoded}) == text


@settings(deadline=None)
@given(
    st.text("abc%0123456789abcdefABCDEFé/?&;"), st.sampled_from(["decodeURIComponent", "decodeURI"])
)
def test_uris_decode_as_in_javascript_or_to_nothing(text: str, function: str) -> None:
    decoded = compile_template(f"{{{{{{{function} text}}}}}}")({"text": text})

    assert decoded == javascript(
        f"(() => {{ try {{ return {function}({literal(text)}) }} catch {{ return '' }} }})()"
    )


@settings(deadline=None)
@given(TEXTS, st.integers(-5, 20), st.integers(-5, 20))
def test_substrings_are_cut_as_in_javascript(text: str, start: int, end: int) -> None:
    cut = compile_template("{{{substring text start end}}}")(
        {"text": text, "start": start, "end": end}
    )

    # A cut through a pair of surrogates leaves halves there and replacement characters here.
    assert cut == javascript(f"({literal(text)}).substring({start}, {end}).toWellFormed()")


@settings(deadline=None)
@given(TEXTS)
def test_a_text_is_as_long_as_in_javascript(text: str) -> None:
    assert compile_expression("length({{text}})")({"text": text}) == javascript(
        f"({literal(text)}).length"
    )


@settings(deadline=None)
@given(JSON_VALUES, st.sampled_from(["", " ", "\t", "--"]))
def test_a_value_is_written_as_json_as_in_javascript(value: Any, indent: str) -> None:
    # Keys that look like indices come first in JavaScript; here keys keep their order.
    source = f"JSON.parse({json.dumps(to_json(value))})"

    written = to_json(value, indent)

    if not has_index_key(value):
        assert written == javascript(f"JSON.stringify({source}, null, {json.dumps(indent)})")
    assert to_json(parse_json(to_json(value))) == to_json(value)


def has_index_key(value: Any) -> bool:
    if isinstance(value, dict):
        return any(key.isdigit() or has_index_key(member) for key, member in value.items())
    return isinstance(value, list) and any(map(has_index_key, value))


@settings(deadline=None)
@given(JSON_VALUES)
def test_an_array_prints_as_in_javascript(value: Any) -> None:
    assert to_text([value]) == javascript(f"String([{json.dumps(value)}])")
