import math
from datetime import UTC, datetime
from typing import Any

import pytest

from drover.flows.language import UNDEFINED, LanguageError, compile_expression

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)
MS = 1767312000000

PAYLOAD: dict[str, Any] = {
    "n": 7,
    "text": 'it\'s "quoted" || true',
    "list": [1],
    "other_list": [1],
    "object": {"k": 1},
    "none": None,
    "when": MOMENT,
    "same": datetime(2026, 1, 2, tzinfo=UTC),
    "later": datetime(2026, 1, 3, tzinfo=UTC),
    "big": 2**53 + 2,
}


def evaluate(expression: str) -> Any:
    return compile_expression(expression)(PAYLOAD)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("10 - 4 - 3", 3), ("2 * 3 % 4", 2), ("100 / 10 / 5", 2), ("1 / 4", 0.25),
        ("1 << 4", 16), ("-1 >> 1", -1), ("1 << 31", -(2**31)), ("1 << 32", 1), ("4294967296 << 0", 0), ("2 ^ -1", 0.5),
        ("1 + 1 << 1", 4), ("1 < 2 == true", True), ("1 == 1 && 2 == 3 || 4", 4), ("0 || '' || null", None),
        ("1 && 2 && 3", 3), ("1 && 0 && 3", 0), ("0 || 2 || 3", 2), ("!0", True), ("!!'a'", True), ("- - 1", 1), ("+'5'", 5),
        ("-(2 ^ 2)", -4), ("2 ^ (1 + 1)", 4), ("3 > 2 > 1", False), ("'b' > 'a'", True), ("'10' < '9'", True),
        ("'10' < 9", False), ("1.5e3", 1500), (".5", 0.5), ("5.", 5), ("1E2", 100), ("1e400", math.inf),
        ("PI", math.pi), ("E", math.e), ("true", True), ("null", None), ("undefined", UNDEFINED), ("", UNDEFINED), ("  ", UNDEFINED),
        ("'a' + 1 + 2", "a12"), ("1 + 2 + 'a'", "3a"), ("'x' + null + undefined + true", "xnullundefinedtrue"),
        ("'x' + {{list}} + {{object}}", "x1[object Object]"), ("'5' * '2'", 10), ("'5' - 2", 3), ("true + true", 2),
        ("null + 1", 1), ("{{list}} + 1", "11"), ("{{list}} * 3", 3),
        (r"'a\'b\n\x41\u0042\u{43}\q\\'", "a'b\nABCq\\"), ('"it\'s"', "it's"), (r"'\0\
x'", "\0x"),
        ("typeof {{n}}", "number"), ("typeof {{nope}} === 'undefined'", True), ("typeof null", "object"),
        ("typeof {{list}}", "object"), ("typeof {{when}}", "object"), ("typeof 'a' + 'b'", "stringb"), ("typeof true", "boolean"),
        ("{{n}}", 7), ("{{{n}}}", 7), ("{{&n}}", 7), ("{{~n~}}", 7), ("{{ nope.deep }}", UNDEFINED), ("{{object}}", {"k": 1}),
        ("{{text}} === 'x'", False), ("{{add n 1}} === 8", True), ("{{length (array 1 2)}} + 1", 3), ("{{eq n 7}}", True),
        ("'<{{n}}>{{nope}}{{text}}'", "<7>it's \"quoted\" || true"), ("'{{lookup object 'k'}}'", "1"), ("'{'", "{"), ("'{a}}'", "{a}}"),
        ("max(1, 3, 2)", 3), ("min(4, 2)", 2), ("max()", -math.inf), ("max(5)", 5), ("abs(-3)", 3), ("floor(2.7)", 2), ("ceil(2.1)", 3),
        ("round(2.5)", 3), ("round(-2.6)", -3), ("trunc(-2.7)", -2), ("sqrt(16)", 4), ("pow(2, 10)", 1024), ("atan2(1, 1)", math.pi / 4),
        ("log(E)", 1), ("log10(1000)", 3), ("log(0)", -math.inf), ("exp(0)", 1), ("exp(1000)", math.inf), ("sinh(-1000)", -math.inf),
        ("cosh(1000)", math.inf), ("atanh(1)", math.inf), ("asin(1)", math.pi / 2), ("length('abc')", 3), ("length(5)", UNDEFINED),
        ("includes({{list}}, 1)", True), ("includes('abc', 'd')", False), ("max ( 1 , 2 )", 2),
        ("1 == '1'", True), ("null == undefined", True), ("null == 0", False), ("'' == 0", True), ("true == 1", True), ("true == '1'", True),
        ("'a' == 'a'", True), ("'a' != 'b'", True), ("{{list}} == 1", True), ("{{list}} == '1'", True), ("{{list}} == {{other_list}}", False),
        ("{{list}} == {{list}}", True), ("{{list}} == {{object}}", False), ("{{object}} == '[object Object]'", True), ("undefined == false", False),
        ("1 === 1.0", True), ("1 === true", False), ("null === undefined", False), ("1 !== '1'", True),
        ("{{big}} + 0", 9007199254740994.0), ("9007199254740992 + 1", 9007199254740992.0), ("1e308 * 10", math.inf), ("0.1 + 0.2", 0.1 + 0.2),
        ("5 % 0 == 5 % 0", False), ("0 ^ -1", math.inf), ("(0 * -1) ^ -1", -math.inf), ("(0 * -1) ^ -2", math.inf), ("(-10) ^ 401", -math.inf), ("(-10) ^ 400", math.inf), ("1 / 0", math.inf), ("-1 / 0", -math.inf), ("1 / -0", -math.inf), ("1 / (0 * -1)", -math.inf),
    ],
)  # fmt: skip
def test_an_expression_yields_what_javascript_would(expression: str, value: object):
    result = evaluate(expression)

    assert (type(result), result) == (type(value), value)


