"""From a term (a literal, path or helper call) to a function that finds its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from drover.flows.language.errors import LanguageError
from drover.flows.language.lexicon import LEXICON
from drover.flows.language.paths import Index, Step, Steps, advance, reader, walk
from drover.flows.language.scope import Scope, Turn, weight
from drover.flows.language.syntax import Call, Literal, Reference, Term
from drover.flows.language.values import UNDEFINED, Value

if TYPE_CHECKING:
    from drover.flows.language.helper import Helper

Getter: TypeAlias = Callable[[Scope], Value]
Names: TypeAlias = AbstractSet[str]
"""Block parameters in reach."""

_LONG_TEXT: Final = 1_000
"""Texts up to this length are too short to be worth counting as work."""

_TURN_PARTS: Final[Mapping[Step, int]] = MappingProxyType(
    {"index": 0, "key": 1, "first": 2, "last": 3}
)
_ROOT: Final = "root"
_PARENT: Final = 4

_WITHOUT_ARGUMENTS: Final = "currentDateTime"
"""The one helper whose bare name is not a path."""

_NO_NAMES: Final[Names] = frozenset()


def compile_mention(term: Term, names: Names = _NO_NAMES) -> Getter:
    """Compile what stands alone in a tag: there a literal is the name of a member."""
    if isinstance(term, Literal):
        key = term.value if isinstance(term.value, str) else term.source
        return _from_context(0, (key,))
    if isinstance(term, Reference) and term.name == _WITHOUT_ARGUMENTS:
        return compile_term(Call(_WITHOUT_ARGUMENTS, (), (), term.position), names)
    return compile_term(term, names)


def compile_term(term: Term, names: Names = _NO_NAMES) -> Getter:
    """Compile an argument. Raises LanguageError for unknown helpers and ``@`` names."""
    if isinstance(term, Literal):
        value = term.value
        return lambda _: value
    if isinstance(term, Reference):
        return _compile_reference(term, names)
    return _compile_call(term, names)


def _compile_reference(reference: Reference, names: Names) -> Getter:
    if reference.data:
        return _compile_data(reference)
    if not reference.scoped and reference.steps[0] in names:
        return _from_parameter(str(reference.steps[0]), _reading(reference.steps[1:]))
    return _from_context(reference.up, reference.steps)


def _reading(steps: Steps) -> Callable[[Scope, Value], Value]:
    """Return what follows steps from a value; looking into a long text counts as work."""
    if not _may_enter_text(steps):
        read = reader(steps)
        return lambda _, value: read(value)

    def follow(scope: Scope, value: Value) -> Value:
        for step in steps:
            # Where a unit of UTF-16 stands in a text of other characters has to be looked for.
            if value.__class__ is str and len(value) > _LONG_TEXT and not value.isascii():
                scope.charge(len(value))
            value = advance(value, step)
            if value is UNDEFINED:
                break
        return value

    return follow


def _may_enter_text(steps: Steps) -> bool:
    return any(isinstance(step, Index) or step == "length" for step in steps)


def _from_parameter(name: str, read: Callable[[Scope, Value], Value]) -> Getter:
    return lambda scope: read(scope, scope.parameters[name])


def _from_context(up: int, steps: Steps) -> Getter:
    if up:
        read = _reading(steps)
        return lambda scope: read(scope, _climb(scope, up))
    return _quick_reader(steps)


def _quick_reader(steps: Steps) -> Getter:
    """Read from the context; one and two plain keys, the usual case, without another call."""
    if _may_enter_text(steps):
        follow = _reading(steps)
        return lambda scope: follow(scope, scope.this)
    if len(steps) == 1 and isinstance(steps[0], str):
        return _one_key(steps, steps[0])
    if len(steps) == 2 and isinstance(steps[0], str) and isinstance(steps[1], str):  # noqa: PLR2004
        return _two_keys(steps, steps[0], steps[1])
    read = reader(steps)
    return lambda scope: read(scope.this)


def _one_key(steps: Steps, key: str) -> Getter:
    def get(scope: Scope) -> Value:
        try:
            return scope.this[key]
        except (KeyError, TypeError):
            return walk(scope.this, steps)

    return get


def _two_keys(steps: Steps, first: str, second: str) -> Getter:
    def get(scope: Scope) -> Value:
        try:
            return scope.this[first][second]
        except (KeyError, TypeError):
            return walk(scope.this, steps)

    return get


def _climb(scope: Scope, up: int) -> Value:
    """Return the context ``up`` levels above, or UNDEFINED where there is none."""
    current: Scope | None = scope
    for _ in range(up):
        current = current.up if current else None
    return current.this if current else UNDEFINED


def _compile_data(reference: Reference) -> Getter:
    first, rest = reference.steps[0], _reading(reference.steps[1:])
    if first == _ROOT:
        return lambda scope: rest(scope, scope.root().this)
    if first not in _TURN_PARTS:
        raise LanguageError(
            f"There is no @{first}", reference.position, "@root, @index, @key, @first or @last"
        )
    part, up = _TURN_PARTS[first], reference.up
    return lambda scope: rest(scope, _turn_part(scope.turn, up, part))


def _turn_part(turn: Turn | None, up: int, part: int) -> Value:
    for _ in range(up):
        turn = turn[_PARENT] if turn else None
    return turn[part] if turn else UNDEFINED


def _compile_call(call: Call, names: Names) -> Getter:
    helper = LEXICON.get(call.name)
    if helper is None:
        raise LanguageError(f"There is no helper {call.name}", call.position, "a helper or path")
    if helper.members:
        return _calling_with_members(
            helper, {name: compile_term(term, names) for name, term in call.named}
        )
    getters = [compile_term(term, names) for term in _ordered(helper, call)]
    if helper.scoped:
        return _calling_scoped(helper, getters)
    return _calling_measured(helper, getters) if helper.measured else _calling(helper, getters)


def _ordered(helper: Helper, call: Call) -> list[Term]:
    """Return the arguments in the order of the helper's parameters, named ones included."""
    if helper.any_number:
        return list(call.arguments)
    ordered = list(call.arguments[: len(helper.parameters)])
    named = dict(call.named)
    missing = helper.parameters[len(ordered) :]
    while missing and missing[-1] not in named:
        missing = missing[:-1]
    absent = Literal(UNDEFINED, "undefined", call.position)
    return ordered + [named.get(name, absent) for name in missing]


