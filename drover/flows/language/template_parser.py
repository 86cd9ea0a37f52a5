"""From the tags of a template to the tree of its blocks."""

from __future__ import annotations

from dataclasses import dataclass, field

from drover.flows.language.errors import LanguageError
from drover.flows.language.limits import MAX_NESTING, MAX_SOURCE
from drover.flows.language.syntax import Block, Branch, Head, Print, Statement, Term, Text
from drover.flows.language.template_scanner import Piece, Tag, TagKind, scan


@dataclass(slots=True)
class _OpenBlock:
    """A block whose end has not come yet."""

    name: str
    position: int
    heads: list[Head]
    bodies: list[list[Statement]] = field(default_factory=lambda: [[]])

    @property
    def in_last_part(self) -> bool:
        return len(self.bodies) > len(self.heads)

    def finished(self) -> Block:
        branches = zip(self.heads, self.bodies, strict=False)
        return Block(
            tuple(Branch(head, tuple(body)) for head, body in branches),
            tuple(self.bodies[-1]) if self.in_last_part else (),
        )


def parse_template(source: str, most: int = MAX_SOURCE) -> tuple[Statement, ...]:
    """Parse a template of at most so many characters.

    Raises LanguageError with the position of what does not fit.
    """
    builder = _Builder()
    for token in scan(source, most):
        if isinstance(token, Piece):
            builder.add(Text(token.text))
        else:
            builder.tag(token)
    return builder.finished()


class _Builder:
    def __init__(self) -> None:
        self._open: list[_OpenBlock] = []
        self._statements: list[Statement] = []

    def add(self, statement: Statement) -> None:
        target = self._open[-1].bodies[-1] if self._open else self._statements
        target.append(statement)

    def finished(self) -> tuple[Statement, ...]:
        if self._open:
            block = self._open[-1]
            message = f"The block {block.name} is never closed"
            raise LanguageError(message, block.position, f"{{{{/{block.name}}}}}")
        return tuple(self._statements)

    def tag(self, tag: Tag) -> None:
        content = tag.content
        if isinstance(content, Head):
            self._begin(tag, content)
        elif tag.kind is TagKind.CLOSE:
            self._close(tag)
        elif tag.kind is TagKind.ELSE:
            self._current(tag).bodies.append([])
        elif isinstance(content, Term):
            self.add(Print(content, escaped=tag.kind is TagKind.PRINT))

    def _begin(self, tag: Tag, head: Head) -> None:
        if tag.kind is TagKind.ELSE_OPEN:
            block = self._current(tag)
            block.heads.append(head)
            block.bodies.append([])
            return
        if len(self._open) == MAX_NESTING:
            raise LanguageError(
                "Blocks are nested too deeply", tag.position, f"at most {MAX_NESTING} levels"
            )
        self._open.append(_OpenBlock(head.call.name, tag.position, [head]))

    def _current(self, tag: Tag) -> _OpenBlock:
        """Return the block that an ``else`` belongs to."""
        if not self._open:
            raise LanguageError("This else is in no block", tag.position)
        if self._open[-1].in_last_part:
            name = self._open[-1].name
            raise LanguageError(
                f"The block {name} has its last else already", tag.position, f"{{{{/{name}}}}}"
            )
        return self._open[-1]

    def _close(self, tag: Tag) -> None:
        if not self._open:
            raise LanguageError(f"The block {tag.content} was not opened", tag.position)
        block = self._open[-1]
        if tag.content != block.name:
            raise LanguageError(
                f"The block {block.name} is still open", tag.position, f"{{{{/{block.name}}}}}"
            )
        self._open.pop()
        self.add(block.finished())
