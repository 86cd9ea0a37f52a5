from datetime import UTC, datetime
from typing import Any

import pytest

from drover.flows.language import UNDEFINED, compile_expression, compile_template
from drover.flows.language.lexicon import LEXICON

PAYLOAD: dict[str, Any] = {
    "n": 42,
    "f": 0.1,
    "text": "Hello wORLD",
    "emoji": "a\U0001f600b",
    "list": [3, None, "x", [1, 2]],
    "object": {"a": 1, "b": "x y&z", "c": [1, 2], "d": None, "e": {"x": 1}},
    "rows": [7, {"key": "a", "value": 1}, {"key": "b", "value": {"deep": 2}}, {"k": {"x": "b"}}],
    "none": None,
    "nan": float("nan"),
    "when": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    "template": "{{n}}-{{text}}",
    "nested": "{{template template}}{{evalExpression '1'}}.",
    "broken": "{{#if}}",
    "sum": "{{n}} + 1",
}


def render(template: str) -> str:
    return compile_template(template)(PAYLOAD)


def value_of(helper: str) -> object:
    return compile_expression(f"{{{{{helper}}}}}")(PAYLOAD)


@pytest.mark.parametrize(
    ("helper", "value"),
    [
        ("add n 1", 43), ("add f 0.2", 0.1 + 0.2), ("add nope 1", 1), ("add '5' 1", 6), ("add none 1", 1),
        ("subtract n 2", 40), ("multiply n 2", 84), ("multiply n nope", 0), ("divide n 5", 8.4), ("divide 6 3", 2),
        ("divide 1 0", float("inf")), ("divide 1 nope", float("inf")), ("divide -1 0", float("-inf")),
        ("ceil 1.2", 2), ("floor -1.2", -2), ("ceil '1.2'", 2), ("max 1 '3' 2", 3), ("min 1 -3 2", -3), ("max 5", 5),
        ("max n nope", 42), ("min n nope", 0),
        ("scaleLinear 0 10 0 100 5", 50), ("scaleLinear 0 10 0 100 20", 200), ("scaleLinear 1 1 7 9 5", 7),
        ("scaleLinear 0 10 100 0 2.5", 75),
        ("upper text", "HELLO WORLD"), ("lower text", "hello world"), ("titleCase text", "Hello World"),
        ("titleCase 'a  b\tc-d'", "A  B\tC-d"), ("upper n", "42"), ("upper nope", ""),
        ("trim '\u00a0 a b \ufeff'", "a b"), ("substring text 1 3", "el"), ("substring text 3 1", "el"),
        ("substring text -5 2", "He"), ("substring text 6", "wORLD"), ("substring text", "Hello wORLD"),
        ("substring text 'x' 99", "Hello wORLD"), ("substring emoji 1 3", "\U0001f600"), ("substring emoji 2", "\ufffdb"),
        ("length text", 11), ("length emoji", 4), ("length list", 4), ("length object", 5), ("length n", UNDEFINED),
        ("length nope", UNDEFINED),
        ("join list", "3,,x,1,2"), ("join list '-'", "3--x-1,2"), ("join text '-'", "Hello wORLD"), ("join list nope", "3,,x,1,2"), ("join list ''", "3x1,2"), ("indexByKey rows 'b' nope", 2), ("valueByKey rows 'b' valuePath='value.deep'", 2),
        ("defaultTo nope 'd'", "d"), ("defaultTo none 'd'", "d"), ("defaultTo '' 'd'", "d"), ("defaultTo nan 'd'", "d"),
        ("defaultTo 0 'd'", 0), ("defaultTo false 'd'", False),
        ("typeof n", "number"), ("typeof f", "number"), ("typeof text", "string"), ("typeof list", "array"),
        ("typeof object", "object"), ("typeof none", "null"), ("typeof nope", "undefined"), ("typeof when", "date"),
        ("typeof true", "boolean"),
        ("merge object (obj a=2 z=3) n", {**PAYLOAD["object"], "a": 2, "z": 3}),
        ("array n nope 'x'", [42, UNDEFINED, "x"]),
        ("lookup object 'b'", "x y&z"), ("lookup list 0", 3), ("lookup list '2'", "x"), ("lookup text 1", "e"),
        ("lookup object 'e.x'", UNDEFINED), ("lookup list 9", UNDEFINED), ("lookup nope 'a'", UNDEFINED),
        ("lookup list 'length'", 4), ("lookup object '__class__'", UNDEFINED),
        ("last list", [1, 2]), ("last text", "D"), ("last emoji", "b"), ("last ''", UNDEFINED), ("last n", UNDEFINED),
        ("last (array)", UNDEFINED),
        ("indexByKey rows 'b'", 2), ("indexByKey rows 'z'", -1), ("indexByKey rows 'b' 'k.x'", 3), ("indexByKey n 'b'", -1),
        ("indexByKey rows 'b' keyPath='k.x'", 3), ("indexByKey rows 'b' '{{'", -1),
        ("valueByKey rows 'a'", 1), ("valueByKey rows 'b' 'key' 'value.deep'", 2), ("valueByKey rows 'z'", UNDEFINED),
        ("valueByKey rows 'a' 'key' ''", UNDEFINED),
        ("jsonDecode '{\"a\":[1,null]}'", {"a": [1, None]}), ("jsonDecode '{'", UNDEFINED), ("jsonDecode nope", UNDEFINED),
        ("eq n 42", True), ("includes list 'x'", True),
    ],
)  # fmt: skip
def test_a_helper_yields_a_value(helper: str, value: object):
    result = value_of(helper)

    assert (type(result), result) == (type(value), value)