def _calling_with_members(helper: Helper, getters: dict[str, Getter]) -> Getter:
    run = helper.run
    return lambda scope: run(**{name: get(scope) for name, get in getters.items()})


def _calling_scoped(helper: Helper, getters: list[Getter]) -> Getter:
    run = helper.run
    return lambda scope: run(scope, *[get(scope) for get in getters])


def _calling_measured(helper: Helper, getters: list[Getter]) -> Getter:
    run, units = helper.run, int(helper.measured)

    def call(scope: Scope) -> Value:
        values = [get(scope) for get in getters]
        scope.charge(units * sum([weight(value) for value in values]))
        return run(*values)

    return call


def _calling(helper: Helper, getters: list[Getter]) -> Getter:
    """Call the helper and count the long texts that it reads and makes as work."""
    if len(getters) == 1:
        return _calling_with_one(helper, getters[0])
    run = helper.run

    def call(scope: Scope) -> Value:
        values = [get(scope) for get in getters]
        result = run(*values)
        for value in (result, *values):
            if value.__class__ is str and len(value) > _LONG_TEXT:
                scope.charge(len(value))
        return result

    return call


def _calling_with_one(helper: Helper, get: Getter) -> Getter:
    run = helper.run

    def call(scope: Scope) -> Value:
        value = get(scope)
        if value.__class__ is str and len(value) > _LONG_TEXT:
            scope.charge(len(value))
        result = run(value)
        if result.__class__ is str and len(result) > _LONG_TEXT:
            scope.charge(len(result))
        return result

    return call
