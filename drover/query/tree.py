"""The one query tree that every language parses to, and that is evaluated or compiled to SQL.

Logic is two-valued: a missing value is never "unknown". A test of a missing value is false, its
negation true; ``null`` and missing are the same, told by Missing alone. A field may hold several
values (a relation, a list): a test of it holds when it holds for any one of them, so that "not
equal" is Not(Compare(EQUAL)), none equal.

Values are already of the field's type, see ``drover.query.fields``; text is compared by code
point, or by ``drover.query.fold`` where ``fold`` is set.

Node
  All, Nothing                    constants
  And, Or, Not                    combinations
  Missing                         no value
  Compare, In                     one value against one or several
  TagMatch                        a key and a value of the same tag
  ElementMatch                    members of the same object in a list
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Operator(Enum):
    """How Compare holds a row's value against its own."""

    EQUAL = "equal"
    LESS = "less"
    LESS_OR_EQUAL = "less or equal"
    GREATER = "greater"
    GREATER_OR_EQUAL = "greater or equal"
    STARTS_WITH = "starts with"
    ENDS_WITH = "ends with"
    CONTAINS = "contains"
    GLOB = "glob"  #: always case-insensitive, see ``drover.query.glob``


TEXT_OPERATORS = frozenset(
    {Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.CONTAINS, Operator.GLOB}
)
"""Operators that work on text only."""


@dataclass(frozen=True, slots=True, order=True)
class Instant:
    """A moment, in milliseconds since the epoch; a row may hold it as a number or as ISO text."""

    ms: int


Value: TypeAlias = str | bool | int | float | Instant
"""What a row's value is held against: its Python type tells the type of the field."""


@dataclass(frozen=True, slots=True)
class All:
    """Matches every row."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Matches no row."""


@dataclass(frozen=True, slots=True)
class And:
    """Matches when every part does."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Matches when at least one part does."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Matches when the part does not."""

    part: Node


@dataclass(frozen=True, slots=True)
class Missing:
    """Matches when the field has no value: absent, null, or an empty list."""

    field: str


@dataclass(frozen=True, slots=True)
class Compare:
    """Matches when a value of the field stands in the given relation to ``value``."""

    field: str
    operator: Operator
    value: Value
    fold: bool = False


@dataclass(frozen=True, slots=True)
class In:
    """Matches when a value of the field is one of ``values``, which share one type."""

    field: str
    values: tuple[Value, ...]
    fold: bool = False


class Choice(Enum):
    """What TextTest asks of one side of a tag."""

    ANY = "any"
    EQUAL = "equal"
    IN = "in"
    NOT_IN = "not in"


@dataclass(frozen=True, slots=True)
class TextTest:
    """A test of a tag's key or value."""

    choice: Choice = Choice.ANY
    values: tuple[str, ...] = ()


ANY_TEXT = TextTest()
"""The test that every key or value passes."""


@dataclass(frozen=True, slots=True)
class TagMatch:
    """Matches when one tag passes both tests."""

    field: str
    key: TextTest = ANY_TEXT
    value: TextTest = ANY_TEXT


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object, by path, and the value it must equal; None asks that it is missing."""

    path: tuple[str, ...]
    value: str | bool | float | None


@dataclass(frozen=True, slots=True)
class ElementMatch:
    """Matches when one object of a list has every member as given."""

    field: str
    members: tuple[Member, ...]


Leaf: TypeAlias = Missing | Compare | In | TagMatch | ElementMatch
Node: TypeAlias = All | Nothing | And | Or | Not | Leaf

ALL = All()
NOTHING = Nothing()


def all_of(parts: Iterable[Node]) -> Node:
    """Return the conjunction, without needless nesting; of no parts it is All."""
    kept: list[Node] = []
    for part in parts:
        if isinstance(part, Nothing):
            return NOTHING
        kept.extend(part.parts if isinstance(part, And) else [part])
    kept = [part for part in kept if not isinstance(part, All)]
    if len(kept) == 1:
        return kept[0]
    return And(tuple(kept)) if kept else ALL


def any_of(parts: Iterable[Node]) -> Node:
    """Return the disjunction, without needless nesting; of no parts it is Nothing."""
    kept: list[Node] = []
    for part in parts:
        if isinstance(part, All):
            return ALL
        kept.extend(part.parts if isinstance(part, Or) else [part])
    kept = [part for part in kept if not isinstance(part, Nothing)]
    if len(kept) == 1:
        return kept[0]
    return Or(tuple(kept)) if kept else NOTHING


def negate(node: Node) -> Node:
    """Return the opposite of ``node``."""
    match node:
        case All():
            return NOTHING
        case Nothing():
            return ALL
        case Not(part):
            return part
        case _:
            return Not(node)


def renamed(node: Node, names: Mapping[str, str]) -> Node:
    """Return ``node`` with fields called as ``names`` says, by their names so far."""
    match node:
        case And(parts):
            return And(tuple(renamed(part, names) for part in parts))
        case Or(parts):
            return Or(tuple(renamed(part, names) for part in parts))
        case Not(part):
            return Not(renamed(part, names))
        case All() | Nothing():
            return node
        case _:
            return replace(node, field=names.get(node.field, node.field))
