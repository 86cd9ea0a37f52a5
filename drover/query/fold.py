"""The one case fold: what "ignoring case" means everywhere.

Each character is folded on its own, to exactly one character: 'É' to 'é', 'ẞ' to 'ß', a final
sigma to a plain one. What would grow ('ß' to 'ss', 'İ' to two) stays as it is. So a folded text
keeps its length, wildcards keep counting characters, and a database can be handed the same table,
whatever its version, libraries or locale.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Final

_CASED_END: Final = 0x1E944  # no character at or after this has case (Unicode 16)
_COMMON: Final = "".join(
    map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x370, 0x400), *range(0x400, 0x460)))
)


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
    folded = ((code, _fold_one(chr(code))) for code in range(min(_CASED_END, sys.maxunicode)))
    return {code: to for code, to in folded if to != chr(code)}


def _fold_one(character: str) -> str:
    candidates = (character.casefold(), character.lower())
    return next((folded for folded in candidates if len(folded) == 1), character)
