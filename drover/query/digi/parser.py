"""A recursive-descent parser of the inventory's query language.

Grammar, precedence and limits: Digi-compatible behaviour, section 8.1. The result is the one
query tree, see ``drover.query.tree``; what a condition becomes is in ``drover.query.digi.
conditions``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.query.digi.conditions import OPERATOR_WORDS, Condition, Operand
from drover.query.digi.faults import BadQuery, check_length
from drover.query.digi.fields import field_named
from drover.query.digi.scanner import Token, TokenType, tokens
from drover.query.tree import Node, all_of, any_of, negate

if TYPE_CHECKING:
    from drover.query.digi.fields import DigiField

MAX_CONDITIONS: Final = 200
"""How many conditions one query may have."""

MAX_DEPTH: Final = 64
"""How deep parentheses may nest."""

_KEYWORDS: Final = frozenset({"and", "or", "not"})
_VALUES: Final = frozenset({TokenType.TEXT, TokenType.NUMBER, TokenType.RELATIVE_TIME})
_SHOWN: Final = 64


def parse(query: str, now_ms: int) -> Node:
    """Return the tree of a query; ``now_ms`` is what relative times count from.

    Raises BadQuery for what cannot be understood, blank text too, and QueryTooLong.
    """
    check_length(query)
    return _Parser(query, now_ms).parse()


class _Parser:
    """Reads one query."""

    def __init__(self, query: str, now_ms: int) -> None:
        self._query = query
        self._now_ms = now_ms
        self._tokens = tokens(query)
        self._token = next(self._tokens)
        self._conditions = 0

    def parse(self) -> Node:
        """Return the tree of the whole query."""
        node = self._either(0)
        if self._token.type is not TokenType.END:
            raise self._fault("unexpected text")
        return node

    def _either(self, depth: int) -> Node:
        parts = [self._both(depth)]
        while self._took("or"):
            parts.append(self._both(depth))
        return any_of(parts)

    def _both(self, depth: int) -> Node:
        parts = [self._unary(depth)]
        while self._took("and"):
            parts.append(self._unary(depth))
        return all_of(parts)

    def _unary(self, depth: int) -> Node:
        negated = False
        while self._took("not"):
            negated = not negated
        node = self._group(depth) if self._token.type is TokenType.OPEN else self._condition()
        return negate(node) if negated else node

    def _group(self, depth: int) -> Node:
        if depth >= MAX_DEPTH:
            raise self._fault("query too deep")
        self._advance()
        node = self._either(depth + 1)
        if self._token.type is not TokenType.CLOSE:
            raise self._fault("missing )")
        self._advance()
        return node

    def _condition(self) -> Node:
        at = self._token
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise self._fault("query too long")
        field = self._field()
        operator = self._operator()
        operand = self._operand()
        condition = Condition(self._query, field, operator, operand, at.position)
        return condition.node(self._now_ms)

    def _field(self) -> DigiField:
        token = self._token
        if token.type is not TokenType.WORD or token.text.lower() in _KEYWORDS:
            raise self._fault("expected field name")
        field = field_named(token.text)
        if field is None:
            raise self._fault(f"unknown field '{token.text[:_SHOWN]}'")
        self._advance()
        return field

    def _operator(self) -> Token:
        token = self._token
        word = token.type is TokenType.WORD and token.text.lower() in OPERATOR_WORDS
        if token.type is not TokenType.SIGN and not word:
            raise self._fault("expected operator")
        self._advance()
        return token

    def _operand(self) -> Operand:
        token = self._token
        word = token.text.lower() if token.type is TokenType.WORD else ""
        if token.type not in _VALUES and word not in ("empty", "true", "false"):
            raise self._fault("expected value")
        self._advance()
        return Operand(token, is_empty=word == "empty")

    def _took(self, word: str) -> bool:
        """Tell whether the next token is this word, and if so go on."""
        if self._token.type is not TokenType.WORD or self._token.text.lower() != word:
            return False
        self._advance()
        return True

    def _advance(self) -> None:
        self._token = next(self._tokens)

    def _fault(self, reason: str) -> BadQuery:
        return BadQuery(self._query, reason, self._token.position)
