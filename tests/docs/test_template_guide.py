"""Every example of the guide to templates is true, and every helper and function is in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from drover.flows.language import (
    compile_expression,
    compile_json_template,
    compile_template,
    to_text,
)
from drover.flows.language.expression_functions import FUNCTIONS
from drover.flows.language.lexicon import LEXICON

GUIDE = Path("docs/guides/templates.md").read_text()
PAYLOAD = json.loads(re.search(r"```json\n(.*?)```", GUIDE, re.DOTALL)[1])


def rows(head: str) -> list[tuple[str, str]]:
    """Return the two cells of each row of all tables with that first heading."""
    tables = re.findall(rf"^\| {head} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    cells = [re.split(r"(?<!\\)\|", row)[1:3] for table in tables for row in table.splitlines()]
    return [(code(left), code(right)) for left, right in cells]


def code(cell: str) -> str:
    return cell.strip().strip("`").replace("\\|", "|")


@pytest.mark.parametrize(("template", "text"), rows("template"))
def test_a_template_of_the_guide_prints_what_it_says(template: str, text: str):
    assert compile_template(template)(PAYLOAD).strip() == text


@pytest.mark.parametrize(("expression", "value"), rows("expression"))
def test_an_expression_of_the_guide_yields_what_it_says(expression: str, value: str):
    assert to_text(compile_expression(expression)(PAYLOAD)) == value


def test_the_json_template_of_the_guide_is_read():
    template = re.search(r"```text\n(.*?)```", GUIDE, re.DOTALL)[1]

    assert compile_json_template(template)(PAYLOAD) == {
        "name": "pump 7",
        "n": 42,
        "list": [44, "x"],
    }


@pytest.mark.parametrize("name", sorted(LEXICON))
def test_every_helper_is_in_the_guide(name: str):
    assert re.search(rf"(?:[{{(`#] ?|/){name}\b", GUIDE)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_is_in_the_guide(name: str):
    assert f"`{name}`" in GUIDE
