"""From the source of a template to its texts and tags, white space already settled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

from drover.flows.language.errors import LanguageError
from drover.flows.language.limits import MAX_SOURCE
from drover.flows.language.syntax import Head, TagReader, Term

if TYPE_CHECKING:
    from collections.abc import Iterator


class TagKind(Enum):
    """What a tag does."""

    PRINT = auto()
    PRINT_RAW = auto()
    OPEN = auto()
    ELSE = auto()
    ELSE_OPEN = auto()
    CLOSE = auto()
    COMMENT = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """Literal text between tags."""

    text: str


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag: what it does, what it holds and whether it trims the space around it."""

    kind: TagKind
    position: int
    trims: tuple[bool, bool]
    content: Term | Head | str | None = None


Token: TypeAlias = Piece | Tag

_OPENER: Final = re.compile(r"\{\{(~?)(\{\{|\{|!--|!|#\*|#>|#|/|\^|&|\*|>|)")
_ELSE: Final = re.compile(r"\s*else\s*(?=~?\}\})")
_ELSE_OPEN: Final = re.compile(r"\s*else\s+(?=[^\s=~}])")
_COMMENT_END: Final = {"!": re.compile(r"(~?)\}\}"), "!--": re.compile(r"--(~?)\}\}")}
_LINE_REST: Final = re.compile(r"[ \t]*\r?\n?")
_REFUSED: Final = {
    "{{": "Raw blocks are not supported",
    ">": "Partials are not supported",
    "#>": "Partials are not supported",
    "*": "Decorators are not supported",
    "#*": "Decorators are not supported",
}
_STAND_ALONE: Final = frozenset(
    {TagKind.OPEN, TagKind.ELSE, TagKind.ELSE_OPEN, TagKind.CLOSE, TagKind.COMMENT}
)


def scan(source: str, most: int = MAX_SOURCE) -> list[Token]:
    """Split a template into texts and tags. Raises LanguageError at the first misfit."""
    if len(source) > most:
        raise LanguageError("The template is too long", most, f"at most {most} characters")
    return _trimmed(list(_Scanner(source).tokens()))


class _Scanner:
    """Walks once over the source, collecting literal text until a tag begins."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._position = 0

    def tokens(self) -> Iterator[Token]:
        while self._position < len(self._source):
            text, tag_follows = self._literal()
            yield Piece(text)
            if tag_follows:
                yield self._tag()

    def _literal(self) -> tuple[str, bool]:
        """Read up to the next tag; a backslash before braces makes them literal."""
        parts: list[str] = []
        searched_from = self._position
        while (at := self._source.find("{{", searched_from)) >= 0:
            before = self._source[self._position : at]
            self._position = at
            if not before.endswith("\\"):
                return "".join([*parts, before]), True
            parts.append(before[:-1])
            if before.endswith("\\\\"):
                return "".join(parts), True
            searched_from = at + 2
        parts.append(self._source[self._position :])
        self._position = len(self._source)
        return "".join(parts), False

    def _tag(self) -> Tag:
        start = self._position
        opener = _OPENER.match(self._source, start)
        if not opener:  # pragma: no cover - called only where two braces stand
            raise LanguageError("A tag is missing", start, "{{")
        trims, sigil = bool(opener[1]), opener[2]
        if sigil in _REFUSED:
            raise LanguageError(_REFUSED[sigil], start)
        self._position = opener.end()
        if sigil in {"!", "!--"}:
            return self._comment(start, sigil, trims=trims)
        reader = TagReader(self._source, self._position)
        kind, content = self._content(reader, sigil)
        trims_after = reader.close(triple=sigil == "{")
        self._position = reader.position
        return Tag(kind, start, (trims, trims_after), content)

    def _content(self, reader: TagReader, sigil: str) -> tuple[TagKind, Term | Head | str | None]:
        if sigil == "#":
            return TagKind.OPEN, _head(reader)
        if sigil == "/":
            return TagKind.CLOSE, reader.call(0).name
        if sigil == "^":
            return TagKind.ELSE, None
        if sigil in {"{", "&"}:
            return TagKind.PRINT_RAW, reader.term_or_call()
        return self._plain(reader)

    def _plain(self, reader: TagReader) -> tuple[TagKind, Term | Head | None]:
        if match := _ELSE.match(self._source, reader.position):
            reader.position = match.end()
            return TagKind.ELSE, None
        if match := _ELSE_OPEN.match(self._source, reader.position):
            reader.position = match.end()
            return TagKind.ELSE_OPEN, _head(reader)
        return TagKind.PRINT, reader.term_or_call()

    def _comment(self, start: int, sigil: str, *, trims: bool) -> Tag:
        # The dashes that begin a comment may end it too.
        search_from = self._position - len(sigil) + 1
        end = _COMMENT_END[sigil].search(self._source, search_from)
        if not end:
            raise LanguageError("The comment is never closed", start, f"{sigil[1:]}}}}}")
        self._position = end.end()
        return Tag(TagKind.COMMENT, start, (trims, bool(end[1])))


def _head(reader: TagReader) -> Head:
    return Head(reader.call(0), reader.parameters())


def _trimmed(tokens: list[Token]) -> list[Token]:
    """Apply ``~`` and drop the lines that hold only a block tag or comment.

    Every tag stands right after a piece, be it empty; only the last may have none behind it.
    """
    texts = {at: token.text for at, token in enumerate(tokens) if isinstance(token, Piece)}
    for at, token in enumerate(tokens):
        if isinstance(token, Tag):
            if token.kind in _STAND_ALONE and _alone_on_line(tokens, at):
                _drop_line(texts, at)
            _apply_trims(texts, at, token)
    return [
        Piece(texts[at]) if isinstance(token, Piece) else token
        for at, token in enumerate(tokens)
        if texts.get(at) != ""
    ]


def _alone_on_line(tokens: list[Token], at: int) -> bool:
    """Whether only white space stands beside the tag, judged by the untrimmed texts."""
    before, after = tokens[at - 1], tokens[at + 1] if at + 1 < len(tokens) else None
    _, break_before, line_start = (
        before.text.rpartition("\n") if isinstance(before, Piece) else ("", "", "")
    )
    line_end, break_after, _ = (
        after.text.partition("\n") if isinstance(after, Piece) else ("", "", "")
    )
    starts_line = break_before or at == 1
    ends_line = break_after or at >= len(tokens) - 2
    return bool(starts_line and ends_line) and not (line_start.strip() or line_end.strip())


def _drop_line(texts: dict[int, str], at: int) -> None:
    texts[at - 1] = texts[at - 1].rstrip(" \t")
    if at + 1 in texts:
        texts[at + 1] = _LINE_REST.sub("", texts[at + 1], count=1)


def _apply_trims(texts: dict[int, str], at: int, tag: Tag) -> None:
    if tag.trims[0]:
        texts[at - 1] = texts[at - 1].rstrip()
    if tag.trims[1] and at + 1 in texts:
        texts[at + 1] = texts[at + 1].lstrip()
