"""Equality and order of values, as JavaScript compares."""

from __future__ import annotations

from datetime import datetime
from types import NoneType
from typing import Any, Final

from drover.flows.language.conversions import to_number, to_primitive
from drover.flows.language.dates import date_text
from drover.flows.language.text import comes_before
from drover.flows.language.values import Undefined, Value

_NUMBERS: Final[frozenset[type[Any]]] = frozenset({int, float})
_NUMERIC: Final[frozenset[type[Any]]] = frozenset({int, float, bool})
_OBJECTS: Final = frozenset({list, dict})
_MISSING: Final = frozenset({NoneType, Undefined})


def strict_equal(left: Value, right: Value) -> bool:
    """``===``: same type and value; dates by time; arrays and objects only if the same one."""
    kind, other = left.__class__, right.__class__
    if kind is other:
        if kind is list or kind is dict:
            return left is right
        return bool(left == right)
    return kind in _NUMBERS and other in _NUMBERS and bool(left == right)


def loose_equal(left: Value, right: Value) -> bool:
    """``==``: null equals missing, numbers equal their text, the rest converts as needed."""
    kind, other = left.__class__, right.__class__
    if kind is other or (kind in _NUMBERS and other in _NUMBERS):
        return strict_equal(left, right)
    if kind in _MISSING or other in _MISSING:
        return kind in _MISSING and other in _MISSING
    if kind in _OBJECTS and other in _OBJECTS:
        return False
    return _equal_converted(left, right)


def _equal_converted(left: Value, right: Value) -> bool:
    left, right = _comparable(left, right), _comparable(right, left)
    if left.__class__ is str and right.__class__ is str:
        return bool(left == right)
    return to_number(left) == to_number(right)


def _comparable(value: Value, other: Value) -> Value:
    if value.__class__ is datetime:
        # Beside text a date is text; beside numbers it counts its milliseconds.
        return date_text(value) if other.__class__ is str else value
    return to_primitive(value)


def less(left: Value, right: Value) -> bool:
    """``<``: two texts by UTF-16 units, everything else as numbers; NaN is never less."""
    if left.__class__ in _NUMERIC and right.__class__ in _NUMERIC:
        return bool(left < right)
    left, right = to_primitive(left), to_primitive(right)
    if left.__class__ is str and right.__class__ is str:
        return comes_before(left, right)
    return to_number(left) < to_number(right)


def greater(left: Value, right: Value) -> bool:
    """``>``."""
    if left.__class__ in _NUMERIC and right.__class__ in _NUMERIC:
        return bool(left > right)
    return less(right, left)


def at_most(left: Value, right: Value) -> bool:
    """``<=``."""
    left, right = to_primitive(left), to_primitive(right)
    if left.__class__ is str and right.__class__ is str:
        return not comes_before(right, left)
    return to_number(left) <= to_number(right)


def at_least(left: Value, right: Value) -> bool:
    """``>=``."""
    return at_most(right, left)