@pytest.mark.parametrize(
    "expression", ["0 / 0", "'a' * 1", "sqrt(-1)", "log(-1)", "undefined + 1", "pow(1, 1/0)", "5 % 0", "max(1, 'a')", "asin(2)", "(-8) ^ 0.5", "{{object}} - 1"]
)  # fmt: skip
def test_an_expression_without_a_number_is_nan(expression: str):
    assert math.isnan(evaluate(expression))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("{{when}} == {{same}}", True),
        ("{{when}} === {{same}}", True),
        ("{{when}} !== {{later}}", True),
        ("{{when}} < {{later}}", True),
        ("{{later}} - {{when}}", 86400000),
        ("{{when}} + 1", MS + 1),
        (f"{{{{when}}}} == {MS}", True),
        ("{{when}} + ''", "Fri Jan 02 2026 00:00:00 GMT+0000 (Coordinated Universal Time)"),
        ("{{when}} == 'Fri Jan 02 2026 00:00:00 GMT+0000 (Coordinated Universal Time)'", True),
        ("!!{{when}}", True),
    ],
)
def test_dates_count_their_milliseconds(expression: str, value: object):
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "position", "message"),
    [
        ("1 +", 3, "operand is missing"),
        ("1 2", 2, "Unexpected character"),
        ("(1", 2, "Unexpected end"),
        ("1)", 1, "Unexpected character"),
        ("foo", 0, "name foo means nothing"),
        ("1 + foo.bar", 4, "name foo"),
        ("a ? b : c", 0, "name a"),
        ("1 ? 2 : 3", 2, "Unexpected character"),
        ("nope(1)", 0, "no function nope"),
        ("1 + sqrt()", 4, "takes 1 argument, not 0"),
        ("pow(1)", 0, "takes 2 arguments, not 1"),
        ("pow(1,,2)", 6, "operand is missing"),
        ("pow(1, 2", 8, "Unexpected end"),
        ("[1]", 0, "operand is missing"),
        ("'abc", 0, "text is never closed"),
        ("'abc\\", 0, "text is never closed"),
        ("{{n", 3, "never closed"),
        ("{{n}", 3, "Unexpected character"),
        ("1 + {{nope 1}}", 6, "no helper nope"),
        ("{{#if n}}1{{/if}}", 0, "No blocks"),
        ("{{! c }}", 0, "No blocks"),
        ("'{{n'", 4, "Unexpected character"),
        ("'{{'", 3, "Unexpected character"),
        ("1 = 2", 2, "Unexpected character"),
        ("1 >>> 2", 2, "Unexpected character"),
        ("1 | 2", 2, "Unexpected character"),
        ("{{n}} === ", 10, "operand is missing"),
        ("constructor", 0, "name constructor"),
        ("__import__('os')", 0, "no function __import__"),
    ],
)
def test_a_malformed_expression_tells_where_and_what(expression: str, position: int, message: str):
    with pytest.raises(LanguageError, match=message) as caught:
        compile_expression(expression)

    assert caught.value.position == position


def test_data_cannot_inject_into_an_expression():
    assert evaluate("{{text}} == 'x' && true") is False


def test_only_the_needed_operands_are_looked_at():
    assert evaluate("0 && {{n}}") == 0
    assert evaluate("1 || {{n}}") == 1
