"""Field types of queryable kinds, and how a literal of a query becomes a value of each."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from drover.model.errors import Invalid
from drover.model.instants import to_ms
from drover.query.tree import NOTHING, TEXT_OPERATORS, Compare, Instant, Node, Operator, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Literal: TypeAlias = str | bool | int | float
"""What a query language can write as a value, besides null."""

_DATES: Final = (to_ms("1000-01-01T00:00:00.000Z"), to_ms("9999-12-31T23:59:59.999Z"))
_INTEGERS: Final = (-(2**63), 2**63 - 1)
_ID_DIGITS: Final = frozenset("0123456789abcdefABCDEF")
_ID_LENGTH: Final = 24


class FieldType(Enum):
    """What a field holds, and so what it can be compared with."""

    ID = "id"
    TEXT = "text"
    NUMBER = "number"  #: a double, as in JSON
    INTEGER = "integer"  #: a whole number of at most 64 bits
    BOOLEAN = "boolean"
    DATE = "date"
    TAGS = "tags"
    ELEMENTS = "elements"  #: a list of objects


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its type and, for elements, the members a query may test.

    A ``strict`` id field is compared with ids only, by one operator at a time.
    """

    name: str
    type: FieldType
    strict: bool = False
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldSet:
    """The queryable fields of one kind; ``kind`` is its plural in messages."""

    kind: str
    fields: Mapping[str, Field]

    def get(self, name: str) -> Field:
        """Return the field; raises Invalid when the kind has none of that name."""
        field = self.fields.get(name)
        if field is None:
            known = ", ".join(sorted(self.fields))
            raise Invalid(f"unknown field '{name[:64]}', {self.kind} have: {known}")
        return field


def compare(field: Field, operator: Operator, literal: Literal, *, fold: bool = False) -> Node:
    """Return the comparison; Nothing where the literal's type rules a match out.

    Raises Invalid when the operator does not suit the field, or as ``value_of`` does.
    """
    if operator in TEXT_OPERATORS and field.type not in _TEXTUAL:
        raise Invalid(f"'{field.name}' holds a {field.type.value}, not text")
    value = value_of(field, literal, operator)
    return NOTHING if value is None else Compare(field.name, operator, value, fold)


def value_of(field: Field, literal: Literal, operator: Operator = Operator.EQUAL) -> Value | None:
    """Return ``literal`` as a value of the field's type, None when no row can match it.

    A fraction held against whole numbers is rounded so that the order stays true, and a number out
    of a column's range becomes the end of the range. Raises Invalid when the literal is no text
    that can be stored, or not the id or date that it must be.
    """
    return _READERS[field.type](field, literal, operator)


def checked_text(text: str) -> str:
    """Return ``text``; raises Invalid when no database can store it."""
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid("text may not hold half of a surrogate pair")
    if "\0" in text:
        raise Invalid("text may not hold the character U+0000")
    return text


def _text(_field: Field, literal: Literal, _operator: Operator) -> str | None:
    return checked_text(literal) if isinstance(literal, str) else None


def _id(field: Field, literal: Literal, operator: Operator) -> str | None:
    if isinstance(literal, str) and len(literal) == _ID_LENGTH and _ID_DIGITS.issuperset(literal):
        return literal.lower()
    if field.strict:
        raise Invalid("an id has 24 hexadecimal digits")
    return _text(field, literal, operator)


def _boolean(_field: Field, literal: Literal, _operator: Operator) -> bool | None:
    return literal if isinstance(literal, bool) else None


def _number(_field: Field, literal: Literal, operator: Operator) -> float | None:
    if isinstance(literal, bool | str):
        return None
    largest = sys.float_info.max
    if operator is Operator.EQUAL and not -largest <= literal <= largest:
        return None
    return float(min(max(literal, -largest), largest))


def _integer(_field: Field, literal: Literal, operator: Operator) -> int | None:
    return None if isinstance(literal, bool | str) else _whole(literal, operator, _INTEGERS)


def _date(_field: Field, literal: Literal, operator: Operator) -> Instant | None:
    if isinstance(literal, bool):
        raise Invalid("a date is written in milliseconds since 1970 or as ISO 8601 text")
    ms = _whole(to_ms(literal) if isinstance(literal, str) else literal, operator, _DATES)
    return None if ms is None else Instant(ms)


def _whole(number: float, operator: Operator, limits: tuple[int, int]) -> int | None:
    bounded = min(max(number, limits[0]), limits[1])
    if operator in _ROUNDING:
        return _ROUNDING[operator](bounded)
    return int(bounded) if bounded == number and bounded == math.floor(bounded) else None


def _object(field: Field, _literal: Literal, _operator: Operator) -> None:
    raise Invalid(f"'{field.name}' is matched by an object")


_TEXTUAL: Final = frozenset({FieldType.ID, FieldType.TEXT})
_ROUNDING: Final[Mapping[Operator, Callable[[float], int]]] = {
    Operator.GREATER: math.floor,
    Operator.LESS_OR_EQUAL: math.floor,
    Operator.LESS: math.ceil,
    Operator.GREATER_OR_EQUAL: math.ceil,
}
_READERS: Final[Mapping[FieldType, Callable[[Field, Literal, Operator], Value | None]]] = {
    FieldType.ID: _id,
    FieldType.TEXT: _text,
    FieldType.NUMBER: _number,
    FieldType.INTEGER: _integer,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.TAGS: _object,
    FieldType.ELEMENTS: _object,
}
