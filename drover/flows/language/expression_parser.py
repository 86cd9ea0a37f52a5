"""From the source of an expression to its tree.

Loosest first: ``||``, ``&&``, equality, relations, shifts, sums, products, signs, ``^``. All
group from the left but ``^``, which groups from the right and binds tighter than a sign.
Losant-compatible behaviour, section 4.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from math import e, pi
from typing import TYPE_CHECKING, Final, TypeAlias

from drover.flows.language.errors import LanguageError
from drover.flows.language.limits import MAX_DEPTH, MAX_SOURCE
from drover.flows.language.numbers import plain
from drover.flows.language.syntax import TagReader, Term
from drover.flows.language.values import UNDEFINED, Value

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Constant:
    """A value written in the expression."""

    value: Value


@dataclass(frozen=True, slots=True)
class Mention:
    """A ``{{ }}``: a value from the payload."""

    term: Term
    counted: bool
    """Reading it counts as work, as it does where there may be many."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quoted text with references in it."""

    parts: tuple[str | Mention, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """Operands joined by operators of one precedence, from the left."""

    first: Node
    rest: tuple[tuple[str, Node], ...]
    depth: int


@dataclass(frozen=True, slots=True)
class Prefixed:
    """An operator before its operand."""

    operator: str
    operand: Node
    depth: int


@dataclass(frozen=True, slots=True)
class Applied:
    """A function and its arguments."""

    name: str
    arguments: tuple[Node, ...]
    position: int
    depth: int


Node: TypeAlias = Constant | Mention | Quoted | Chain | Prefixed | Applied


def depth_of(node: Node) -> int:
    """Return how many operators and calls stand inside one another in ``node``."""
    return node.depth if isinstance(node, Chain | Prefixed | Applied) else 0


_SPACE: Final = re.compile(r"\s*")
_NUMBER: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NAME: Final = re.compile(r"[A-Za-z_$][\w$]*")
_PLAIN_TEXT: Final = re.compile(r"(?:[^\\'\"{]|\{(?!\{))+")
_OPERATORS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"\|\|",
        r"&&",
        r"[=!]==?",
        r"<=|>=|<(?!<)|>(?!>)",
        r"<<|>>(?!>)",
        r"[+-]",
        r"[*/%]",
    )
)
_POWER: Final = re.compile(r"\^")
_COMMA: Final = re.compile(",")
_PREFIX: Final = re.compile(r"[!+-]|typeof(?![\w$])")
_REFERENCE: Final = re.compile(r"\{\{(?:~?\{|~?&|~?)(?![#^/!>*{])")
_CONSTANTS: Final = {
    "true": True,
    "false": False,
    "null": None,
    "undefined": UNDEFINED,
    "E": e,
    "PI": pi,
}
_ESCAPES: Final = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": "",
}  # fmt: skip
_CODE_POINT: Final = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,5})\})"
)
_SHORT: Final = 500
"""Characters of an expression that is too short to do much work."""
_OPERAND: Final = "a value, {{path}} or function"


def parse_expression(source: str, *, counted: bool = False) -> Node:
    """Parse an expression; an empty one is undefined. Raises LanguageError.

    Reading values counts as work in a long one, and in any where ``counted`` says so.
    """
    if len(source) > MAX_SOURCE:
        raise LanguageError(
            "The expression is too long", MAX_SOURCE, f"at most {MAX_SOURCE} characters"
        )
    return _Parser(source, counted=counted or len(source) > _SHORT).whole()


