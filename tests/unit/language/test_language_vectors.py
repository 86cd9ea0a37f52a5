"""The published vectors of the payload language: one case each."""

import math
from typing import Any

import pytest

from drover.flows.language import (
    InvalidJsonTemplate,
    compile_expression,
    compile_json_template,
    compile_template,
)

TEMPLATES = [
    ("{{data.a}}", "44,x,false,[object Object]"),
    ("{{data.a.[1].[0]}}", "x"),
    ("{{data.a.1}}", ""),
    ("{{data}}", "[object Object]"),
    ("{{data.h}}", "&lt;b&gt;&amp;&lt;/b&gt;"),
    ("{{{data.h}}}", "<b>&</b>"),
    ("{{&data.h}}", "<b>&</b>"),
    ("{{#if data.z}}T{{else}}F{{/if}}", "F"),
    ("{{#if data.e}}T{{else}}F{{/if}}", "F"),
    ("{{#each data.a}}{{@index}}:{{this}};{{/each}}", "0:44;1:x;2:false;3:[object Object];"),
    ("{{#each data.o}}{{@key}}={{this}} {{/each}}", "b=1 c=q "),
    ("{{#each data.q}}x{{else}}none{{/each}}", "none"),
    ("{{format data.d ',.5'}}", "1,234.6"),
    ("{{format time 'YYYY-MM-DD'}}", "2026-01-02"),
    ("{{format time}}", "01/02/2026 3:04:05 AM"),
    ("{{jsonEncode data.o}}", '{"b":[1],"c":"q"}'),
    ("{{add data.missing 1}}", "1"),
    ("{{valueByKey (array (obj key='a' value=1)) 'a'}}", "1"),
    ("{{defaultTo data.nope 'd'}}", "d"),
]

EXPRESSIONS = [
    ("{{data.n}} > 20", True),
    ("{{data.z}} == false", True),
    ("{{data.z}} === false", False),
    ("!!{{data.missing}}", False),
    ("{{data.s}} === 'Hello world'", True),
    ("{{data.n}} > {{data.s}}", False),
    ("pow({{data.n}}, 0) === 1", True),
    ("-2 ^ 2", -4),
    ("length({{data.a}}) % 3", 1),
    ("includes({{data.s}}, 'world')", True),
    ("{{data.e}} && 1", 1),
    ("{{data.n}} + '1'", "421"),
    ("{{upper data.s}} === 'HELLO WORLD'", True),
    ("round(-2.5)", -2),
    ("7 % -3", 1),
    ("-7 % 3", -1),
    ("\"{{data.n}}\" === '42'", True),
    ("2 ^ 3 ^ 2", 512),
]

JSON_TEMPLATES = [
    (
        '{"x": {{data.n}}, "y": {{jsonEncode data.a}}}',
        {"x": 42, "y": [44, "x", False, {"k": 1}]},
    ),
    ("{{data.n}}", 42),
    ('{ {{#gt data.n 21}}"hi"{{else}}"lo"{{/gt}}: 1 }', {"hi": 1}),
    ('"{{v}}"', "a&quot;b"),
    ("{{jsonEncode v}}", 'a"b'),
]


@pytest.mark.parametrize(("template", "text"), TEMPLATES)
def test_a_template_renders_as_published(template: str, text: str, payload: dict[str, Any]):
    assert compile_template(template)(payload) == text


@pytest.mark.parametrize(("expression", "value"), EXPRESSIONS)
def test_an_expression_evaluates_as_published(
    expression: str, value: object, payload: dict[str, Any]
):
    result = compile_expression(expression)(payload)

    assert (type(result), result) == (type(value), value)


def test_a_missing_number_makes_a_product_nan(payload: dict[str, Any]):
    assert math.isnan(compile_expression("{{data.missing}} * 2")(payload))


@pytest.mark.parametrize(("template", "value"), JSON_TEMPLATES)
def test_a_json_template_yields_as_published(template: str, value: object, payload: dict[str, Any]):
    assert compile_json_template(template)({**payload, "v": 'a"b'}) == value


@pytest.mark.parametrize("template", ['{"x": {{data.s}}}', "{{data.s}}", '"{{{v}}}"', "{{data}}"])
def test_a_json_template_that_renders_something_else_throws(template: str, payload: dict[str, Any]):
    render = compile_json_template(template)

    with pytest.raises(InvalidJsonTemplate):
        render({**payload, "v": 'a"b'})
