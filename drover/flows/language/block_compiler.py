"""From a block of a template to a function that writes the part that applies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from drover.flows.language.errors import LanguageError
from drover.flows.language.limits import WORK_PER_ITERATION
from drover.flows.language.scope import Output, Scope
from drover.flows.language.syntax import Block, Branch, Call, Statement
from drover.flows.language.term_compiler import Getter, Names, compile_term
from drover.flows.language.values import UNDEFINED, Value, filled

Writer: TypeAlias = Callable[[Scope, Output], None]
BodyCompiler: TypeAlias = Callable[[Sequence[Statement], Names], Writer]
Attempt: TypeAlias = Callable[[Scope, Output], bool]
"""Writes a branch and returns True if the branch applies."""

_COMPARISONS: Final = {
    "eq": 2, "ne": 2, "gt": 2, "gte": 2, "lt": 2, "lte": 2, "match": 2, "includes": 2,
}  # fmt: skip
_CONDITIONS: Final = {"if": 1, "unless": 1, **_COMPARISONS}
_ARGUMENTS: Final = {**_CONDITIONS, "each": 1, "with": 1}
"""The blocks and how many arguments each takes."""

_INCLUDE_ZERO: Final = "includeZero"
_MAX_PARAMETERS: Final = 2


def compile_block(block: Block, names: Names, compile_body: BodyCompiler) -> Writer:
    """Compile a block. Raises LanguageError for unknown blocks and wrong argument counts."""
    otherwise = compile_body(block.otherwise, names)
    first = block.branches[0]
    if len(block.branches) == 1 and first.head.call.name in _CONDITIONS:
        _check(first)
        return _choosing(
            _condition(first.head.call, names), compile_body(first.body, names), otherwise
        )
    attempts = [_compile_branch(branch, names, compile_body) for branch in block.branches]

    def write(scope: Scope, output: Output) -> None:
        for attempt in attempts:
            if attempt(scope, output):
                return
        otherwise(scope, output)

    return write


def _choosing(holds: Getter, then: Writer, otherwise: Writer) -> Writer:
    def write(scope: Scope, output: Output) -> None:
        if holds(scope):
            then(scope, output)
        else:
            otherwise(scope, output)

    return write


def _check(branch: Branch) -> None:
    call = branch.head.call
    wanted = _ARGUMENTS.get(call.name)
    if wanted is None:
        raise LanguageError(f"There is no block {call.name}", call.position, ", ".join(_ARGUMENTS))
    if len(call.arguments) != wanted:
        raise LanguageError(
            f"The block {call.name} takes {wanted} argument{'s' * (wanted > 1)}", call.position
        )


def _compile_branch(branch: Branch, names: Names, compile_body: BodyCompiler) -> Attempt:
    _check(branch)
    call, parameters = branch.head.call, branch.head.parameters[:_MAX_PARAMETERS]
    if call.name in _CONDITIONS:
        return _attempting(_condition(call, names), compile_body(branch.body, names))
    body = compile_body(branch.body, names | set(parameters))
    value = compile_term(call.arguments[0], names)
    return _each(value, parameters, body) if call.name == "each" else _with(value, parameters, body)


def _attempting(holds: Getter, then: Writer) -> Attempt:
    def attempt(scope: Scope, output: Output) -> bool:
        if holds(scope):
            then(scope, output)
            return True
        return False

    return attempt


def _condition(call: Call, names: Names) -> Getter:
    if call.name in _COMPARISONS:
        return compile_term(call, names)
    value = compile_term(call.arguments[0], names)
    named = dict(call.named)
    if _INCLUDE_ZERO in named:
        value = _zero_included(value, compile_term(named[_INCLUDE_ZERO], names))
    if call.name == "if":
        return lambda scope: filled(value(scope))
    return lambda scope: not filled(value(scope))


def _zero_included(value: Getter, option: Getter) -> Getter:
    """Let the number 0 count as true while ``option`` holds."""

    def get(scope: Scope) -> Value:
        found = value(scope)
        is_zero = found.__class__ in {int, float} and found == 0
        return True if is_zero and filled(option(scope)) else found

    return get


def _with(value: Getter, parameters: tuple[str, ...], body: Writer) -> Attempt:
    def attempt(scope: Scope, output: Output) -> bool:
        found = value(scope)
        if not filled(found):
            return False
        bound = _bound(scope, parameters, found, UNDEFINED) if parameters else scope.parameters
        body(Scope(found, scope, scope.turn, bound), output)
        return True

    return attempt


def _each(value: Getter, parameters: tuple[str, ...], body: Writer) -> Attempt:
    def attempt(scope: Scope, output: Output) -> bool:
        pairs = _pairs(value(scope))
        if not pairs:
            return False
        scope.charge(len(pairs) * WORK_PER_ITERATION)
        last, around = len(pairs) - 1, scope.turn
        for index, (key, element) in enumerate(pairs):
            turn = (index, key, index == 0, index == last, around)
            bound = _bound(scope, parameters, element, key) if parameters else scope.parameters
            body(Scope(element, scope, turn, bound), output)
        return True

    return attempt


def _pairs(collection: Value) -> Sequence[tuple[Value, Value]]:
    """Return keys and members of an object, indices and elements of an array."""
    if collection.__class__ is dict:
        return list(collection.items())
    return list(enumerate(collection)) if collection.__class__ is list else ()


def _bound(
    scope: Scope, parameters: tuple[str, ...], element: Value, key: Value
) -> dict[str, Value]:
    return {**scope.parameters, **dict(zip(parameters, (element, key), strict=False))}
