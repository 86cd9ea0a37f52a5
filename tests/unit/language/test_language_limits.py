"""Texts and payloads made to hurt: each must end quickly, in an error or a result."""

import time
from typing import Any

import pytest

from drover.flows.language import (
    InvalidJsonTemplate,
    LanguageError,
    RenderLimit,
    compile_expression,
    compile_json_template,
    compile_path,
    compile_template,
    compile_value_template,
    deep_copy,
    parse_json,
    to_json,
    to_text,
)

CPU_SECONDS = 60
"""Far more than any of these takes even while coverage is measured; the bad way takes hours."""


@pytest.fixture(autouse=True)
def _quick():
    started = time.process_time()
    yield
    assert time.process_time() - started < CPU_SECONDS


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def outcome(render: Any, payload: dict[str, Any]) -> str:
    """Return what was rendered, or that the limits refused it."""
    try:
        return render(payload)
    except RenderLimit:
        return "refused"


def misfit(compiler: Any, source: str) -> int:
    """Return where the source does not parse; its end if it does."""
    try:
        compiler(source)({})
    except LanguageError as error:
        return error.position
    return len(source)


@pytest.mark.parametrize(
    "compiler",
    [compile_template, compile_expression, compile_json_template, compile_value_template],
)
def test_a_source_longer_than_the_limit_is_refused(compiler: Any):
    with pytest.raises(LanguageError, match="too long") as caught:
        compiler(" " * 32_769)

    assert caught.value.position == 32_768


def test_a_source_at_the_limit_is_accepted():
    assert compile_template("x" * 32_768)({}) == "x" * 32_768
    assert compile_expression("1" + " " * 32_767)({}) == 1


def test_blocks_nest_up_to_the_limit():
    def template(depth: int) -> str:
        return "{{#if a}}" * depth + "x" + "{{/if}}" * depth

    assert compile_template(template(32))({"a": 1}) == "x"
    with pytest.raises(LanguageError, match="nested too deeply") as caught:
        compile_template(template(33))
    assert caught.value.position == 32 * len("{{#if a}}")


def test_subexpressions_nest_up_to_the_limit():
    def template(depth: int) -> str:
        return "{{upper " + "(lower " * depth + "'A'" + ")" * depth + "}}"

    assert compile_template(template(32))({}) == "A"
    with pytest.raises(LanguageError, match="nested too deeply"):
        compile_template(template(33))


@pytest.mark.parametrize(
    ("before", "after"),
    [("(", ")"), ("-", ""), ("!", ""), ("typeof ", ""), ("2 ^ ", ""), ("abs(", ")")],
)
def test_expressions_nest_up_to_the_limit(before: str, after: str):
    compile_expression(before * 64 + "1" + after * 64)({})
    with pytest.raises(LanguageError, match="nested too deeply"):
        compile_expression(before * 65 + "1" + after * 65)


def test_operators_of_every_precedence_count_as_depth():
    def source(depth: int) -> str:
        text = "1"
        for _ in range(depth):
            text = f"(0 || 1 && 1 == 1 < 2 << 0 + 1 * {text})"
        return text

    assert compile_expression(source(7))({}) is True
    with pytest.raises(LanguageError, match="nested too deeply"):
        compile_expression(source(12))


def test_operators_nested_on_the_left_count_as_depth():
    text = "1"
    for _ in range(12):
        text = f"({text} * 1 + 1 << 1 < 1 == 1 && 1 || 0)"

    with pytest.raises(LanguageError, match="nested too deeply"):
        compile_expression(text)


def test_a_long_chain_is_not_deep():
    assert compile_expression("1" + "+1" * 10_000)({}) == 10_001
    assert compile_expression("0" + "||0" * 10_000)({}) == 0
    assert compile_template("{{#if a}}1" + "{{else if b}}2" * 2_000 + "{{/if}}")({}) == ""


def test_nested_loops_cannot_print_without_end():
    render = compile_template(
        "{{#each a}}{{#each ../a}}{{#each ../../a}}x{{/each}}{{/each}}{{/each}}"
    )

    with pytest.raises(RenderLimit):
        render({"a": [0] * 10_000})


def test_nested_loops_cannot_spin_without_printing():
    render = compile_template(
        "{{#each a}}{{#each @root.a}}{{#each @root.a}}{{/each}}{{/each}}{{/each}}"
    )

    with pytest.raises(RenderLimit, match="too much work"):
        render({"a": [0] * 10_000})


