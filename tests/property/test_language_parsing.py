"""Every text either compiles or tells where it does not; rendering never fails otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drover.flows.language import (
    UNDEFINED,
    LanguageError,
    PathError,
    compile_expression,
    compile_path,
    compile_template,
    compile_value_template,
    deep_copy,
    to_json,
)
from drover.flows.language.d3 import format_number
from drover.flows.language.dates import date_from_ms, date_ms, parse_date
from drover.flows.language.gps import Coordinates, format_gps, parse_gps
from drover.flows.language.lexicon import LEXICON
from drover.flows.language.moment import format_date

SCRAPS = st.sampled_from(
    ["{{", "}}", "{{{", "}}}", "{{#", "{{/", "{{^}}", "{{else}}", "{{else if ", "{{!", "--", "~", "(", ")", "[", "]", ".", "..", "/", "@index", "@root", "as |x y|", "this",
     "if", "each", "with", "eq", "a", "b.c", "'x'", '"', "'", "\\", "1", "-2.5", "=", "k=", " ", "\n", "\\{{", "+", "*", "==", "&&", "||", "!", "^", "typeof ", "length", "max", ",", "null", *sorted(LEXICON)]
)  # fmt: skip
SOURCES = st.one_of(st.lists(SCRAPS, max_size=14).map("".join), st.text(max_size=30))
TAGS = st.tuples(
    st.sampled_from(sorted(LEXICON)),
    st.lists(
        st.sampled_from(["a", "b", "list", "'x'", "2", "null", "nope", "(array 1 2)", "when"]),
        max_size=4,
    ),
).map(lambda drawn: f"{{{{{drawn[0]} {' '.join(drawn[1])}}}}}")
PAYLOADS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=10), st.datetimes().map(lambda moment: date_from_ms(moment.timestamp() * 1000))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcx"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
COMPILERS = [compile_path, compile_template, compile_value_template, compile_expression]


@pytest.mark.parametrize("compiler", COMPILERS)
@settings(deadline=None)
@given(SOURCES)
def test_a_text_compiles_or_tells_where_it_does_not(
    compiler: Callable[[str], Any], source: str
) -> None:
    error = misfit(compiler, source)

    assert error is None or (0 <= error.position <= len(source) and error.message)


def misfit(compiler: Callable[[str], Any], source: str) -> LanguageError | None:
    try:
        compiler(source)
    except LanguageError as error:
        return error
    return None


@settings(deadline=None)
@given(SOURCES, PAYLOADS)
def test_what_compiles_renders_any_payload(source: str, value: Any) -> None:
    payload = {"a": value, "b": {"c": value}, "x": 1}
    for compiler in (compile_template, compile_expression):
        try:
            render = compiler(source)
        except LanguageError:
            continue
        render(payload)


@settings(deadline=None)
@given(TAGS, PAYLOADS, PAYLOADS)
def test_every_helper_takes_any_value(template: str, first: Any, second: Any) -> None:
    payload = {
        "a": first,
        "b": second,
        "list": [first, {"key": second, "value": first}],
        "when": date_from_ms(0),
    }
    try:
        render = compile_template(template)
    except LanguageError:
        # Without arguments it is a path; a quote may stand where none can.
        return

    assert isinstance(render(payload), str)


@settings(deadline=None)
@given(st.lists(SCRAPS | st.text(max_size=4), max_size=8).map("".join))
def test_text_without_braces_renders_as_it_is(text: str) -> None:
    if "{{" not in text:
        assert compile_template(text)({}) == text


@settings(deadline=None)
@given(PAYLOADS)
def test_rendering_changes_nothing_in_the_payload(value: Any) -> None:
    payload = {"a": value}
    before = to_json(payload)

    compile_template("{{a}}{{#each a}}{{this}}{{/each}}{{jsonEncode (merge a (obj b=1))}}")(payload)

    assert to_json(payload) == before


KEYS = st.one_of(
    st.text(st.characters(exclude_characters="]"), max_size=3).map(lambda key: f"[{key}]"),
    st.sampled_from(["a", "b", "[0]", "[2]", "[x y]", "[-1]", "[10001]"]),
)
PATHS = st.lists(KEYS, min_size=1, max_size=4).map(".".join)


@settings(deadline=None)
@given(PATHS, PAYLOADS, PAYLOADS)
def test_what_is_written_reads_back(text: str, before: Any, value: Any) -> None:
    path, payload = compile_path(text), {"a": before, "b": [before]}
    try:
        path.set(payload, value)
    except PathError:
        return

    assert to_json(path.get(payload)) == to_json(value)


@settings(deadline=None)
@given(PATHS, PAYLOADS)
def test_what_is_removed_is_gone(text: str, value: Any) -> None:
    path, payload = compile_path(text), {"a": value, "b": [value]}

    path.remove(payload)

    assert path.get(payload) in (UNDEFINED, None) or isinstance(path.get(payload), str)


@settings(deadline=None)
@given(PAYLOADS)
def test_a_copy_equals_its_original(value: Any) -> None:
    assert to_json(deep_copy(value)) == to_json(value)


@settings(deadline=None)
@given(st.floats() | st.integers(), st.text(" *+-($#0,.123~defgprsbcoxXn%<>=^", max_size=8))
def test_any_number_prints_by_any_format(number: float, pattern: str) -> None:
    assert isinstance(format_number(number, pattern), str)


@settings(deadline=None)
@given(
    st.integers(-62_135_596_800_000, 253_402_300_799_999),
    st.text(max_size=20),
    st.sampled_from(["UTC", "Asia/Kolkata", "America/St_Johns", "no"]),
)
def test_any_date_prints_by_any_format(ms: int, pattern: str, zone: str) -> None:
    moment = date_from_ms(ms)

    assert moment is not None
    assert isinstance(format_date(moment, pattern, zone), str)


@settings(deadline=None)
@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_printed_date_reads_back(ms: int) -> None:
    moment = date_from_ms(ms)

    assert moment is not None
    assert parse_date(format_date(moment, "YYYY-MM-DDTHH:mm:ss.SSSZ")) == moment
    assert date_ms(moment) == ms


@settings(deadline=None)
@given(st.text(max_size=30) | st.text("0123456789-/:TZ+. ,JanMFeb", max_size=30))
def test_any_text_reads_as_a_date_or_as_none(text: str) -> None:
    found = parse_date(text)

    assert found is None or found.utcoffset() is not None


@settings(deadline=None)
@given(
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.sampled_from(["decimal", "degrees", "sexagesimal", "gga"]),
)
def test_printed_coordinates_read_back(latitude: float, longitude: float, form: str) -> None:
    place = parse_gps(format_gps(Coordinates(latitude, longitude), form, 9))

    assert place == pytest.approx((latitude, longitude), abs=1e-6)


@settings(deadline=None)
@given(st.text(max_size=40) | st.text("0123456789NSEW°'\"., $GPLA", max_size=40))
def test_any_text_reads_as_coordinates_or_as_none(text: str) -> None:
    place = parse_gps(text)

    assert place is None or (abs(place.latitude) <= 90 and abs(place.longitude) <= 180)
