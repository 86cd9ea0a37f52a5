"""Decimal digits of a double, rounded as JavaScript's number methods round (halves away)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final, NamedTuple

from drover.flows.language.numbers import number_text

_WIDE: Final = Context(prec=1_200, rounding=ROUND_HALF_UP)
"""Wide enough for every digit that a double has."""

_BEYOND_FIXED: Final = 1e21
_SMALLEST_FIXED: Final = -6

_QUICK_DIGITS: Final = 14
_QUICK_PLACES: Final = 6
_QUICK_RANGE: Final = 1e8
"""Within these bounds every half that rounding may meet is short enough to show."""


class Significant(NamedTuple):
    """The digits of a number and the power of ten of the first of them."""

    digits: str
    exponent: int


def significant(number: float, count: int) -> Significant:
    """Return ``count`` significant digits of a finite number that is not negative."""
    if not number:
        return Significant("0" * count, 0)
    if count <= _QUICK_DIGITS and not _may_tie(number):
        mantissa, _, exponent = f"{number:.{count - 1}e}".partition("e")
        return Significant(mantissa.replace(".", ""), int(exponent))
    rounded = Context(prec=count, rounding=ROUND_HALF_UP).create_decimal(Decimal(number))
    digits = "".join(map(str, rounded.as_tuple().digits)).ljust(count, "0")
    return Significant(digits, rounded.adjusted())


def _may_tie(number: float) -> bool:
    """Whether rounding ``number`` may meet an exact half, which Python would round to even.

    Within the digits that a double tells apart a half shows as a last digit 5.
    """
    return repr(number).partition("e")[0].rstrip("0.").endswith("5")


def to_fixed(number: float, places: int) -> str:
    """Print with ``places`` digits after the point; from 1e21 on in exponent form."""
    if not number < _BEYOND_FIXED:
        return number_text(number)
    if number < _QUICK_RANGE and places <= _QUICK_PLACES and not _may_tie(number):
        return f"{number:.{places}f}"
    return f"{Decimal(number).quantize(Decimal(1).scaleb(-places), context=_WIDE):f}"


def to_exponential(number: float, places: int) -> str:
    """Print one digit, ``places`` more after the point, and an exponent."""
    found = significant(number, places + 1)
    fraction = f".{found.digits[1:]}" if places else ""
    return f"{found.digits[0]}{fraction}e{found.exponent:+d}"


def to_precision(number: float, count: int) -> str:
    """Print ``count`` significant digits, in exponent form where that is shorter."""
    found = significant(number, count)
    if not _SMALLEST_FIXED <= found.exponent < count:
        return to_exponential(number, count - 1)
    point = found.exponent + 1
    if point >= count:
        return found.digits
    if point > 0:
        return f"{found.digits[:point]}.{found.digits[point:]}"
    return f"0.{'0' * -point}{found.digits}"