@pytest.mark.parametrize(
    "template",
    [
        "{{big}}" * 6,
        "{{&big}}{{&big}}{{#if big}}{{&big}}{{&big}}{{&big}}{{&big}}{{/if}}",
        "{{#if big}}{{&big}}{{/if}}" * 6,
        "{{#each rows}}{{@root.big}}{{/each}}",
        "{{join rows big}}",
        "{{array big big big big big big}}",
        "{{jsonEncode (array big big big big big big)}}",
        "{{markup}}{{markup}}",
        "{{jsonEncode rows 10}}{{template '{{big}}{{big}}{{big}}{{big}}{{big}}{{big}}'}}",
        "{{encodeURIComponent markup}}{{encodeURIComponent markup}}",
    ],
)
def test_output_beyond_the_limit_is_refused(template: str):
    payload = {"big": "x" * 1_000_000, "rows": list(range(1_000)), "markup": "<" * 1_000_000}

    with pytest.raises(RenderLimit):
        compile_template(template)(payload)


def test_output_at_the_limit_is_accepted():
    assert len(compile_template("{{a}}")({"a": "x" * 5_000_000})) == 5_000_000
    with pytest.raises(RenderLimit):
        compile_template("{{a}}x")({"a": "x" * 5_000_000})


@pytest.mark.parametrize(
    "helper",
    [
        "(jsonEncode @root)",
        "(upper @root.a)",
        "(indexByKey @root.a 1)",
        "(includes @root.a 1)",
        "(join @root.a)",
    ],
)
def test_costly_helpers_in_loops_are_stopped(helper: str):
    render = compile_template(f"{{{{#each a}}}}{{{{#if {helper}}}}}{{{{/if}}}}{{{{/each}}}}")

    with pytest.raises(RenderLimit):
        render({"a": [0] * 10_000})


def test_texts_joined_by_an_expression_have_a_limit():
    with pytest.raises(RenderLimit):
        compile_expression("+".join(["{{a}}"] * 10))({"a": "x" * 1_000_000})
    with pytest.raises(RenderLimit):
        compile_expression("'" + "{{a}}" * 10 + "'")({"a": "x" * 1_000_000})


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|aa)+$",
        "(.*a){25}",
        "(a?){500}a{500}",
        "((a{100}){100}){100}",
        "[",
        "(?P<",
        "\\",
        "a" * 5_000,
    ],
)
def test_patterns_made_to_explode_do_not(pattern: str):
    render = compile_template("{{#match text pattern}}y{{else}}n{{/match}}")

    assert outcome(render, {"text": "a" * 100_000 + "b", "pattern": pattern}) in {
        "y",
        "n",
        "refused",
    }


def test_costly_patterns_in_loops_are_stopped():
    render = compile_template(
        "{{#each a}}{{#match @root.text '(a?){300}a{300}'}}{{/match}}{{/each}}"
    )

    with pytest.raises(RenderLimit, match="too much work"):
        render({"a": [0] * 1_000, "text": "a" * 10_000})


@pytest.mark.parametrize(
    "source",
    ["{{" * 16_000, "{" * 32_000, "{{#if " * 5_000, "{{a" + " " * 32_000, "{{'" + "\\'" * 16_000, "{{!--" + "--" * 16_000,
     "\\{{" * 10_000, "{{a}}\n" * 5_000, "\n" * 32_000 + "{{/if}}", "{{#each a as |" + " " * 32_000, "{{a " + "as |" * 8_000,
     "{{[" * 10_000, "{{" + "../" * 10_000, "{{@" + "../" * 10_000 + "index}}", "{{" + "a." * 15_000, " " * 32_000 + "{{~a~}}"],
)  # fmt: skip
def test_parsing_takes_time_in_proportion_to_the_source(source: str):
    assert 0 <= misfit(compile_template, source) <= len(source)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 32_000,
        "1+" * 16_000,
        "'" + "\\'" * 16_000,
        "{{" * 16_000,
        "1" * 32_000,
        "a" * 32_000,
        "1" + " " * 32_000 + "x",
    ],
)
def test_parsing_expressions_takes_time_in_proportion_to_the_source(source: str):
    assert 0 <= misfit(compile_expression, source) <= len(source)


@pytest.mark.parametrize(
    "text",
    [
        "1" * 3_000_000,
        "1" * 2_000_000 + "x",
        " " * 3_000_000,
        "1." + "0" * 2_000_000,
        "-" * 100_000,
        "1e" + "9" * 100_000,
    ],
)
def test_huge_texts_convert_to_numbers_quickly(text: str):
    compile_expression("{{a}} * 1")({"a": text})


@pytest.mark.parametrize(
    "convert",
    [
        to_text,
        to_json,
        deep_copy,
        lambda value: to_json(value, " "),
        compile_template("{{.}}{{x}}{{jsonEncode x}}"),
        compile_expression("{{.}} + 1"),
    ],
)
def test_values_nested_without_end_are_refused(convert: Any):
    with pytest.raises(RenderLimit, match="too deeply"):
        convert(nested(100_000) if convert is not compile_template else {})


