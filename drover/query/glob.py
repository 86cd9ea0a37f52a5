"""Globs: ``*`` for any run of characters, ``?`` for one; case is ignored, the whole text counts.

There is no escape: a list filter has none. Work is bounded by length of text times length of
pattern, never exponential, so a pattern from outside is safe.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from drover.query.fold import fold

MAX_GLOB_LENGTH: Final = 1024
"""Longest pattern accepted, in characters."""

Matcher: TypeAlias = Callable[[str], bool]


def glob_matches(pattern: str, text: str) -> bool:
    """Tell whether the whole of ``text`` matches ``pattern``."""
    return compile_glob(pattern)(text)


def compile_glob(pattern: str) -> Matcher:
    """Return a function that tells whether a text matches ``pattern``."""
    first, *pieces = fold(pattern).split("*")
    if not pieces:
        return lambda text: len(text) == len(first) and _fits(first, fold(text), 0)
    *middle, last = pieces

    def matches(text: str) -> bool:
        folded = fold(text)
        end = len(folded) - len(last)
        if end < len(first) or not _fits(first, folded, 0) or not _fits(last, folded, end):
            return False
        return _in_order(middle, folded[:end], len(first))

    return matches


def sqlite_glob(pattern: str) -> str:
    """Return ``pattern`` for SQLite's GLOB over folded text."""
    return fold(pattern).replace("[", "[[]")


def like_pattern(pattern: str) -> str:
    """Return ``pattern`` for LIKE with ``!`` as escape, over folded text."""
    escaped = fold(pattern).replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return escaped.replace("*", "%").replace("?", "_")


def _in_order(pieces: list[str], text: str, position: int) -> bool:
    for piece in pieces:
        found = _find(piece, text, position)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def _find(piece: str, text: str, position: int) -> int:
    if "?" not in piece:
        return text.find(piece, position)
    starts = range(position, len(text) - len(piece) + 1)
    return next((start for start in starts if _fits(piece, text, start)), -1)


def _fits(piece: str, text: str, position: int) -> bool:
    if "?" not in piece:
        return text.startswith(piece, position)
    window = text[position : position + len(piece)]
    return len(window) == len(piece) and all(
        wanted in ("?", given) for wanted, given in zip(piece, window, strict=True)
    )
