"""What one condition means: a field, a sign and a value as a node of the query tree.

Digi-compatible behaviour, sections 8.2 and 8.3. Every comparison of text ignores case. Against an
unset field all operators are false but ``<>``, which is true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.model.errors import Invalid
from drover.model.instants import to_ms
from drover.model.state_words import OTHER_WORDS
from drover.query.digi.faults import BadQuery
from drover.query.digi.fields import (
    FIELDS,
    GROUP_ENDS,
    GROUP_STARTS,
    GROUP_WITHIN,
    STATE,
    DigiField,
    DigiType,
    field_named,
    path_named,
)
from drover.query.digi.scanner import NUMBER, SIGN, TEXT, TIME
from drover.query.fields import Field, FieldType, checked_text, value_of
from drover.query.tree import (
    NOTHING,
    Compare,
    In,
    Instant,
    Missing,
    Node,
    Operator,
    any_of,
    negate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from drover.query.digi.scanner import Piece

    Reader = Callable[["Conditions", DigiField, Operator, Piece], Node]

COMPARING: Final = {
    "startswith": Operator.STARTS_WITH,
    "endswith": Operator.ENDS_WITH,
    "contains": Operator.CONTAINS,
}
"""The operators that are words, in lower case."""

_SIGNS: Final = {
    "=": Operator.EQUAL,
    "<>": Operator.EQUAL,
    "<": Operator.LESS,
    "<=": Operator.LESS_OR_EQUAL,
    ">": Operator.GREATER,
    ">=": Operator.GREATER_OR_EQUAL,
}
_TEXTUAL: Final = frozenset(COMPARING)
_RELATIONS: Final = frozenset({"<", "<=", ">", ">="})
_REFUSED: Final[Mapping[DigiType, frozenset[str]]] = {
    DigiType.TEXT: frozenset(),
    DigiType.NUMERIC: _TEXTUAL,
    DigiType.ENUMERATED: _TEXTUAL | _RELATIONS,
    DigiType.GROUP: _RELATIONS,
    DigiType.TAG: _RELATIONS,
    DigiType.JOB_TIME: _TEXTUAL,
    DigiType.DEVICE_TIME: _TEXTUAL | _RELATIONS | {"=", "<>"},
    DigiType.PATH: frozenset(),
}
_GROUP_SIDES: Final = {
    Operator.STARTS_WITH: GROUP_STARTS,
    Operator.ENDS_WITH: GROUP_ENDS,
    Operator.CONTAINS: GROUP_WITHIN,
}
_UNIT_MS: Final = {
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
_DEVICE_ID: Final = re.compile(r"[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{8}){3}", re.IGNORECASE)
_QUOTED_NUMBER: Final = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?)")
_FARTHEST_MS: Final = 2**60
_LONGEST_INTEGER: Final = 400
_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class Meaning:
    """A field and what may be asked of it: the operators by their signs, and who reads a value."""

    field: DigiField
    operators: Mapping[str, Operator]
    read: Reader | None


class Conditions:
    """Reads the conditions of one query."""

    def __init__(self, query: str, now_ms: int) -> None:
        self._query = query
        self._now_ms = now_ms

    def node(self, meaning: Meaning, sign: Piece, value: Piece) -> Node:
        """Return the node of a field, a sign and a value; raises BadQuery."""
        kind, text, _ = value
        if kind == TEXT and meaning.field.name == "id" and _DEVICE_ID.fullmatch(text):
            meaning = _MEANINGS["device_id"]
        word = sign[1]
        if word in ("=", "<>"):
            node = self._equal(meaning, sign, value)
            return negate(node) if word == "<>" else node
        operator = meaning.operators.get(word) or meaning.operators.get(word.lower())
        return self._read(meaning, operator, sign, value)

    def among(self, meaning: Meaning, sign: Piece, values: Sequence[Piece]) -> Node:
        """Return the node of a field that is one of some values; raises BadQuery."""
        equals = (SIGN, "=", sign[2])
        return any_of(_joined(self.node(meaning, equals, value) for value in values))

    def _equal(self, meaning: Meaning, sign: Piece, value: Piece) -> Node:
        kind, text, _ = value
        if kind == "empty" or (kind == TEXT and not text):
            return _empty(meaning.field)
        return self._read(meaning, meaning.operators.get("="), sign, value)

    def _read(self, meaning: Meaning, operator: Operator | None, sign: Piece, value: Piece) -> Node:
        if operator is None or meaning.read is None:
            raise self._refused(meaning.field, sign)
        if value[0] == "empty":
            raise self._fault("expected value", value)
        return meaning.read(self, meaning.field, operator, value)

    def _refused(self, field: DigiField, sign: Piece) -> BadQuery:
        reason = f"operator '{sign[1]}' cannot be used on {field.type.value} field '{field.name}'"
        if field.type is DigiType.DEVICE_TIME:
            reason = f"timestamp comparisons are not supported for field '{field.name}'"
        return self._fault(reason, sign)

    def text(self, field: DigiField, operator: Operator, value: Piece) -> Node:
        """Compare text, of a field or of any tag."""
        return Compare(field.name, operator, self._wanted_text(field, value), fold=True)

    def group(self, field: DigiField, operator: Operator, value: Piece) -> Node:
        """Compare a group's path."""
        wanted = self._wanted_text(field, value)
        if operator is Operator.EQUAL:
            path = wanted.strip("/")
            return Compare("group", operator, path, fold=True) if path else _empty(field)
        if operator is Operator.STARTS_WITH:
            wanted = wanted.removeprefix("/")
        return Compare(_GROUP_SIDES[operator], operator, wanted, fold=True)

    def choice(self, field: DigiField, operator: Operator, value: Piece) -> Node:
        """Compare a value of a list; a status may be told in the words of any dialect."""
        word = value[1].lower()
        if value[0] == TEXT and word in field.choices:
            return Compare(field.name, operator, word)
        if value[0] == TEXT and field.name == "status" and word in OTHER_WORDS:
            return In(STATE, tuple(sorted(state.value for state in OTHER_WORDS[word])))
        raise self._invalid(field, value, f"allowed: {', '.join(field.choices)}")

    def number(self, field: DigiField, operator: Operator, value: Piece) -> Node:
        """Compare a number, which may stand in quotes."""
        kind, text, _ = value
        if kind != NUMBER and not (kind == TEXT and _QUOTED_NUMBER.fullmatch(text)):
            raise self._invalid(field, value, "expected a number")
        known = value_of(_NUMBERS[field.name], _number(text), operator)
        return NOTHING if known is None else Compare(field.name, operator, known)

    def moment(self, field: DigiField, operator: Operator, value: Piece) -> Node:
        """Compare a moment with one counted from now, or with an ISO 8601 text."""
        kind, text, _ = value
        if kind == TIME:
            return Compare(field.name, operator, Instant(self._now_ms + _span_ms(text)))
        if kind != TEXT:
            expected = "expected a time such as -1h or '2026-01-31T00:00:00Z'"
            raise self._invalid(field, value, expected)
        try:
            return Compare(field.name, operator, Instant(to_ms(text)))
        except Invalid:
            raise self._invalid(field, value, "expected an ISO 8601 time") from None

    def member(self, field: DigiField, operator: Operator, value: Piece) -> Node:
        """Compare a member of a document with a value of the type in which it is written."""
        kind, text, _ = value
        if kind == TEXT:
            return self.text(field, operator, value)
        if operator in COMPARING.values():
            raise self._invalid(field, value, "expected text in quotes")
        if kind == NUMBER:
            known = value_of(_ANY_NUMBER, _number(text), operator)
            return NOTHING if known is None else Compare(field.name, operator, known)
        if kind in ("true", "false") and operator is Operator.EQUAL:
            return Compare(field.name, operator, kind == "true")
        raise self._invalid(field, value, "expected text, a number, true or false")

    def _wanted_text(self, field: DigiField, value: Piece) -> str:
        if value[0] != TEXT:
            raise self._invalid(field, value, "expected text in quotes")
        try:
            return checked_text(value[1])
        except Invalid as error:
            raise self._invalid(field, value, error.message) from None

    def _invalid(self, field: DigiField, value: Piece, expected: str) -> BadQuery:
        shown = value[1][:_SHOWN]
        reason = f"invalid value '{shown}' for field '{field.name}' ({expected})"
        return self._fault(reason, value)

    def _fault(self, reason: str, at: Piece) -> BadQuery:
        return BadQuery(self._query, reason, at[2])


