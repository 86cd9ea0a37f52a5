"""Text measured and ordered in UTF-16 units, as JavaScript does."""

from __future__ import annotations

import re
from typing import Final

_BEYOND_BMP: Final = re.compile("[\U00010000-\U0010ffff]")
_HALVES: Final = re.compile("[\ud800-\udfff]")
_UNIT: Final = 2
"""Bytes of a UTF-16 unit."""


def length_in_units(text: str) -> int:
    """Return the number of UTF-16 units of ``text``."""
    if text.isascii():
        return len(text)
    return len(text) + len(_BEYOND_BMP.findall(text))


def find_units(text: str, wanted: str, start: int) -> int:
    """Return where ``wanted`` begins, in UTF-16 units, at ``start`` or later; -1 for nowhere."""
    if text.isascii() or not _BEYOND_BMP.search(text):
        return text.find(wanted, start)
    units, looked_for = (each.encode("utf-16-le", "surrogatepass") for each in (text, wanted))
    at = units.find(looked_for, start * _UNIT)
    while at % _UNIT:  # between two units; -1 is odd as well
        if at < 0:
            return -1
        at = units.find(looked_for, at + 1)
    return at // _UNIT


def slice_units(text: str, start: int, end: int) -> str:
    """Return the UTF-16 units from ``start`` up to ``end``; a cut pair becomes U+FFFD."""
    if text.isascii() or not _BEYOND_BMP.search(text):
        return text[start:end]
    units = text.encode("utf-16-le", "surrogatepass")[start * _UNIT : end * _UNIT]
    return units.decode("utf-16-le", "replace")


def comes_before(left: str, right: str) -> bool:
    """Whether ``left`` sorts before ``right`` by UTF-16 units."""
    if left.isascii() or right.isascii():
        # Only two texts with characters above U+D7FF can order differently by unit.
        return left < right
    return left.encode("utf-16-be", "surrogatepass") < right.encode("utf-16-be", "surrogatepass")


def well_formed(text: str) -> str:
    """Replace halves of surrogate pairs, which no encoding can carry, by U+FFFD."""
    if text.isascii():
        return text
    return _HALVES.sub("\ufffd", text)


def halves_escaped(text: str) -> str:
    """Write halves of surrogate pairs as JSON escapes."""
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
