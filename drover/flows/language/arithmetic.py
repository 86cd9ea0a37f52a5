"""The operators and functions of numbers, with JavaScript's results.

A result that is whole and within 53 bits is an ``int``; the sign of -0 is kept as a ``float``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from drover.flows.language.conversions import to_number, to_primitive, to_string
from drover.flows.language.errors import RenderLimit
from drover.flows.language.limits import MAX_OUTPUT
from drover.flows.language.numbers import INFINITY, MAX_SAFE, NAN, double, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.language.values import Value

_WORD: Final = 1 << 32
_SIGN_BIT: Final = 1 << 31
_SHIFT_MASK: Final = 31


def add(left: Value, right: Value) -> Value:
    """``+``: joins when a side is text (or becomes text), adds otherwise."""
    if left.__class__ is int and right.__class__ is int:
        return plain(left + right)
    left, right = to_primitive(left), to_primitive(right)
    if left.__class__ is str or right.__class__ is str:
        return _join(to_string(left), to_string(right))
    return plain(to_number(left) + to_number(right))


def _join(left: str, right: str) -> str:
    if len(left) + len(right) > MAX_OUTPUT:
        raise RenderLimit("The joined text is too long")
    return left + right


def subtract(left: Value, right: Value) -> float:
    """``-``."""
    return plain(to_number(left) - to_number(right))


def multiply(left: Value, right: Value) -> float:
    """``*``."""
    left, right = to_number(left), to_number(right)
    # Whole numbers in Python have no -0 and no limit, so those two cases go by doubles.
    product = left * right
    if product and -MAX_SAFE <= product <= MAX_SAFE:
        return plain(product)
    return plain(double(left) * double(right))


def divide(left: Value, right: Value) -> float:
    """``/``: by zero gives an infinity, or NaN for zero by zero."""
    left, right = to_number(left), to_number(right)
    if right:
        return plain(left / right)
    if not left or math.isnan(left):
        return NAN
    return math.copysign(INFINITY, math.copysign(1, left) * math.copysign(1, right))


def remainder(left: Value, right: Value) -> float:
    """``%``: the sign is that of ``left``."""
    try:
        return plain(math.fmod(to_number(left), to_number(right)))
    except ValueError:
        return NAN


def power(base: Value, exponent: Value) -> float:
    """``^`` and ``pow``."""
    base, exponent = double(to_number(base)), double(to_number(exponent))
    if math.isnan(exponent) or (abs(base) == 1 and math.isinf(exponent)):
        return NAN
    try:
        return plain(math.pow(base, exponent))
    except ValueError:
        return _power_of_zero(base, exponent) if base == 0 else NAN
    except OverflowError:
        return -INFINITY if base < 0 and _is_odd(exponent) else INFINITY


def _power_of_zero(base: float, exponent: float) -> float:
    return math.copysign(INFINITY, base) if _is_odd(exponent) else INFINITY


def _is_odd(number: float) -> bool:
    return math.fmod(number, 2) in {1, -1}


def negate(value: Value) -> float:
    """Unary ``-``."""
    number = to_number(value)
    return -number if number else plain(-double(number))


def shift_left(value: Value, count: Value) -> int:
    """``<<`` on 32 bits."""
    return _signed(_bits(value) << (_bits(count) & _SHIFT_MASK))


def shift_right(value: Value, count: Value) -> int:
    """``>>`` on 32 bits, keeping the sign."""
    return _signed(_bits(value)) >> (_bits(count) & _SHIFT_MASK)


def _bits(value: Value) -> int:
    number = to_number(value)
    return math.trunc(number) % _WORD if math.isfinite(number) else 0


def _signed(bits: int) -> int:
    bits %= _WORD
    return bits - _WORD if bits >= _SIGN_BIT else bits


def ceil(value: Value) -> float:
    """Return the smallest whole number not below ``value``."""
    return _rounded(math.ceil, to_number(value))


def floor(value: Value) -> float:
    """Return the greatest whole number not above ``value``."""
    return _rounded(math.floor, to_number(value))


def trunc(value: Value) -> float:
    """Drop the fraction."""
    return _rounded(math.trunc, to_number(value))


def round_half_up(value: Value) -> float:
    """Return the nearest whole number; halves go up, also below zero."""
    return _rounded(_half_up, to_number(value))


def _half_up(number: float) -> int:
    below = math.floor(number)
    return below + (number - below >= 0.5)  # noqa: PLR2004  a half is a half


def _rounded(how: Callable[[float], int], number: float) -> float:
    if number.__class__ is int or not math.isfinite(number):
        return number
    return plain(math.copysign(double(how(number)), number))


def greatest(*values: Value) -> float:
    """Return the largest number; NaN if one is, minus infinity if there is none."""
    return _extreme(max, -INFINITY, [to_number(value) for value in values])


def least(*values: Value) -> float:
    """Return the smallest number; NaN if one is, infinity if there is none."""
    return _extreme(min, INFINITY, [to_number(value) for value in values])


def _extreme(choose: Callable[..., float], none: float, numbers: list[float]) -> float:
    if any(math.isnan(number) for number in numbers):
        return NAN
    # In JavaScript -0 is less than 0 here, and nowhere else.
    return choose(numbers, key=lambda number: (number, math.copysign(1, number)), default=none)


def absolute(value: Value) -> float:
    """Return the number without its sign."""
    return abs(to_number(value))


def real_function(compute: Callable[..., float]) -> Callable[..., float]:
    """Wrap a function of ``math`` so that it gives NaN or an infinity instead of raising."""

    def run(*values: Value) -> float:
        numbers = [double(to_number(value)) for value in values]
        try:
            return plain(compute(*numbers))
        except ValueError:
            return NAN
        except OverflowError:
            return INFINITY

    return run


def logarithm(compute: Callable[[float], float]) -> Callable[[Value], float]:
    """Wrap a logarithm, which at zero is minus infinity."""
    safe = real_function(compute)

    def run(value: Value) -> float:
        number = to_number(value)
        return safe(number) if number else -INFINITY

    return run


def sinh(number: float) -> float:
    """Return the hyperbolic sine; infinite with the sign of ``number`` where it overflows."""
    try:
        return math.sinh(number)
    except OverflowError:
        return math.copysign(INFINITY, number)


def atanh(number: float) -> float:
    """Return the inverse hyperbolic tangent, infinite at 1 and -1."""
    return math.copysign(INFINITY, number) if abs(number) == 1 else math.atanh(number)
