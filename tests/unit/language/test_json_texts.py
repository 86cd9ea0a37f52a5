import copy
import json
import math
import pickle
from typing import Any

import pytest

from drover.flows.language import (
    UNDEFINED,
    InvalidJsonTemplate,
    RenderLimit,
    compile_json_template,
    deep_copy,
    parse_json,
    to_json,
    to_number,
    to_text,
    truthy,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), ('a"b\\\n\t\x01\x7f\u00e9', '"a\\"b\\\\\\n\\t\\u0001\x7fé"'), ("\ud800x", '"\\ud800x"'), ([], "[]"), ({}, "{}"), ([1, [True, None]], "[1,[true,null]]"), ({"a": {"b": 1}}, '{"a":{"b":1}}'),
        ({"a": UNDEFINED, "b": [UNDEFINED]}, '{"b":[null]}'), (UNDEFINED, "null"), ({"é\n": 1}, '{"é\\n":1}'),
    ],
)  # fmt: skip
def test_a_value_is_written_as_javascript_writes_it(value: object, text: str):
    assert to_json(value) == text


def test_a_value_may_be_indented():
    value = {"a": [1, {}], "b": UNDEFINED, "c": {"d": UNDEFINED}}

    assert to_json(value, "\t") == '{\n\t"a": [\n\t\t1,\n\t\t{}\n\t],\n\t"c": {}\n}'


@pytest.mark.parametrize("indent", ["", " "])
def test_a_value_too_large_to_write_is_refused(indent: str):
    big = ["x" * 1_000_000] * 40

    with pytest.raises(RenderLimit, match="too long"):
        to_json(big, indent)
    with pytest.raises(RenderLimit, match="too long"):
        to_json({str(at): text for at, text in enumerate(big)}, indent)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, "a": 2}', {"a": 2}), (" [1, 2.5, -3e2] ", [1, 2.5, -300.0]), ('"\\ud83d\\ude00"', "\U0001f600"), ('"\\ud800"', "\ufffd"), ('{"\\udc00": ["\\udc00", 1]}', {"\ufffd": ["\ufffd", 1]}),
        ("12345678901234567890123", 12345678901234567890123), ("[" + "1" * 5_000 + "]", [math.inf]), ("true", True),
    ],
)  # fmt: skip
def test_json_is_read(text: str, value: object):
    assert parse_json(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1,]",
        "{'a': 1}",
        "NaN",
        "[Infinity]",
        "-Infinity",
        "// c\n1",
        "1 2",
        "01",
        '"\n"',
        "\ufeff1",
        "tru",
    ],
)
def test_what_is_not_json_is_refused(text: str):
    with pytest.raises(json.JSONDecodeError):
        parse_json(text)


def test_an_empty_rendering_is_undefined():
    assert compile_json_template("{{a}}")({}) is UNDEFINED
    assert compile_json_template(" \n ")({}) is UNDEFINED


def test_the_error_tells_the_place_and_the_start_of_the_text():
    render = compile_json_template('{\n  "x": {{a}} }' + " " * 300)

    with pytest.raises(InvalidJsonTemplate) as caught:
        render({"a": "oops"})

    error = caught.value
    assert (error.line, error.column) == (2, 8)
    assert error.excerpt == ('{\n  "x": oops }' + " " * 300)[:200]
    assert "line 2 column 8" in str(error)
    assert str(error).endswith(error.excerpt)


def test_blocks_may_enclose_keys_values_and_commas():
    render = compile_json_template("[{{#each list}}{{this}}{{#unless @last}},{{/unless}}{{/each}}]")

    assert render({"list": [1, 2, 3]}) == [1, 2, 3]


@pytest.mark.parametrize("value", [False, 0, 0.0, -0.0, math.nan, "", None, UNDEFINED])
def test_these_values_are_false(value: Any):
    assert truthy(value) is False


@pytest.mark.parametrize("value", [True, 1, -1, math.inf, "0", "false", [], {}, [0]])
def test_all_other_values_are_true(value: Any):
    assert truthy(value) is True


@pytest.mark.parametrize(
    ("value", "number"),
    [("", 0), ("  12 \n", 12), ("1.5e3", 1500), ("0x1F", 31), ("0b101", 5), ("0O17", 15), ("-Infinity", -math.inf), ("+.5", 0.5), ("5.", 5), (True, 1), (None, 0), ([], 0), (["7"], 7), (2**60, float(2**60))],
)  # fmt: skip
def test_a_value_casts_to_a_number(value: Any, number: float):
    assert to_number(value) == number


@pytest.mark.parametrize(
    "value",
    [
        "x",
        "1_000",
        "infinity",
        "nan",
        "1e",
        ".",
        "-0x1F",
        "1 2",
        "٣",
        UNDEFINED,
        {},
        [1, 2],
        "0x",
        "+",
    ],
)
def test_a_value_that_is_no_number_is_nan(value: Any):
    assert math.isnan(to_number(value))


def test_the_missing_value_is_one_object_that_copies_keep():
    assert copy.deepcopy([UNDEFINED])[0] is UNDEFINED
    assert pickle.loads(pickle.dumps(UNDEFINED)) is UNDEFINED  # noqa: S301  made on this line
    assert repr(UNDEFINED) == "UNDEFINED"
    assert to_text(UNDEFINED) == ""


def test_a_deep_copy_shares_nothing_that_can_change():
    value = {"a": [1, {"b": "x"}]}

    copied = deep_copy(value)
    copied["a"][1]["b"] = "y"

    assert value == {"a": [1, {"b": "x"}]}
