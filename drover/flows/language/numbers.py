"""Numbers as JavaScript prints and reads them.

Whole numbers within 53 bits are held as ``int``; everything else behaves as a double.
"""

from __future__ import annotations

import math
import re
from typing import Final

MAX_SAFE: Final = 2**53
"""Up to here every whole number is exact in a double."""

NAN: Final = math.nan
INFINITY: Final = math.inf

_LARGEST_PLAIN: Final = 21
"""Numbers with up to this many digits before the point are printed without an exponent."""

_SMALLEST_PLAIN: Final = -6
"""Fractions with fewer leading zeros than this (negated) are printed without an exponent."""

WHITE_SPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)

_LONGEST_DOUBLE: Final = 309
"""Digits of the largest whole number that a double holds."""

_DECIMAL: Final = re.compile(
    r"[+-]?(?:Infinity|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
)
_BASED: Final = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_BASES: Final = {"x": 16, "o": 8, "b": 2}


def double(number: float) -> float:
    """Return ``number`` as a double; whole numbers beyond the range become infinite."""
    try:
        return float(number)
    except OverflowError:
        return INFINITY if number > 0 else -INFINITY


def plain(number: float) -> float:
    """Return ``number`` as an ``int`` where that loses nothing (the sign of -0 is kept)."""
    if number.__class__ is int:
        return number if -MAX_SAFE <= number <= MAX_SAFE else double(number)
    if number != number or not -MAX_SAFE <= number <= MAX_SAFE:  # noqa: PLR0124  NaN
        return number
    whole = int(number)
    if whole != number or (whole == 0 and math.copysign(1, number) < 0):
        return number
    return whole


def number_text(number: float) -> str:
    """Print a number as JavaScript does: shortest digits that read back the same."""
    if number.__class__ is int:
        if -MAX_SAFE <= number <= MAX_SAFE:
            return int.__repr__(number)
        number = double(number)
    text = repr(number)
    if text[-2:] == ".0":
        return text[:-2] if number else "0"
    if "e" not in text and "n" not in text:
        return text
    return _unusual_text(number, text)


def _unusual_text(number: float, text: str) -> str:
    if number != number:  # noqa: PLR0124  NaN
        return "NaN"
    sign = "-" if number < 0 else ""
    if math.isinf(number):
        return f"{sign}Infinity"
    mantissa, _, exponent = text.lstrip("-").partition("e")
    return sign + _place_point(mantissa.replace(".", ""), int(exponent) + 1)


def _place_point(digits: str, point: int) -> str:
    """Print significant ``digits`` whose decimal point stands after ``point`` of them.

    It never stands among them: numbers with an exponent in Python are whole or below 1.
    """
    if len(digits) <= point <= _LARGEST_PLAIN:
        return digits.ljust(point, "0")
    if _SMALLEST_PLAIN < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def parse_number(text: str) -> float:
    """Read text as JavaScript's ``Number`` does; what is not a number is NaN."""
    text = text.strip(WHITE_SPACE)
    if not text:
        return 0
    if _DECIMAL.fullmatch(text):
        return plain(float(text))
    if _BASED.fullmatch(text):
        return plain(int(text[2:], _BASES[text[1].lower()]))
    return NAN


def json_integer(text: str) -> float:
    """Read the digits of a whole number in JSON; beyond the range of doubles it is infinite."""
    return plain(int(text)) if len(text) <= _LONGEST_DOUBLE else float(text)
