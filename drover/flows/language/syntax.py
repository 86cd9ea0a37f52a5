"""The parts of a parsed template and the reader of what stands between double braces."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from drover.flows.language.errors import LanguageError
from drover.flows.language.limits import MAX_NESTING
from drover.flows.language.numbers import plain
from drover.flows.language.paths import Step, bracketed
from drover.flows.language.values import UNDEFINED, Value


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, boolean, null or undefined written in the template."""

    value: Value
    source: str
    position: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A path from the context, from ``up`` contexts above it, or (``data``) after an ``@``."""

    steps: tuple[Step, ...]
    up: int
    data: bool
    scoped: bool
    """Written with ``this``, ``./`` or ``../``: never a block parameter or helper."""
    position: int

    @property
    def name(self) -> str | None:
        """The single plain word that this is, if it is one: what a helper could be called."""
        if len(self.steps) != 1 or self.up or self.data or self.scoped:
            return None
        step = self.steps[0]
        return step if isinstance(step, str) else None


@dataclass(frozen=True, slots=True)
class Call:
    """A helper with its arguments by place and by name."""

    name: str
    arguments: tuple[Term, ...]
    named: tuple[tuple[str, Term], ...]
    position: int


Term: TypeAlias = Literal | Reference | Call


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that stand for themselves."""

    text: str


@dataclass(frozen=True, slots=True)
class Print:
    """A tag that prints a value."""

    term: Term
    escaped: bool