@pytest.mark.parametrize(
    "helper", ["divide 0 0", "add text 1", "max 1 text", "ceil text", "floor nan"]
)
def test_a_helper_yields_nan_for_what_is_no_number(helper: str):
    assert str(value_of(helper)) == "nan"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{{encodeURIComponent 'a b/ü&\u20ac'}}}", "a%20b%2F%C3%BC%26%E2%82%AC"),
        ("{{{encodeURI 'a b/ü&x=1#y'}}}", "a%20b/%C3%BC&x=1#y"),
        ("{{{decodeURIComponent 'a%20b%2F%C3%BC+'}}}", "a b/ü+"),
        ("{{{decodeURI 'a%20b%2f%C3%BC'}}}", "a b%2fü"),
        ("{{{decodeURIComponent '%'}}}{{{decodeURIComponent '%zz'}}}{{{decodeURI '%ff'}}}", ""),
        ("{{{encodeBase64 'h\u00e9'}}}", "aMOp"),
        ("{{{decodeBase64 'aMOp'}}}", "hé"),
        ("{{{decodeBase64 'a MO\np=x'}}}|{{{decodeBase64 'aMO'}}}|{{{decodeBase64 'a'}}}", "hé|h\ufffd|"),
        ("{{{decodeBase64 '-_8'}}}", "\ufffd\ufffd"),
        ("{{{queryStringEncode object}}}", "a=1&b=x%20y%26z&c=1&c=2&d=&e="),
        ("{{queryStringEncode (obj a=1 b=2)}}", "a&#x3D;1&amp;b&#x3D;2"),
        ("{{queryStringEncode text}}", ""),
        ("{{jsonEncode text}}", '"Hello wORLD"'),
        ("{{jsonEncode object 2}}", '{\n  "a": 1,\n  "b": "x y&z",\n  "c": [\n    1,\n    2\n  ],\n  "d": null,\n  "e": {\n    "x": 1\n  }\n}'),
        ("{{jsonEncode (array 1 (obj) (array)) '--'}}", "[\n--1,\n--{},\n--[]\n]"),
        ("{{jsonEncode (array 1) 0}}{{jsonEncode (array 1) true}}", "[1][1]"),
        ("{{jsonEncode (array 1) 99}}", "[\n          1\n]"),
        ("{{jsonEncode nope}}|{{jsonEncode nan}}|{{jsonEncode none}}", "|null|null"),
        ("{{jsonEncode when}}", '"2026-01-02T03:04:05.678Z"'),
        ("{{upper '<'}}{{{upper '<'}}}", "&lt;<"),
        ("{{toHtml object}}{{colorMarker '#fff'}}{{dashboardUrl 'x' k=1}}", ""),
        ("{{obj a=1}} {{array 1 2}}", "[object Object] 1,2"),
    ],
)  # fmt: skip
def test_a_helper_prints(template: str, text: str):
    assert render(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{template template}}", "42-Hello wORLD"),
        ("{{template template rows.[1]}}", "-"),
        ("{{#with object}}{{template '{{n}}'}}{{/with}}", "42"),
        ("{{template nested}}", "."),
        ("{{template broken}}", ""),
        ("{{template nope}}", ""),
        ("{{evalExpression sum}}", "43"),
        ("{{evalExpression '{{a}} * 2' object}}", "2"),
        ("{{evalExpression '1 +'}}", ""),
        ("{{evalExpression '{{evalExpression sum}}'}}", ""),
        ("{{evalExpression \"{{template template}} + 'x'\"}}", "x"),
    ],
)
def test_texts_from_the_payload_are_rendered_but_not_within_one_another(template: str, text: str):
    assert render(template) == text


@pytest.mark.parametrize("name", sorted(LEXICON))
def test_every_helper_works_without_arguments(name: str):
    assert isinstance(render(f"{{{{typeof ({name})}}}}"), str)


ODD_VALUES = ["none", "nan", "list", "object", "when", "true", "text", "-1", "nope", "emoji"]


@pytest.mark.parametrize("name", sorted(LEXICON))
@pytest.mark.parametrize("value", ODD_VALUES)
def test_no_helper_fails_on_an_odd_value(name: str, value: str):
    for arguments in (
        value,
        f"{value} {value}",
        f"text {value} {value}",
        f"list {value} {value} {value}",
    ):
        assert isinstance(render(f"{{{{{name} {arguments}}}}}"), str)
