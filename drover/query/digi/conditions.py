"""What one condition means: a field, an operator and an operand as a node of the query tree.

Digi-compatible behaviour, sections 8.2 and 8.3. Every comparison of text ignores case. Against an
unset field all operators are false but ``<>``, which is true.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from drover.model.errors import Invalid
from drover.model.instants import to_ms
from drover.query.digi.faults import BadQuery
from drover.query.digi.fields import (
    FIELDS,
    GROUP_ENDS,
    GROUP_STARTS,
    GROUP_WITHIN,
    DigiField,
    DigiType,
)
from drover.query.digi.scanner import Token, TokenType
from drover.query.fields import Field, FieldType, checked_text, value_of
from drover.query.tree import NOTHING, Compare, Instant, Missing, Node, Operator, any_of, negate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OPERATOR_WORDS: Final = {
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
_TEXTUAL: Final = frozenset(OPERATOR_WORDS.values())
_RELATIONS: Final = frozenset(_SIGNS.values()) - {Operator.EQUAL}
_REFUSED: Final[Mapping[DigiType, frozenset[Operator]]] = {
    DigiType.TEXT: frozenset(),
    DigiType.NUMERIC: _TEXTUAL,
    DigiType.ENUMERATED: _TEXTUAL | _RELATIONS,
    DigiType.GROUP: _RELATIONS,
    DigiType.TAG: _RELATIONS,
    DigiType.JOB_TIME: _TEXTUAL,
    DigiType.DEVICE_TIME: _TEXTUAL | _RELATIONS,
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


class Operand(NamedTuple):
    """What a field is held against: a value, or ``empty``."""

    token: Token
    is_empty: bool


class Condition(NamedTuple):
    """One condition as it was written, at ``position`` in ``query``."""

    query: str
    field: DigiField
    sign: Token
    operand: Operand
    position: int

    def node(self, now_ms: int) -> Node:
        """Return the node it stands for; raises BadQuery."""
        field = self._meant()
        operator = _operator(self.sign)
        node = self._tested(field, operator, now_ms)
        return negate(node) if self.sign.text == "<>" else node

    def _meant(self) -> DigiField:
        """Return the field; ``id`` held against what looks like a device's id is that."""
        token = self.operand.token
        quoted = token.type is TokenType.TEXT and self.field.name == "id"
        like_device = quoted and _DEVICE_ID.fullmatch(token.text)
        return FIELDS["device_id"] if like_device else self.field

    def _tested(self, field: DigiField, operator: Operator, now_ms: int) -> Node:
        equality = operator is Operator.EQUAL
        token = self.operand.token
        says_nothing = token.type is TokenType.TEXT and not token.text
        if equality and (self.operand.is_empty or says_nothing):
            return _empty(field)
        self._check(field, operator)
        if self.operand.is_empty:
            raise self._fault("expected value", token)
        read = _READERS[field.type]
        return read(self, field, operator, now_ms)

    def _check(self, field: DigiField, operator: Operator) -> None:
        if field.type is DigiType.DEVICE_TIME:
            reason = f"timestamp comparisons are not supported for field '{field.name}'"
            raise self._fault(reason, self.sign)
        if operator in _REFUSED[field.type]:
            raise self._fault(
                f"operator '{self.sign.text}' cannot be used on {field.type.value}"
                f" field '{field.name}'",
                self.sign,
            )

    def text(self, field: DigiField, operator: Operator, _now_ms: int) -> Node:
        """Compare text, of a field or of any tag."""
        return Compare(field.name, operator, self._wanted_text(field), fold=True)

    def group(self, _field: DigiField, operator: Operator, _now_ms: int) -> Node:
        """Compare a group's path."""
        wanted = self._wanted_text(FIELDS["group"])
        if operator is Operator.EQUAL:
            path = wanted.strip("/")
            same = Compare("group", operator, path, fold=True)
            return same if path else _empty(FIELDS["group"])
        if operator is Operator.STARTS_WITH:
            wanted = wanted.removeprefix("/")
        return Compare(_GROUP_SIDES[operator], operator, wanted, fold=True)

    def choice(self, field: DigiField, operator: Operator, _now_ms: int) -> Node:
        """Compare a value of a list."""
        token = self.operand.token
        value = token.text.lower()
        if token.type is not TokenType.TEXT or value not in field.choices:
            raise self._invalid(field, f"allowed: {', '.join(field.choices)}")
        return Compare(field.name, operator, value)

    def number(self, field: DigiField, operator: Operator, _now_ms: int) -> Node:
        """Compare a number, which may stand in quotes."""
        token = self.operand.token
        quoted = token.type is TokenType.TEXT and _QUOTED_NUMBER.fullmatch(token.text)
        if token.type is not TokenType.NUMBER and not quoted:
            raise self._invalid(field, "expected a number")
        kind = FieldType.INTEGER if field.whole else FieldType.NUMBER
        value = value_of(Field(field.name, kind), _number(token.text), operator)
        return NOTHING if value is None else Compare(field.name, operator, value)

    def moment(self, field: DigiField, operator: Operator, now_ms: int) -> Node:
        """Compare a moment with one counted from now, or with an ISO 8601 text."""
        token = self.operand.token
        if token.type is TokenType.RELATIVE_TIME:
            return Compare(field.name, operator, Instant(now_ms + _span_ms(token.text)))
        if token.type is not TokenType.TEXT:
            raise self._invalid(field, "expected a time such as -1h or '2026-01-31T00:00:00Z'")
        try:
            return Compare(field.name, operator, Instant(to_ms(token.text)))
        except Invalid:
            raise self._invalid(field, "expected an ISO 8601 time") from None

    def _wanted_text(self, field: DigiField) -> str:
        token = self.operand.token
        if token.type is not TokenType.TEXT:
            raise self._invalid(field, "expected text in quotes")
        try:
            return checked_text(token.text)
        except Invalid as error:
            raise self._invalid(field, error.message) from None

    def _invalid(self, field: DigiField, expected: str) -> BadQuery:
        shown = self.operand.token.text[:_SHOWN]
        reason = f"invalid value '{shown}' for field '{field.name}' ({expected})"
        return self._fault(reason, self.operand.token)

    def _fault(self, reason: str, at: Token) -> BadQuery:
        return BadQuery(self.query, reason, at.position)


def _operator(sign: Token) -> Operator:
    return _SIGNS.get(sign.text) or OPERATOR_WORDS[sign.text.lower()]


def _empty(field: DigiField) -> Node:
    """Return the test that a field is unset; empty text counts as unset."""
    missing = Missing(field.name)
    if field.type in (DigiType.TEXT, DigiType.GROUP):
        return any_of([missing, Compare(field.name, Operator.EQUAL, "")])
    return missing


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


_READERS: Final[Mapping[DigiType, Callable[[Condition, DigiField, Operator, int], Node]]] = {
    DigiType.TEXT: Condition.text,
    DigiType.TAG: Condition.text,
    DigiType.GROUP: Condition.group,
    DigiType.ENUMERATED: Condition.choice,
    DigiType.NUMERIC: Condition.number,
    DigiType.JOB_TIME: Condition.moment,
}
