"""How pages tell values: numbers, durations, moments, names, JSON."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.faces.console import _rendering as rendering
from drover.faces.console._rendering import (
    ago,
    environment,
    instant,
    kebab,
    lasting,
    number,
    pretty,
    render,
    wire,
    words,
)

NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1\u202f000"),
        (30.0, "30"),
        (1234567.5, "1\u202f234\u202f567.5"),
    ],
)
def test_numbers_have_their_thousands_apart(value, told):
    assert number(value) == told


@pytest.mark.parametrize(
    ("ms", "told"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (400, "400 ms"),
        (2500, "2.5 s"),
        (60_000, "1 min"),
        (61_000, "1 min 1 s"),
        (3_600_000, "1 h"),
        (90_061_000, "1 d 1 h"),
    ],
)
def test_durations_are_told_in_their_two_largest_units(ms, told):
    assert lasting(ms) == told


@pytest.mark.parametrize(
    ("away_ms", "told"),
    [
        (0, "just now"),
        (-7_000, "7 s ago"),
        (-120_000, "2 min ago"),
        (-172_800_000, "2 d ago"),
        (3_600_000, "in 1 h"),
    ],
)
def test_moments_are_told_by_how_far_away_they_are(away_ms, told):
    assert ago(NOW_MS + away_ms, NOW_MS) == told
    assert ago(wire(NOW_MS + away_ms), NOW_MS) == told


def test_moments_are_told_in_full_in_utc():
    assert instant(NOW_MS) == "2027-01-15 08:00:00 UTC"
    assert wire(NOW_MS) == "2027-01-15T08:00:00.000Z"


def test_what_is_no_moment_is_shown_as_it_is():
    assert instant("soon") == ago("soon", NOW_MS) == "soon"


@pytest.mark.parametrize("name", ["timedOut", "timed_out", "timed out"])
def test_names_are_told_in_words(name):
    assert words(name) == "timed out"
    assert kebab(name) == "timed-out"


def test_json_is_told_over_several_lines_and_other_text_as_it_is():
    assert pretty('{"a":[1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert pretty({"ä": 1}) == '{\n  "ä": 1\n}'
    assert pretty("{{#each}}") == "{{#each}}"


def test_what_is_nested_deep_makes_no_page_many_times_as_long():
    deep = "[" * 5000 + "]" * 5000
    wide = [[]]
    for _ in range(900):
        wide = [wide]
    several = [wide] * 40

    assert pretty(deep) == deep
    assert len(pretty(several)) < 40 * 2000
    assert "\n" not in pretty(several)


def test_what_cannot_be_laid_out_at_all_is_named_as_such():
    value = []
    for _ in range(100_000):
        value = [value]

    assert pretty(value) == "(nested too deep to show)"


@given(st.text(max_size=200))
def test_whatever_text_is_shown_it_brings_no_markup_with_it(text):
    page = render("refused.html", title=text, message=text, back="").decode()
    shown = page.partition('role="alert">')[2].partition("</p>")[0]

    assert "<" not in shown
    assert '"' not in shown


def test_what_a_document_lacks_is_empty_and_a_name_that_is_not_given_is_a_mistake():
    template = environment().from_string("{{ document.absent }}{{ document.absent or 'none' }}")
    mistaken = environment().from_string("{{ nothing }}")

    assert template.render(document={}) == "none"
    with pytest.raises(rendering.UndefinedError):
        mistaken.render()


def test_a_file_that_was_not_set_up_has_no_address():
    assert rendering.asset_address("absent.js") == ""
    assert rendering.asset_address("console.js").startswith("/console/static/console.js?v=")
