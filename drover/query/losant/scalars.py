"""Conditions on fields that hold values: a bare value, or an object of operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.query.fields import Field, compare, value_of
from drover.query.losant.faults import At, escaped, fault, list_in, literal_in
from drover.query.tree import NOTHING, In, Missing, Node, Operator, all_of, negate

if TYPE_CHECKING:
    from collections.abc import Callable

_ORDERS: Final = {
    "$gt": Operator.GREATER,
    "$gte": Operator.GREATER_OR_EQUAL,
    "$lt": Operator.LESS,
    "$lte": Operator.LESS_OR_EQUAL,
}
_TEXTS: Final = {
    "$startsWith": Operator.STARTS_WITH,
    "$endsWith": Operator.ENDS_WITH,
    "$contains": Operator.CONTAINS,
}
_SINGLES: Final = {"$eq": Operator.EQUAL, "$ne": Operator.EQUAL, **_ORDERS, **_TEXTS}
_LISTS: Final = frozenset({"$in", "$nin"})
_NEGATIVE: Final = frozenset({"$ne", "$nin"})
_NULL_MATCHES: Final = frozenset({"$eq", "$ne", "$gte", "$lte"})


def read_scalar(field: Field, operand: object, place: str, count: Callable[[str], None]) -> Node:
    """Read a condition; ``count`` is told the place of each part. Raises Invalid."""
    if not isinstance(operand, dict):
        count(place)
        return _single(field, "$eq", operand, place)
    fold = _ignores_case(field, operand, place)
    operators = {name: value for name, value in operand.items() if name != "$ci"}
    if not operators:
        raise fault(place, "an object names at least one operator, such as $eq")
    if field.strict and len(operators) > 1:
        raise fault(place, "an id takes exactly one operator")
    parts: list[Node] = []
    for name, value in operators.items():
        count(place)
        parts.append(_operation(field, name, value, f"{place}/{escaped(name)}", fold=fold))
    return all_of(parts)


def _ignores_case(field: Field, operand: dict[str, object], place: str) -> bool:
    fold = operand.get("$ci", False)
    if not isinstance(fold, bool) or (field.strict and "$ci" in operand):
        raise fault(f"{place}/$ci", "$ci takes true or false, on text")
    return fold


def _operation(field: Field, name: str, operand: object, place: str, *, fold: bool) -> Node:
    if name in _LISTS:
        node = _in(field, list_in(operand, place), place, fold=fold)
        return negate(node) if name in _NEGATIVE else node
    if name in _SINGLES:
        return _single(field, name, operand, place, fold=fold)
    raise fault(place, f"unknown operator '{name[:64]}'; one of: {', '.join([*_SINGLES, *_LISTS])}")


def _single(field: Field, name: str, operand: object, place: str, *, fold: bool = False) -> Node:
    if operand is None and name not in _TEXTS:
        node: Node = Missing(field.name) if name in _NULL_MATCHES else NOTHING
    else:
        literal = literal_in(operand, place)
        if name in _TEXTS and (field.strict or not isinstance(literal, str) or not literal):
            raise fault(place, f"{name} takes text that is not empty, on a text field")
        with At(place):
            node = compare(field, _SINGLES[name], literal, fold=fold)
    return negate(node) if name in _NEGATIVE else node


def _in(field: Field, operands: list[object], place: str, *, fold: bool) -> Node:
    values = []
    for index, operand in enumerate(operands):
        at = f"{place}/{index}"
        literal = literal_in(operand, at)
        with At(at):
            values.append(value_of(field, literal))
    possible = tuple(value for value in values if value is not None)
    return In(field.name, possible, fold) if possible else NOTHING