def meaning_of(name: str) -> Meaning | None:
    """Return what a name in a query stands for, in any case; None when there is nothing."""
    known = _MEANINGS.get(name)
    if known is not None:
        return known
    field = field_named(name) or path_named(name)
    if field is None:
        return None
    return _MEANINGS.get(field.name) or _meaning(field)


def _empty(field: DigiField) -> Node:
    """Return the test that a field is unset; empty text counts as unset."""
    missing = Missing(field.name)
    if field.type in (DigiType.TEXT, DigiType.GROUP, DigiType.PATH):
        return any_of([missing, Compare(field.name, Operator.EQUAL, "")])
    return missing


def _joined(nodes: Iterable[Node]) -> list[Node]:
    """Return alternatives, those that hold one field against values of one type as one."""
    kept: list[Node] = []
    lists: dict[tuple[str, type, bool], list[Compare]] = {}
    for node in nodes:
        if isinstance(node, Compare):
            lists.setdefault((node.field, type(node.value), node.fold), []).append(node)
        else:
            kept.append(node)
    for (field, _, fold), same in lists.items():
        values = tuple(dict.fromkeys(each.value for each in same))
        kept.append(same[0] if len(values) == 1 else In(field, values, fold))
    return kept


def _span_ms(text: str) -> int:
    """Return the milliseconds of a relative time, at most so many that a sum can be stored."""
    unit = _UNIT_MS[text[-1].lower()]
    ms = float(text[:-1]) * unit
    return int(max(-_FARTHEST_MS, min(ms, _FARTHEST_MS)))


def _number(text: str) -> float:
    lowered = text.lower()
    if "0x" in lowered:
        return int(lowered, 16)
    # Python refuses to read very long numbers as integers; past 400 digits a double is infinite.
    return float(text) if "." in text or len(text) > _LONGEST_INTEGER else int(text)


_READERS: Final[Mapping[DigiType, Reader]] = {
    DigiType.TEXT: Conditions.text,
    DigiType.TAG: Conditions.text,
    DigiType.GROUP: Conditions.group,
    DigiType.ENUMERATED: Conditions.choice,
    DigiType.NUMERIC: Conditions.number,
    DigiType.JOB_TIME: Conditions.moment,
    DigiType.PATH: Conditions.member,
}


def _meaning(field: DigiField) -> Meaning:
    refused = _REFUSED[field.type]
    operators = {
        word: operator for word, operator in {**_SIGNS, **COMPARING}.items() if word not in refused
    }
    return Meaning(field, operators, _READERS.get(field.type))


_MEANINGS: Final = {name: _meaning(field) for name, field in FIELDS.items()}
_ANY_NUMBER: Final = Field("number", FieldType.NUMBER)
_NUMBERS: Final = {
    name: Field(name, FieldType.INTEGER if field.whole else FieldType.NUMBER)
    for name, field in FIELDS.items()
}
