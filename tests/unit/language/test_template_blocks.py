from datetime import UTC, datetime
from typing import Any

import pytest

from drover.flows.language import compile_template

SHARED = {"x": 1}
PAYLOAD: dict[str, Any] = {
    "zero": 0,
    "one": 1,
    "nan": float("nan"),
    "empty": "",
    "text": "Hello",
    "none": None,
    "list": [1, 2, 3],
    "no_list": [],
    "object": {"a": 1, "b": "two"},
    "no_object": {},
    "rows": [{"n": "r1", "cells": ["c1", "c2"]}, {"n": "r2", "cells": []}],
    "when": datetime(2026, 1, 1, tzinfo=UTC),
    "same": datetime(2026, 1, 1, tzinfo=UTC),
    "shared": SHARED,
    "shared_too": SHARED,
    "equal": {"x": 1},
}


def render(template: str) -> str:
    return compile_template(template)(PAYLOAD)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("if one", True), ("if text", True), ("if list", True), ("if no_object", True), ("if when", True),
        ("if zero", False), ("if empty", False), ("if none", False), ("if nan", False), ("if nope", False),
        ("if no_list", False), ("if false", False),
        ("if zero includeZero=true", True), ("if nan includeZero=true", False), ("if zero includeZero=false", False),
        ("if empty includeZero=true", False), ("if one includeZero=true", True),
        ("unless zero", True), ("unless one", False), ("unless zero includeZero=true", False),
        ("eq one 1", True), ("eq one '1'", False), ("eq one true", False), ("eq none undefined", False),
        ("eq nope undefined", True), ("eq nan nan", False), ("eq when same", True), ("eq text 'Hello'", True),
        ("eq shared shared_too", True), ("eq shared equal", False), ("eq list list", True),
        ("ne one 1", False), ("ne one '1'", True),
        ("gt one 0", True), ("gt one 1", False), ("gt '10' '9'", False), ("gt '10' 9", True), ("gt text 1", False),
        ("gte one 1", True), ("gte nope 1", False), ("lt one 2", True), ("lt 'a' 'b'", True), ("lte one 1", True),
        ("lte nan 1", False), ("lt none 1", True), ("gt when 0", True),
        ("match text 'ell'", True), ("match text '^ell'", False), ("match text 'h'", False), ("match 42 '^4.$'", True),
        ("match text '('", False), ("match text '(?=H)'", False), ("match nope '^$'", True),
        ("includes list 2", True), ("includes list '2'", False), ("includes object 'two'", True),
        ("includes object 'a'", False), ("includes text 'ell'", True), ("includes text 'x'", False),
        ("includes zero 0", False), ("includes 'a1' 1", True),
        ("includes text nope", False), ("includes text none", False), ("includes text ''", True), ("includes '' nope", False),
    ],
)  # fmt: skip
def test_a_condition_chooses_its_part(condition: str, holds: bool):
    name = condition.split(maxsplit=1)[0]

    rendered = render(f"{{{{#{condition}}}}}yes{{{{else}}}}no{{{{/{name}}}}}")

    assert rendered == ("yes" if holds else "no")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{#if zero}}a{{else if one}}b{{else}}c{{/if}}", "b"),
        ("{{#if zero}}a{{else if none}}b{{else}}c{{/if}}", "c"),
        ("{{#if zero}}a{{else eq one 1}}b{{else if one}}c{{/if}}", "b"),
        ("{{#if zero}}a{{else each list}}{{this}}{{/if}}", "123"),
        ("{{#each no_list}}x{{else with object}}{{b}}{{/each}}", "two"),
        ("{{#if zero}}a{{else if none}}b{{/if}}", ""),
        ("{{#if zero}}a{{^}}b{{/if}}", "b"),
        ("{{#if one}}{{/if}}", ""),
        ("<{{#if zero}}a{{/if}}>", "<>"),
        ("{{#if (gt one 0)}}a{{/if}}{{gt one 0}}", "atrue"),
    ],
)
def test_else_parts_are_tried_in_order(template: str, text: str):
    assert render(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{#each list}}{{.}}{{#unless @last}},{{/unless}}{{/each}}", "1,2,3"),
        ("{{#each list}}{{@index}}{{@key}}{{@first}} {{/each}}", "00true 11false 22false "),
        ("{{#each object}}{{@index}}{{@key}}={{this}} {{/each}}", "0a=1 1b=two "),
        (
            "{{#each rows}}{{n}}:{{#each cells}}{{../n}}{{this}}{{@../index}} {{/each}}{{/each}}",
            "r1:r1c10 r1c20 r2:",
        ),
        (
            "{{#each rows}}{{#each cells}}{{@root.one}}{{../../text}}{{/each}}{{/each}}",
            "1Hello1Hello",
        ),
        ("{{#each rows}}{{#if @first}}{{n}}{{../one}}{{/if}}{{/each}}", "r11"),
        (
            "{{#each rows as |row at|}}{{at}}{{row.n}}{{#each row.cells as |c|}}{{row.n}}{{c}}{{/each}}{{/each}}",
            "0r1r1c1r1c21r2",
        ),
        ("{{#each rows as |row|}}{{this.row}}{{../row}}{{/each}}", ""),
        ("{{#each object as |v k|}}{{k}}={{v}};{{/each}}", "a=1;b=two;"),
        ("{{#each text}}x{{else}}none{{/each}}", "none"),
        ("{{#each one}}x{{else}}none{{/each}}", "none"),
        ("{{#each no_object}}x{{else}}none{{/each}}", "none"),
        ("{{#each no_list}}x{{/each}}", ""),
        ("{{#each (array 1 'a')}}{{this}}{{/each}}", "1a"),
        ("{{#with object}}{{b}}{{../text}}{{/with}}", "twoHello"),
        ("{{#each list}}{{#with @root.object}}{{..}}{{/with}}{{/each}}", "123"),
        ("{{#with nope}}x{{else}}none{{/with}}", "none"),
        ("{{#with no_list}}x{{else}}none{{/with}}", "none"),
        ("{{#with object as |o|}}{{o.b}}{{/with}}", "two"),
        ("{{#each list}}{{#with @root.object}}{{@index}}{{a}} {{/with}}{{/each}}", "01 11 21 "),
        ("{{#each list}}{{../../../x}}{{@../../index}}{{/each}}", ""),
    ],
)
def test_loops_and_contexts(template: str, text: str):
    assert render(template) == text
