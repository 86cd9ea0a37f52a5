"""Answers of a real JavaScript engine to hold the payload language against."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any

import quickjs
from hypothesis import strategies as st

VALUES: dict[str, Any] = {
    "i": 42,
    "zero": 0,
    "minus": -7,
    "half": 2.5,
    "big": 2**53 - 1,
    "huge": 1e21,
    "tiny": 1e-7,
    "s": "abc",
    "digits": "12",
    "empty": "",
    "spaced": " 7 ",
    "hex": "0x1F",
    "emoji": "\U0001f600",
    "last": "\uffff",
    "yes": True,
    "no": False,
    "none": None,
    "list": [1, "x", None],
    "one": [5],
    "nothing": [],
    "object": {"k": 1},
}
"""The payload that both sides see; in JavaScript it is ``P``."""

_FUNCTIONS = [
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "atan2",
    "sqrt",
    "log",
    "log10",
    "abs",
    "ceil",
    "floor",
    "round",
    "trunc",
    "exp",
    "pow",
    "max",
    "min",
]
_ONE_ARGUMENT = [name for name in _FUNCTIONS if name not in {"atan2", "pow", "max", "min"}]
_EXACT = ["sqrt", "abs", "ceil", "floor", "round", "trunc"]
"""Functions whose last digit is the same in every engine."""

_DESCRIBE = """
function describe(v) {
  if (typeof v === 'number') return 'number:' + (Object.is(v, -0) ? '-0' : String(v));
  return (v === null ? 'null' : typeof v) + ':' + String(v);
}
"""


@lru_cache(1)
def engine() -> quickjs.Context:
    context = quickjs.Context()
    context.eval(f"var P = {json.dumps(VALUES)}; {_DESCRIBE}")
    for name in _FUNCTIONS:
        context.eval(f"var {name} = Math.{name};")
    context.eval("var E = Math.E, PI = Math.PI;")
    return context


def javascript(source: str) -> Any:
    """Return the value of a JavaScript expression."""
    return engine().eval(source)


def described(source: str) -> str:
    """Return type and text of the value of a JavaScript expression."""
    return str(engine().eval(f"describe({source})"))


def literal(value: Any) -> str:
    """Return a value as JavaScript source."""
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return repr(value)
    return json.dumps(value)


Pair = tuple[str, str]
"""The same expression in the payload language and in JavaScript."""

_REFERENCES = st.sampled_from([*VALUES, "missing"]).map(
    lambda name: (f"{{{{{name}}}}}", f"P.{name}")
)
_LITERALS = st.sampled_from(
    ["0", "1", "2", "3.5", "1e3", ".5", "31", "1e400", "PI", "E", "true", "false", "null", "undefined", "''", "'a'", '"5"', r"'\n\x41\u0042\''"]
).map(lambda source: (source, source))  # fmt: skip
_OPERATORS = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "===",
    "!==",
    "<",
    "<=",
    ">",
    ">=",
    "<<",
    ">>",
    "&&",
    "||",
]


def _prefixed(operand: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    return st.tuples(st.sampled_from(["!", "-", "+"]), operand).map(
        lambda drawn: (f"{drawn[0]}({drawn[1][0]})", f"{drawn[0]}({drawn[1][1]})")
    )


def _called(operand: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def call(drawn: tuple[str, list[Pair]]) -> Pair:
        name, arguments = drawn
        mine, theirs = (
            ", ".join(pair[0] for pair in arguments),
            ", ".join(f"({pair[1]})" for pair in arguments),
        )
        return f"{name}({mine})", f"{name}({theirs})"

    one = st.tuples(st.sampled_from(_EXACT), st.lists(operand, min_size=1, max_size=1))
    many = st.tuples(st.sampled_from(["max", "min"]), st.lists(operand, max_size=4))
    return st.one_of(one, many).map(call)


def _chained(operand: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    """Join operands without parentheses, so that precedence and grouping count."""

    def chain(drawn: tuple[list[Pair], list[str]]) -> Pair:
        operands, operators = drawn
        mine = [_enclosed(operands[0][0])]
        theirs = [f"({operands[0][1]})"]
        for operator, (left, right) in zip(operators, operands[1:], strict=False):
            mine += [operator, _enclosed(left)]
            theirs += [operator, f"({right})"]
        return " ".join(mine), " ".join(theirs)

    operators = st.lists(st.sampled_from(_OPERATORS), min_size=3, max_size=3)
    return st.tuples(st.lists(operand, min_size=2, max_size=4), operators).map(chain)


def _enclosed(source: str) -> str:
    return (
        source
        if source.startswith("{{") and source.count("{{") == 1 and source.endswith("}}")
        else f"({source})"
    )


def _powered(operand: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    return st.tuples(operand, operand).map(
        lambda pairs: (f"({pairs[0][0]}) ^ ({pairs[1][0]})", f"({pairs[0][1]}) ** ({pairs[1][1]})")
    )


EXPRESSIONS: st.SearchStrategy[Pair] = st.recursive(
    _REFERENCES | _LITERALS,
    lambda inner: (
        _prefixed(inner) | _called(inner) | _chained(inner) | _chained(inner) | _powered(inner)
    ),
    max_leaves=12,
)
"""Random expressions in both languages."""

ONE_ARGUMENT_CALLS = st.tuples(st.sampled_from(_ONE_ARGUMENT), _REFERENCES | _LITERALS)
"""Random calls of functions whose last digits may differ between engines."""