@dataclass(frozen=True, slots=True)
class Head:
    """What opens a block or an ``else`` part: a block's name, arguments and parameters."""

    call: Call
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """One part of a block and what decides whether it is taken."""

    head: Head
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A block: branches tried in order, and the part taken when none of them is."""

    branches: tuple[Branch, ...]
    otherwise: tuple[Statement, ...]


Statement: TypeAlias = Text | Print | Block

_SPACE: Final = re.compile(r"\s*")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?=[=~}\s/)|]|$)")
_STRING: Final = re.compile(r'"((?:[^"\\]|\\"|\\(?!"))*)"|' + r"'((?:[^'\\]|\\'|\\(?!'))*)'")
_WORD: Final = re.compile(r"[^\s!\"#%&'()*+,./;<=>@\[\\\]^`{|}~]+")
_BRACKETS: Final = re.compile(r"\[([^\]]*)\]")
_PARAMETERS: Final = re.compile(r"as\s+\|([^|]*)\|")
_CLOSE: Final = {True: re.compile(r"\}(~?)\}\}"), False: re.compile(r"(~?)\}\}")}

_KEYWORDS: Final = {"true": True, "false": False, "null": None, "undefined": UNDEFINED}
_TERM_WANTED: Final = "a path, text, number or (helper ...)"


class TagReader:
    """Reads terms from ``source``, from ``position`` on; errors tell the exact place."""

    def __init__(self, source: str, position: int) -> None:
        self.source = source
        self.position = position

    def skip_space(self) -> None:
        """Go on to the next character that is not white space."""
        match = _SPACE.match(self.source, self.position)
        self.position = match.end() if match else self.position

    def peek(self, text: str) -> bool:
        """Whether ``text`` comes next."""
        return self.source.startswith(text, self.position)

    def fail(self, message: str, expected: str = "") -> LanguageError:
        """Return an error at the current place."""
        return LanguageError(message, self.position, expected)

    def close(self, *, triple: bool) -> bool:
        """Read the end of a tag and return whether it trims the space after it."""
        self.skip_space()
        match = _CLOSE[triple].match(self.source, self.position)
        if not match:
            at_end = self.position >= len(self.source)
            message = "The tag is never closed" if at_end else "Unexpected character in tag"
            raise self.fail(message, "}}}" if triple else "}}")
        self.position = match.end()
        return bool(match[1])

    def term_or_call(self, depth: int = 0) -> Term:
        """Read a term; a plain word followed by arguments is a helper call."""
        first = self.term(depth)
        if not isinstance(first, Reference) or first.name is None:
            return first
        arguments, named = self.arguments(depth)
        if not arguments and not named:
            return first
        return Call(first.name, arguments, named, first.position)

    def call(self, depth: int) -> Call:
        """Read a helper's name and its arguments, of which there may be none."""
        self.skip_space()
        first = self.term(depth)
        if not isinstance(first, Reference) or first.name is None:
            raise LanguageError("A helper name is missing", first.position, "a helper name")
        arguments, named = self.arguments(depth)
        return Call(first.name, arguments, named, first.position)

    def arguments(self, depth: int) -> tuple[tuple[Term, ...], tuple[tuple[str, Term], ...]]:
        """Read arguments by place, then by name, up to the end of the tag or call."""
        by_place: list[Term] = []
        by_name: list[tuple[str, Term]] = []
        while not self._at_end():
            name = self._argument_name()
            if name is not None:
                by_name.append((name, self.term(depth)))
            elif by_name:
                raise self.fail("An argument follows a named one", "name=value")
            else:
                by_place.append(self.term(depth))
        return tuple(by_place), tuple(by_name)

    def parameters(self) -> tuple[str, ...]:
        """Read block parameters, ``as |item index|``, if they come next."""
        self.skip_space()
        match = _PARAMETERS.match(self.source, self.position)
        if not match:
            return ()
        self.position = match.end()
        return tuple(match[1].split())

    def term(self, depth: int) -> Term:
        """Read one literal, path or call in parentheses."""
        self.skip_space()
        start = self.position
        if self.peek("("):
            return self._subexpression(depth + 1)
        if match := _STRING.match(self.source, start):
            self.position = match.end()
            return Literal(_unquote(match), _unquote(match), start)
        if match := _NUMBER.match(self.source, start):
            self.position = match.end()
            return Literal(plain(float(match[0])), match[0], start)
        return self._reference(start)

    def _at_end(self) -> bool:
        self.skip_space()
        if self.position >= len(self.source):
            return True
        return self.source[self.position] in "})~" or bool(
            _PARAMETERS.match(self.source, self.position)
        )

    def _argument_name(self) -> str | None:
        match = _WORD.match(self.source, self.position)
        if not match:
            return None
        start, self.position = self.position, match.end()
        self.skip_space()
        if self.peek("="):
            self.position += 1
            return match[0]
        self.position = start
        return None

    def _subexpression(self, depth: int) -> Call:
        if depth > MAX_NESTING:
            raise self.fail("Helpers are nested too deeply", f"at most {MAX_NESTING} levels")
        self.position += 1
        call = self.call(depth)
        self.skip_space()
        if not self.peek(")"):
            raise self.fail("The parenthesis is never closed", ")")
        self.position += 1
        return call

    def _reference(self, start: int) -> Term:
        data = self.peek("@")
        self.position += data
        up, scoped = self._climb()
        first = self.position
        steps: list[Step] = [] if scoped and self._path_ends() else self._steps()
        word = self.source[start : self.position]
        if word in _KEYWORDS:
            return Literal(_KEYWORDS[word], word, start)
        if not data and steps and steps[0] == "this" and self.source[first] != "[":
            del steps[0]
            scoped = True
        return Reference(tuple(steps), up, data, scoped, start)

    def _climb(self) -> tuple[int, bool]:
        """Read ``../`` and ``./``; return how often to go up and whether any was there."""
        up, scoped = 0, False
        while self.peek(".."):
            up, scoped = up + 1, True
            self.position += 2
            if not self.peek("/"):
                return up, scoped
            self.position += 1
        if self.peek("."):
            self.position += 1
            self.position += self.peek("/")
            scoped = True
        return up, scoped

    def _path_ends(self) -> bool:
        return not (_WORD.match(self.source, self.position) or self.peek("["))

    def _steps(self) -> list[Step]:
        steps = [self._step()]
        while self.peek(".") or self.peek("/"):
            self.position += 1
            steps.append(self._step())
        return steps

    def _step(self) -> Step:
        if match := _BRACKETS.match(self.source, self.position):
            self.position = match.end()
            return bracketed(match[1])
        if match := _WORD.match(self.source, self.position):
            self.position = match.end()
            return match[0]
        at_end = self.position >= len(self.source)
        raise self.fail(
            "The tag is never closed" if at_end else "Unexpected character in tag", _TERM_WANTED
        )


def _unquote(match: re.Match[str]) -> str:
    double, single = match.groups()
    return double.replace('\\"', '"') if single is None else single.replace("\\'", "'")
