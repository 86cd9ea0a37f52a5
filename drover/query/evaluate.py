"""Queries over rows in memory.

A row maps field names to values: text, numbers, booleans, None, lists of these for fields that
hold several. A date is milliseconds or ISO text; tags are a mapping or a list of objects with
``key`` and ``value``. A value of another type than the query's matches nothing, as in SQL.
"""

from __future__ import annotations

import operator as python_operator
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeAlias, cast

from drover.model.errors import Invalid
from drover.model.instants import to_ms
from drover.query.fold import fold
from drover.query.glob import compile_glob
from drover.query.tree import (
    All,
    And,
    Choice,
    Compare,
    ElementMatch,
    In,
    Instant,
    Member,
    Missing,
    Node,
    Not,
    Nothing,
    Operator,
    Or,
    TagMatch,
    TextTest,
    Value,
)

Row: TypeAlias = Mapping[str, object]
Predicate: TypeAlias = Callable[[Row], bool]
_Test: TypeAlias = Callable[[Any], bool]
"""A test of one value that has the type of the query's, folded where the query says so."""


def matches(node: Node, row: Row) -> bool:
    """Tell whether ``row`` matches; for many rows see ``predicate``."""
    return predicate(node)(row)


def predicate(node: Node) -> Predicate:
    """Return a function that tells whether a row matches."""
    match node:
        case All():
            return lambda _row: True
        case Nothing():
            return lambda _row: False
        case And(parts):
            return _all([predicate(part) for part in parts])
        case Or(parts):
            return _any([predicate(part) for part in parts])
        case Not(part):
            inner = predicate(part)
            return lambda row: not inner(row)
        case _:
            return _leaf(node)


def _all(tests: list[Predicate]) -> Predicate:
    def holds(row: Row) -> bool:
        for test in tests:  # noqa: SIM110 - a loop is twice as fast as all()
            if not test(row):
                return False
        return True

    return holds


def _any(tests: list[Predicate]) -> Predicate:
    def holds(row: Row) -> bool:
        for test in tests:  # noqa: SIM110 - a loop is twice as fast as any()
            if test(row):
                return True
        return False

    return holds


def _leaf(node: Missing | Compare | In | TagMatch | ElementMatch) -> Predicate:
    match node:
        case Missing(field):
            return lambda row: next(_values(row.get(field)), None) is None
        case Compare(field, operator, value, folds):
            wanted = fold(value) if folds and isinstance(value, str) else value
            return _any_value(field, _typed(value, _comparison(operator, wanted), folds=folds))
        case In(field, values, folds):
            return _any_value(field, _membership(values, folds=folds))
        case TagMatch(field, key, value):
            return partial(_has_tag, field, _text_test(key), _text_test(value))
        case _:
            tests = [_member_test(member) for member in node.members]
            return lambda row: any(
                isinstance(element, Mapping) and all(test(element) for test in tests)
                for element in _values(row.get(node.field))
            )


def _any_value(field: str, test: _Test) -> Predicate:
    def holds(row: Row) -> bool:
        value = row.get(field)
        if isinstance(value, _SEVERAL):
            return any(test(one) for one in value if one is not None)
        return value is not None and test(value)

    return holds


def _values(value: object) -> Iterator[object]:
    """Yield what a field holds: nothing, one value or several."""
    if isinstance(value, Mapping) and not value:
        return iter(())
    several = value if isinstance(value, _SEVERAL) else (value,)
    return (one for one in several if one is not None)


def _membership(values: tuple[Value, ...], *, folds: bool) -> _Test:
    if not values:
        return lambda _value: False
    wanted = frozenset(
        fold(value) if folds and isinstance(value, str) else value for value in values
    )
    return _typed(values[0], wanted.__contains__, folds=folds)


def _comparison(operator: Operator, wanted: Value) -> _Test:
    if operator is Operator.GLOB:
        return compile_glob(cast("str", wanted))
    compare = _COMPARISONS[operator]
    return lambda value: compare(value, wanted)


def _typed(sample: Value, test: _Test, *, folds: bool) -> _Test:
    """Return ``test`` guarded: it sees only values of the sample's type, ready to compare."""
    if isinstance(sample, bool):
        return lambda value: isinstance(value, bool) and test(value)
    if isinstance(sample, str):
        if folds:
            return lambda value: isinstance(value, str) and test(fold(value))
        return lambda value: isinstance(value, str) and test(value)
    if isinstance(sample, Instant):
        return lambda value: (moment := _instant(value)) is not None and test(moment)
    if isinstance(sample, float):
        return lambda value: _is_number(value) and test(float(value))
    return lambda value: _is_number(value) and test(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _instant(value: object) -> Instant | None:
    if isinstance(value, str):
        try:
            return Instant(to_ms(value))
        except Invalid:
            return None
    return Instant(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _has_tag(field: str, key_test: _Test, value_test: _Test, row: Row) -> bool:
    return any(key_test(key) and value_test(value) for key, value in _pairs(row.get(field)))


def _pairs(tags: object) -> Iterator[tuple[object, object]]:
    if isinstance(tags, Mapping):
        yield from tags.items()
        return
    for tag in _values(tags):
        if isinstance(tag, Mapping):
            yield tag.get("key"), tag.get("value")


def _text_test(test: TextTest) -> _Test:
    match test.choice:
        case Choice.ANY:
            return lambda _text: True
        case Choice.NOT_IN:
            return lambda text: text not in test.values
        case _:
            return lambda text: text in test.values


def _member_test(member: Member) -> _Test:
    if member.value is None:
        return lambda element: _reach(element, member.path) is None
    test = _typed(member.value, _comparison(Operator.EQUAL, member.value), folds=False)
    return lambda element: test(_reach(element, member.path))


def _reach(element: object, path: tuple[str, ...]) -> object:
    for name in path:
        if not isinstance(element, Mapping):
            return None
        element = element.get(name)
    return element


_SEVERAL: Final = (list, tuple, set, frozenset)
_COMPARISONS: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    Operator.EQUAL: python_operator.eq,
    Operator.LESS: python_operator.lt,
    Operator.LESS_OR_EQUAL: python_operator.le,
    Operator.GREATER: python_operator.gt,
    Operator.GREATER_OR_EQUAL: python_operator.ge,
    Operator.STARTS_WITH: str.startswith,
    Operator.ENDS_WITH: str.endswith,
    Operator.CONTAINS: python_operator.contains,
}