def test_json_nested_without_end_is_refused():
    with pytest.raises((RenderLimit, InvalidJsonTemplate)):
        compile_json_template("{{{a}}}")({"a": "[" * 100_000 + "]" * 100_000})
    with pytest.raises(RenderLimit):
        parse_json("[" * 100_000 + "]" * 100_000)


def test_no_attribute_of_a_value_can_be_reached():
    payload = {"a": "text", "b": [1], "c": {}, "d": 1}
    names = [
        "__class__",
        "__init__",
        "__globals__",
        "__dict__",
        "format",
        "append",
        "items",
        "real",
    ]

    for name in names:
        for owner in "abcd":
            assert (
                compile_template(f"{{{{{owner}.{name}}}}}{{{{{owner}.[{name}]}}}}")(payload) == ""
            )
            assert compile_template(f"{{{{lookup {owner} '{name}'}}}}")(payload) == ""
            assert not compile_path(f"{owner}.{name}").get(payload)


def test_format_strings_in_data_are_plain_text():
    assert (
        compile_template("{{a}} {{{a}}}")({"a": "{0.__class__} %s {x}"})
        == "{0.__class__} %s {x} {0.__class__} %s {x}"
    )


@pytest.mark.parametrize(
    "pattern", ["999999999", "0999999999,.20f", ".999999999f", "$(999999999,.99999~s"]
)
def test_wide_number_formats_have_a_limit(pattern: str):
    assert len(compile_template("{{format a b}}")({"a": 1.5, "b": pattern})) < 2_000


LONG_TEXT = "é" * 200_000
DEEP_LIST = [[["x"] * 1_000] * 10] * 10


@pytest.mark.parametrize(
    "helper",
    ["(length @root.s)", "(gt @root.l 'x')", "(add @root.s 1)", "(last @root.s)", "(match @root.s 'zz')", "(jsonDecode @root.s)",
     "(template @root.t)", "(evalExpression @root.t)", "(lookup @root.o @root.s)", "(valueByKey @root.l @root.s)",
     "@root.u.[9]", "@root.u.length", "../u.[9].[0]", "(gpsIsPointInside '1,1' @root.p)"],
)  # fmt: skip
def test_reading_long_values_in_loops_is_stopped(helper: str):
    render = compile_template(f"{{{{#each a}}}}{{{{#if {helper}}}}}{{{{/if}}}}{{{{/each}}}}")
    payload = {"a": [0] * 10_000, "s": LONG_TEXT, "l": DEEP_LIST, "t": "{{x}}" * 5_000, "o": {}}
    payload |= {"u": "\U0001f600" * 20_000, "p": ["1,1", "1,2", "2,2"] * 100}

    with pytest.raises(RenderLimit, match="too much work"):
        render(payload)


@pytest.mark.parametrize(
    ("operand", "operator"),
    [("length({{s}})", "+"), ("{{l}}", "<"), ("{{s}}", "-"), ("'{{s}}'", "==")],
)
def test_long_expressions_over_long_values_are_stopped(operand: str, operator: str):
    evaluate = compile_expression(operator.join([operand] * 1_000))

    with pytest.raises(RenderLimit, match="too much work"):
        evaluate({"s": LONG_TEXT, "l": DEEP_LIST})


def test_looking_up_elements_in_a_loop_costs_no_more_than_the_loop():
    render = compile_template("{{#each a}}{{lookup @root.a @index}}{{/each}}")

    assert render({"a": [1] * 20_000}) == "1" * 20_000


def test_short_texts_are_compiled_once_and_long_ones_are_not_kept():
    assert compile_template("{{a}} once") is compile_template("{{a}} once")
    assert compile_template("{{a}}" * 1_000) is not compile_template("{{a}}" * 1_000)


def test_formats_longer_than_any_format_print_nothing_special():
    payload = {"n": 1.5, "at": 0, "long": "Y" * 5_000}

    assert compile_template("{{format n long}}")(payload) == "1.5"
    assert compile_template("{{formatDate at long}}")(payload) == payload["long"]


def test_an_array_too_long_to_print_is_refused():
    with pytest.raises(RenderLimit, match="too long"):
        to_text(["x" * 1_000_000] * 6)


def test_halves_of_characters_do_no_harm():
    payload = {"half": "\ud800"}

    assert compile_template("{{#match half '.'}}y{{else}}n{{/match}}")(payload) == "n"
    assert compile_template("{{encodeURIComponent half}}{{encodeURI half}}")(payload) == ""
    assert compile_template("{{decodeBase64 (encodeBase64 half)}}")(payload) == "\ufffd"
