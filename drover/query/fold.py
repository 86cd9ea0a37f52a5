"""The one case fold: what "ignoring case" means everywhere.

Each character is folded on its own, to exactly one character: 'É' to 'é', 'ẞ' to 'ß', a final
sigma to a plain one. What would grow ('ß' to 'ss', 'İ' to two) stays as it is. So a folded text
keeps its length, wildcards keep counting characters, and a database can be handed the same table,
whatever its version, libraries or locale.
"""

from __future__ import annotations

from functools import cache
from typing import Final

_CASED_BLOCKS: Final = (  # no character elsewhere has case; a test looks at every one
    range(0x3000),
    range(0xA000, 0xB000),
    range(0xFB00, 0x10000),
    range(0x10000, 0x11000),
    range(0x11800, 0x11900),
    range(0x16D00, 0x17000),
    range(0x1E000, 0x1F000),
)
_COMMON_BLOCKS: Final = (
    range(0x20, 0x7F),  # ASCII
    range(0xC0, 0x100),  # Latin-1 letters
    range(0x410, 0x450),  # Russian
    range(0x391, 0x3CA),  # Greek
    range(0x100, 0x180),  # other Latin
)
_COMMON: Final = "".join(chr(code) for block in _COMMON_BLOCKS for code in block)


def fold(text: str) -> str:
    """Return ``text`` as compared when case is ignored; it has the same length."""
    return text.lower() if text.isascii() else text.translate(_table())


@cache
def fold_alphabets() -> tuple[str, str]:
    """Return the fold as two aligned alphabets, from and to, for SQL's ``translate``.

    Common characters come first, those without case too, since ``translate`` searches from the
    start and stops at a hit.
    """
    table = _table()
    rest = "".join(chr(code) for code in table if chr(code) not in _COMMON)
    source = _COMMON + rest
    return source, source.translate(table)


@cache
def _table() -> dict[int, str]:
    codes = (code for block in _CASED_BLOCKS for code in block)
    folded = ((code, _fold_one(chr(code))) for code in codes)
    return {code: to for code, to in folded if to != chr(code)}


def _fold_one(character: str) -> str:
    candidates = (character.casefold(), character.lower())
    return next((folded for folded in candidates if len(folded) == 1), character)
