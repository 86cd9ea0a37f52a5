"""From the tree of an expression to a function that evaluates it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from drover.flows.language import arithmetic, comparisons
from drover.flows.language.caching import cached
from drover.flows.language.conversions import KIND_NAMES, to_number, to_text
from drover.flows.language.errors import LanguageError, RenderLimit
from drover.flows.language.expression_functions import FUNCTIONS
from drover.flows.language.expression_parser import (
    Applied,
    Chain,
    Constant,
    Mention,
    Node,
    Prefixed,
    Quoted,
    parse_expression,
)
from drover.flows.language.limits import MAX_OUTPUT
from drover.flows.language.scope import Scope, weight
from drover.flows.language.term_compiler import Getter, compile_mention
from drover.flows.language.values import Payload, Value, truthy
from drover.flows.language.vocabulary.collections import length

Expression: TypeAlias = Callable[[Payload], Value]
Weighed: TypeAlias = Callable[[Payload], tuple[Value, int]]
"""Returns the value of an expression, and the units of work that it took."""
Operator: TypeAlias = Callable[[Value, Value], Value]

_OPERATORS: Final[dict[str, Operator]] = {
    "==": comparisons.loose_equal,
    "!=": lambda left, right: not comparisons.loose_equal(left, right),
    "===": comparisons.strict_equal,
    "!==": lambda left, right: not comparisons.strict_equal(left, right),
    "<": comparisons.less,
    "<=": comparisons.at_most,
    ">": comparisons.greater,
    ">=": comparisons.at_least,
    "<<": arithmetic.shift_left,
    ">>": arithmetic.shift_right,
    "+": arithmetic.add,
    "-": arithmetic.subtract,
    "*": arithmetic.multiply,
    "/": arithmetic.divide,
    "%": arithmetic.remainder,
    "^": arithmetic.power,
}

_OBJECT_TYPES: Final = frozenset({"null", "array", "date"})
"""What JavaScript's ``typeof`` calls an object although the helper knows better."""


def _typeof(value: Value) -> str:
    name = KIND_NAMES[value.__class__]
    return "object" if name in _OBJECT_TYPES else name


_PREFIXES: Final[dict[str, Callable[[Value], Value]]] = {
    "!": lambda value: not truthy(value),
    "-": arithmetic.negate,
    "+": to_number,
    "typeof": _typeof,
}


@cached
def compile_expression(text: str) -> Expression:
    """Compile an expression to a function from a payload to its value.

    An empty expression is undefined. Raises LanguageError now; the function raises RenderLimit
    for texts that grow too long and otherwise never fails.
    """
    evaluate = compile_evaluator(text)
    if _is_constant(parse_expression(text)):
        value = evaluate(_NO_SCOPE)
        return lambda _: value
    return lambda payload: evaluate(Scope(payload))


@cached
def compile_weighed(text: str) -> Weighed:
    """Compile an expression that is evaluated very often to one that tells its work, too.

    Raises LanguageError now; the function is that of ``compile_expression`` otherwise.
    """
    evaluate = _compile(parse_expression(text, counted=True))

    def run(payload: Payload) -> tuple[Value, int]:
        scope = Scope(payload)
        return evaluate(scope), scope.work

    return run


@cached
def compile_evaluator(text: str) -> Getter:
    """Compile an expression to a function of a scope. Raises LanguageError."""
    return _compile(parse_expression(text))


def _compile(node: Node) -> Getter:
    compiled = _COMPILERS[type(node)](node)
    if not _is_constant(node):
        return compiled
    value = compiled(_NO_SCOPE)
    return lambda _: value


_NO_SCOPE: Final = Scope({})
"""What constants are evaluated in: they never look."""


def _is_constant(node: Node) -> bool:
    match node:
        case Constant():
            return True
        case Prefixed(operand=operand):
            return _is_constant(operand)
        case Chain(first=first, rest=rest):
            return _is_constant(first) and all(_is_constant(operand) for _, operand in rest)
        case _:
            return False


def _compile_constant(node: Constant) -> Getter:
    value = node.value
    return lambda _: value


def _compile_mention(node: Mention) -> Getter:
    get = compile_mention(node.term)
    if not node.counted:
        return get

    def get_counted(scope: Scope) -> Value:
        value = get(scope)
        scope.charge(weight(value))
        return value

    return get_counted


def _compile_sized(node: Node) -> Getter:
    """Compile what only the length is asked of: that of a collection costs nothing."""
    if not isinstance(node, Mention) or not node.counted:
        return _compile(node)
    get = compile_mention(node.term)

    def get_sized(scope: Scope) -> Value:
        value = get(scope)
        if value.__class__ is str:
            scope.charge(len(value))
        return value

    return get_sized


def _compile_quoted(node: Quoted) -> Getter:
    getters = [
        _compile_mention(part) if isinstance(part, Mention) else _compile_constant(Constant(part))
        for part in node.parts
    ]

    def join(scope: Scope) -> str:
        text = ""
        for get in getters:
            text += to_text(get(scope))
            if len(text) > MAX_OUTPUT:
                raise RenderLimit("The joined text is too long")
        return text

    return join


def _compile_prefixed(node: Prefixed) -> Getter:
    apply, operand = _PREFIXES[node.operator], _compile(node.operand)
    return lambda scope: apply(operand(scope))


def _compile_applied(node: Applied) -> Getter:
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise LanguageError(
            f"There is no function {node.name}", node.position, ", ".join(FUNCTIONS)
        )
    if function.arity not in {None, len(node.arguments)}:
        raise LanguageError(
            f"The function {node.name} takes {function.arity} "
            f"argument{'s' * (function.arity != 1)}, not {len(node.arguments)}",
            node.position,
        )
    compile_argument = _compile_sized if function.run is length else _compile
    run, getters = function.run, [compile_argument(argument) for argument in node.arguments]
    if len(getters) == 1:
        get = getters[0]
        return lambda scope: run(get(scope))
    return lambda scope: run(*[get(scope) for get in getters])


def _compile_chain(node: Chain) -> Getter:
    operator = node.rest[0][0]
    if operator in {"&&", "||"}:
        operands = [_compile(node.first), *(_compile(operand) for _, operand in node.rest)]
        return _first_deciding(operands, stops_at=operator == "||")
    if len(node.rest) > 1:
        return _compile_long_chain(node)
    return _compile_pair(_OPERATORS[operator], node.first, node.rest[0][1])


def _compile_pair(operate: Operator, left: Node, right: Node) -> Getter:
    first = _compile(left)
    if isinstance(right, Constant):
        value = right.value
        return lambda scope: operate(first(scope), value)
    second = _compile(right)
    return lambda scope: operate(first(scope), second(scope))


def _compile_long_chain(node: Chain) -> Getter:
    first = _compile(node.first)
    steps = [(_OPERATORS[operator], _compile(operand)) for operator, operand in node.rest]

    def run(scope: Scope) -> Value:
        value = first(scope)
        for operate, get in steps:
            value = operate(value, get(scope))
        return value

    return run


def _first_deciding(operands: list[Getter], *, stops_at: bool) -> Getter:
    """Return the first operand whose truth is ``stops_at``, else the last."""
    *early, last = operands

    def run(scope: Scope) -> Value:
        for get in early:
            value = get(scope)
            if truthy(value) is stops_at:
                return value
        return last(scope)

    return run


_COMPILERS: Final[dict[type, Callable[..., Getter]]] = {
    Constant: _compile_constant,
    Mention: _compile_mention,
    Quoted: _compile_quoted,
    Prefixed: _compile_prefixed,
    Chain: _compile_chain,
    Applied: _compile_applied,
}