class _Parser:
    def __init__(self, source: str, *, counted: bool) -> None:
        self._source = source
        self._counted = counted
        self._position = 0
        self._depth = 0

    def whole(self) -> Node:
        self._skip_space()
        if self._position == len(self._source):
            return Constant(UNDEFINED)
        node = self._binary(0)
        self._skip_space()
        if self._position < len(self._source):
            raise self._fail("Unexpected character in expression", "an operator or the end")
        return node

    def _skip_space(self) -> None:
        match = _SPACE.match(self._source, self._position)
        self._position = match.end() if match else self._position

    def _fail(self, message: str, expected: str) -> LanguageError:
        return LanguageError(message, self._position, expected)

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        self._skip_space()
        match = pattern.match(self._source, self._position)
        if not match:
            return None
        self._position = match.end()
        return match[0]

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        if self._depth == MAX_DEPTH:
            raise self._too_deep()
        self._depth += 1
        yield
        self._depth -= 1

    def _too_deep(self) -> LanguageError:
        return self._fail("The expression is nested too deeply", f"at most {MAX_DEPTH} levels")

    def _depth_above(self, *nodes: Node) -> int:
        """Return the depth of a node that holds ``nodes``."""
        depth = 1 + max((depth_of(node) for node in nodes), default=0)
        if depth > MAX_DEPTH:
            raise self._too_deep()
        return depth

    def _binary(self, loosest: int) -> Node:
        """Read operands joined by operators of the precedence ``loosest`` or tighter ones."""
        node = self._prefixed()
        while (level := self._next_level()) >= loosest:
            node = self._chain(node, level)
        return node

    def _next_level(self) -> int:
        """Return the precedence of the operator that comes next, -1 if none does."""
        self._skip_space()
        for level, pattern in enumerate(_OPERATORS):
            if pattern.match(self._source, self._position):
                return level
        return -1

    def _chain(self, first: Node, level: int) -> Node:
        rest: list[tuple[str, Node]] = []
        while operator := self._take(_OPERATORS[level]):
            with self._deeper():
                rest.append((operator, self._binary(level + 1)))
        depth = self._depth_above(first, *(operand for _, operand in rest))
        return Chain(first, tuple(rest), depth)

    def _prefixed(self) -> Node:
        operator = self._take(_PREFIX)
        if operator is None:
            return self._power()
        with self._deeper():
            operand = self._prefixed()
        return Prefixed(operator, operand, self._depth_above(operand))

    def _power(self) -> Node:
        base = self._operand()
        if self._take(_POWER) is None:
            return base
        with self._deeper():
            exponent = self._prefixed()
        return Chain(base, (("^", exponent),), self._depth_above(base, exponent))

    def _operand(self) -> Node:
        self._skip_space()
        next_two = self._source[self._position : self._position + 2]
        if next_two == "{{":
            return self._mention()
        if next_two[:1] == "(":
            return self._parenthesised()
        if next_two[:1] in {"'", '"'}:
            return self._quoted()
        if number := self._take(_NUMBER):
            return Constant(plain(float(number)))
        return self._named()

    def _parenthesised(self) -> Node:
        self._position += 1
        with self._deeper():
            node = self._binary(0)
        self._expect(")")
        return node

    def _expect(self, character: str) -> None:
        self._skip_space()
        if not self._source.startswith(character, self._position):
            raise self._fail("Unexpected end or character in expression", character)
        self._position += 1

    def _named(self) -> Node:
        start = self._position
        name = self._take(_NAME)
        if name is None:
            raise self._fail("An operand is missing", _OPERAND)
        self._skip_space()
        if self._source.startswith("(", self._position):
            arguments = self._arguments()
            return Applied(name, arguments, start, self._depth_above(*arguments))
        if name not in _CONSTANTS:
            raise LanguageError(f"The name {name} means nothing here", start, _OPERAND)
        return Constant(_CONSTANTS[name])

    def _arguments(self) -> tuple[Node, ...]:
        self._position += 1
        self._skip_space()
        if self._source.startswith(")", self._position):
            self._position += 1
            return ()
        with self._deeper():
            arguments = [self._binary(0)]
            while self._take(_COMMA):
                arguments.append(self._binary(0))
        self._expect(")")
        return tuple(arguments)

    def _mention(self) -> Mention:
        start = self._position
        opener = _REFERENCE.match(self._source, start)
        if not opener:
            raise LanguageError("No blocks or comments within an expression", start, "{{path}}")
        reader = TagReader(self._source, opener.end())
        term = reader.term_or_call()
        reader.close(triple=opener[0].endswith("{{{"))
        self._position = reader.position
        return Mention(term, counted=self._counted)

    def _quoted(self) -> Node:
        start, quote = self._position, self._source[self._position]
        self._position += 1
        parts: list[str | Mention] = []
        while not self._source.startswith(quote, self._position):
            if self._position >= len(self._source):
                raise LanguageError("The text is never closed", start, quote)
            parts.append(self._quoted_part())
        self._position += 1
        if any(isinstance(part, Mention) for part in parts):
            return Quoted(tuple(parts))
        return Constant("".join(part for part in parts if isinstance(part, str)))

    def _quoted_part(self) -> str | Mention:
        if self._source.startswith("{{", self._position):
            return self._mention()
        if match := _PLAIN_TEXT.match(self._source, self._position):
            self._position = match.end()
            return match[0]
        if self._source[self._position] == "\\":
            return self._escape()
        self._position += 1
        # The other kind of quote stands for itself.
        return self._source[self._position - 1]

    def _escape(self) -> str:
        if match := _CODE_POINT.match(self._source, self._position):
            self._position = match.end()
            return chr(int(next(filter(None, match.groups())), 16))
        self._position += 2
        escaped = self._source[self._position - 1 : self._position]
        return _ESCAPES.get(escaped, escaped)
