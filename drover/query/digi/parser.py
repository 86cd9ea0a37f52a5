"""A recursive-descent parser of the inventory's query language.

Grammar, precedence and limits: Digi-compatible behaviour, section 8.1, and beyond it ``in`` with a
list of values and dotted paths (decision 0013). The result is the one query tree, see
``drover.query.tree``; what a condition becomes is in ``drover.query.digi.conditions``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from drover.query.digi import scanner
from drover.query.digi.conditions import COMPARING, Conditions, Meaning, meaning_of
from drover.query.digi.faults import BadQuery, check_length
from drover.query.digi.scanner import Scanned
from drover.query.tree import all_of, any_of, negate

if TYPE_CHECKING:
    from drover.query.digi.scanner import Piece
    from drover.query.tree import Node

MAX_CONDITIONS: Final = 200
"""How many conditions one query may have; each value of a list counts as one."""

MAX_DEPTH: Final = 64
"""How deep parentheses may nest."""

MOST_KEPT: Final = 512
"""Trees that are kept for when the same query comes again."""

_RELATIVE: Final = re.compile("[0-9][smhdw]", re.IGNORECASE)
_VALUES: Final = frozenset({scanner.TEXT, scanner.NUMBER, scanner.TIME})
_VALUE_WORDS: Final = frozenset({"empty", "true", "false"})
_SHOWN: Final = 64


def parse(query: str, now_ms: int) -> Node:
    """Return the tree of a query; ``now_ms`` is what relative times count from.

    Raises BadQuery for what cannot be understood, blank text too, and QueryTooLong.
    """
    check_length(query)
    if _RELATIVE.search(query):
        return _Parser(query, now_ms).parse()
    return _parsed(query)


@lru_cache(maxsize=MOST_KEPT)
def _parsed(query: str) -> Node:
    """Return the tree of a query that means the same at any time: each page asks it again."""
    return _Parser(query, 0).parse()


class _Parser:
    """Reads one query."""

    def __init__(self, query: str, now_ms: int) -> None:
        self._query = query
        self._pieces = Scanned(query)
        self._conditions = Conditions(query, now_ms)
        self._count = 0

    def parse(self) -> Node:
        """Return the tree of the whole query."""
        node = self._either(0)
        if self._pieces.kind != scanner.END:
            raise self._fault("unexpected text")
        return node

    def _either(self, depth: int) -> Node:
        node = self._both(depth)
        if self._pieces.kind != scanner.OR:
            return node
        parts = [node]
        while self._pieces.kind == scanner.OR:
            self._pieces.advance()
            parts.append(self._both(depth))
        return any_of(parts)

    def _both(self, depth: int) -> Node:
        node = self._unary(depth)
        if self._pieces.kind != scanner.AND:
            return node
        parts = [node]
        while self._pieces.kind == scanner.AND:
            self._pieces.advance()
            parts.append(self._unary(depth))
        return all_of(parts)

    def _unary(self, depth: int) -> Node:
        negated = False
        while self._pieces.kind == scanner.NOT:
            self._pieces.advance()
            negated = not negated
        node = self._group(depth) if self._pieces.kind == scanner.OPEN else self._condition()
        return negate(node) if negated else node

    def _group(self, depth: int) -> Node:
        if depth >= MAX_DEPTH:
            raise self._fault("query too deep")
        self._pieces.advance()
        node = self._either(depth + 1)
        self._close()
        return node

    def _condition(self) -> Node:
        self._counted()
        if self._pieces.kind != scanner.CONDITION:
            return self._condition_in_pieces()
        field, sign, value = self._pieces.condition()
        meaning = self._meaning(field)
        self._pieces.advance()
        return self._conditions.node(meaning, sign, value)

    def _condition_in_pieces(self) -> Node:
        field = self._pieces.piece()
        if field[0] != scanner.WORD:
            raise self._fault("expected field name")
        meaning = self._meaning(field)
        self._pieces.advance()
        sign = self._pieces.piece()
        word = sign[1].lower()
        if sign[0] == scanner.WORD and word == "in":
            self._pieces.advance()
            return self._conditions.among(meaning, sign, self._values())
        if sign[0] != scanner.SIGN and not (sign[0] == scanner.WORD and word in COMPARING):
            raise self._fault("expected operator")
        self._pieces.advance()
        return self._conditions.node(meaning, sign, self._operand())

    def _meaning(self, field: Piece) -> Meaning:
        _, name, position = field
        meaning = meaning_of(name)
        if meaning is None:
            raise BadQuery(self._query, f"unknown field '{name[:_SHOWN]}'", position)
        return meaning

    def _operand(self) -> Piece:
        kind, text, position = self._pieces.piece()
        if kind == scanner.WORD and text.lower() in _VALUE_WORDS:
            kind, text = text.lower(), text.lower()
        elif kind not in _VALUES:
            raise self._fault("expected value")
        self._pieces.advance()
        return kind, text, position

    def _values(self) -> list[Piece]:
        """Return the values of a list in parentheses."""
        if self._pieces.kind != scanner.OPEN:
            raise self._fault("expected (")
        self._pieces.advance()
        found = [self._operand()]
        while self._pieces.kind == scanner.COMMA:
            self._pieces.advance()
            self._counted()
            found.append(self._operand())
        self._close()
        return found

    def _counted(self) -> None:
        self._count += 1
        if self._count > MAX_CONDITIONS:
            raise self._fault("query too long")

    def _close(self) -> None:
        if self._pieces.kind != scanner.CLOSE:
            raise self._fault("missing )")
        self._pieces.advance()

    def _fault(self, reason: str) -> BadQuery:
        return BadQuery(self._query, reason, self._pieces.position)
