"""What can go wrong in the payload language.

ValueError
  LanguageError         a text that does not parse: found when a flow is saved
Exception
  PathError             a write that the payload's shape forbids
  RenderLimit           a run that would print or compute too much
  InvalidJsonTemplate   a JSON template that rendered to something else
"""

from __future__ import annotations


class LanguageError(ValueError):
    """A path, template or expression that does not parse."""

    def __init__(self, message: str, position: int, expected: str = "") -> None:
        """Keep what is wrong, the 0-based character it starts at and what would fit there."""
        super().__init__(message, position, expected)
        self.message = message
        self.position = position
        self.expected = expected

    def __str__(self) -> str:
        hint = f", expected {self.expected}" if self.expected else ""
        return f"{self.message} at position {self.position}{hint}"


class PathError(Exception):
    """A payload path cannot be written, for instance an array index above the limit."""


class RenderLimit(Exception):
    """A rendering or evaluation passed a limit of output, work or nesting."""


class InvalidJsonTemplate(Exception):
    """A JSON template rendered to text that is not JSON."""

    def __init__(self, reason: str, line: int, column: int, rendered: str) -> None:
        """Keep the parser's complaint, its 1-based place and the start of the rendered text."""
        self.reason = reason
        self.line = line
        self.column = column
        self.excerpt = rendered[:200]
        super().__init__(
            f"Invalid JSON template: {reason} at line {line} column {column} of: {self.excerpt}"
        )
