"""Where a value is looked up while a text is rendered, and what has been spent so far."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from drover.flows.language.errors import RenderLimit
from drover.flows.language.limits import MAX_OUTPUT, MAX_WORK
from drover.flows.language.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

Turn: TypeAlias = tuple[int, Value, bool, bool, "Turn | None"]
"""One turn of an ``each`` block: index, key, first, last, and the turn around it."""


_NO_PARAMETERS: Final[Mapping[str, Value]] = MappingProxyType({})


class Scope:
    """A context (``this``) with the scopes around it."""

    __slots__ = ("nested", "parameters", "this", "turn", "up", "work")

    def __init__(
        self,
        this: Value,
        up: Scope | None = None,
        turn: Turn | None = None,
        parameters: Mapping[str, Value] = _NO_PARAMETERS,
    ) -> None:
        self.this = this
        self.up = up
        self.turn = turn
        self.parameters = parameters
        self.nested = False
        """Set at the root while a text taken from the payload is rendered."""
        self.work = 0
        """Units of work spent so far, kept at the root."""

    def root(self) -> Scope:
        """Return the outermost scope, whose context is the payload."""
        scope = self
        while scope.up is not None:
            scope = scope.up
        return scope

    def charge(self, units: int) -> None:
        """Count work. Raises RenderLimit when the rendering has had too much of it."""
        root = self.root()
        root.work += units
        if root.work > MAX_WORK:
            raise RenderLimit("The template does too much work")


def weight(value: Value) -> int:
    """Return how much work it is to read a text or collection once, 0 for other values."""
    kind = value.__class__
    if kind is list:
        return len(value) + sum([weight(element) for element in value if element.__class__ is list])
    return len(value) if kind is str or kind is dict else 0


class Output:
    """The text printed so far; refuses to grow beyond the limit."""

    __slots__ = ("_left", "_parts")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._left = MAX_OUTPUT

    def write(self, text: str) -> None:
        """Add text. Raises RenderLimit when that would be too much."""
        self._left -= len(text)
        if self._left < 0:
            raise output_limit()
        self._parts.append(text)

    def text(self) -> str:
        """Return everything written."""
        return "".join(self._parts)


def output_limit() -> RenderLimit:
    """Return the error for a rendering that printed too much."""
    return RenderLimit(f"The rendered text is longer than {MAX_OUTPUT} characters")
