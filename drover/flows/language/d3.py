"""Numbers printed by a D3 format such as ``,.2f``.

    [[fill]align][sign][symbol][0][width][,][.precision][~][type]

English grouping; the minus sign is the ASCII one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from drover.flows.language.arithmetic import round_half_up
from drover.flows.language.decimal_digits import (
    significant,
    to_exponential,
    to_fixed,
    to_precision,
)
from drover.flows.language.limits import MAX_PATTERN, MAX_WIDTH
from drover.flows.language.numbers import number_text

if TYPE_CHECKING:
    from collections.abc import Callable

_FORM: Final = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>=^]))?(?P<sign>[+\-( ])?(?P<symbol>[$#])?(?P<zero>0)?"
    r"(?P<width>[0-9]{1,9})?(?P<comma>,)?(?:\.(?P<precision>[0-9]{1,9}))?(?P<trim>~)?"
    r"(?P<type>[a-zA-Z%])?",
    re.DOTALL,
)
_DEFAULT_PRECISION: Final = 6
_GENERAL_PRECISION: Final = 12
_BY_DIGITS: Final = frozenset("gprs")
_WITH_TAIL: Final = frozenset("defgprs%")
_MAX_DIGITS: Final = 21
_MAX_PLACES: Final = 20
_BEYOND_FIXED: Final = 1e21
_GROUP: Final = 3
_PREFIXES: Final = (
    "y",
    "z",
    "a",
    "f",
    "p",
    "n",
    "µ",
    "m",
    "",
    "k",
    "M",
    "G",
    "T",
    "P",
    "E",
    "Z",
    "Y",
)
_MIDDLE_PREFIX: Final = 8
_TRAILING_ZEROS: Final = re.compile(r"\.0+(?=\D|$)|(\.[0-9]*[1-9])0+(?=\D|$)")


@dataclass(frozen=True, slots=True)
class _Body:
    """A printed number: whole digits and what follows them."""

    whole: str
    tail: str = ""


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A parsed D3 format."""

    kind: str
    fill: str
    align: str
    sign: str
    symbol: str
    width: int
    precision: int
    comma: bool
    trim: bool

    def print(self, number: float) -> str:
        """Return ``number`` in this format."""
        if self.kind == "c":
            return self._laid_out(self._currency(), "", number_text(number))
        negative = number < 0 or (number == 0 and math.copysign(1, number) < 0)
        body, unit = self._body(abs(number))
        if negative and self.sign != "+" and self._is_zero(body):
            negative = False
        tail = unit + self._closing(negative=negative)
        return self._laid_out(self._opening(negative=negative), body, tail)

    def _is_zero(self, body: str) -> bool:
        digits = body if self.kind in "xX" else body.partition("e")[0]
        return not digits.strip("0.")

    def _body(self, number: float) -> tuple[str, str]:
        """Return the digits and the SI prefix."""
        if math.isnan(number):
            return "NaN", ""
        unit = ""
        if self.kind == "s":
            body, unit = _with_prefix(number, self.precision)
        else:
            body = _TYPES[self.kind](number, self.precision)
        return (_TRAILING_ZEROS.sub(r"\1", body, count=1) if self.trim else body), unit

    def _currency(self) -> str:
        if self.symbol == "#":
            return f"0{self.kind.lower()}" if self.kind in "boxX" else ""
        return self.symbol

    def _opening(self, *, negative: bool) -> str:
        if negative:
            return ("(" if self.sign == "(" else "-") + self._currency()
        return (self.sign if self.sign in "+ " else "") + self._currency()

    def _closing(self, *, negative: bool) -> str:
        percent = "%" if self.kind in "%p" and self.symbol != "$" else ""
        return percent + (")" if negative and self.sign == "(" else "")

    def _laid_out(self, opening: str, body: str, tail: str) -> str:
        whole = body
        if self.kind in _WITH_TAIL:
            digits = re.match(r"[0-9]*", body)
            whole = digits[0] if digits else body
            tail = body[len(whole) :] + tail
        zero_filled = self.fill == "0" and self.align == "="
        if not self.comma:
            return self._padded(opening, whole, tail)
        if not zero_filled:
            return self._padded(opening, _grouped(whole), tail)
        missing = self.width - len(opening) - len(whole) - len(tail)
        if missing <= 0:
            return opening + _grouped(whole) + tail
        return opening + _grouped("0" * missing + whole, self.width - len(tail)) + tail

    def _padded(self, opening: str, whole: str, tail: str) -> str:
        missing = max(self.width - len(opening) - len(whole) - len(tail), 0)
        padding = self.fill * missing
        if self.align == "<":
            return opening + whole + tail + padding
        if self.align == "=":
            return opening + padding + whole + tail
        left = missing // 2 if self.align == "^" else missing
        return padding[:left] + opening + whole + tail + padding[left:]


def format_number(number: float, pattern: str) -> str:
    """Print ``number`` by a D3 format; a format that does not parse prints it unchanged."""
    parsed = parse_format(pattern) if len(pattern) <= MAX_PATTERN else None
    return number_text(number) if parsed is None else parsed.print(number)


@lru_cache(1024)
def parse_format(pattern: str) -> NumberFormat | None:
    """Return the parsed format, or None when it is not a D3 format."""
    match = _FORM.fullmatch(pattern)
    if match is None:
        return None
    parts = match.groupdict()
    kind, given = parts["type"], parts["precision"]
    comma, trim = bool(parts["comma"]), bool(parts["trim"])
    precision = None if given is None else int(given)
    if kind == "n":
        kind, comma = "g", True
    elif kind != "s" and kind not in _TYPES:
        kind, trim = "g", True
        precision = _GENERAL_PRECISION if precision is None else precision
    zero = bool(parts["zero"])
    return NumberFormat(
        kind=kind,
        fill="0" if zero else parts["fill"] or " ",
        align="=" if zero else parts["align"] or ">",
        sign=parts["sign"] or "-",
        symbol=parts["symbol"] or "",
        width=min(int(parts["width"] or 0), MAX_WIDTH),
        precision=_clamped(kind, precision),
        comma=comma,
        trim=trim,
    )


def _clamped(kind: str, precision: int | None) -> int:
    if precision is None:
        return _DEFAULT_PRECISION
    if kind in _BY_DIGITS:
        return min(max(precision, 1), _MAX_DIGITS)
    return min(precision, _MAX_PLACES)


def _grouped(digits: str, width: float = math.inf) -> str:
    """Put a comma between groups of three digits, dropping digits beyond ``width`` in all."""
    groups: list[str] = []
    length, end = 0, len(digits)
    while end > 0 and length <= width:
        size = _GROUP if length + _GROUP < width else int(max(1, width - length))
        groups.append(digits[max(end - size, 0) : end])
        end -= size
        length += size + 1
    return ",".join(reversed(groups))


def _rounded(number: float, count: int) -> str:
    """Print ``count`` significant digits without an exponent."""
    if not number or math.isinf(number):
        return number_text(number)
    found = significant(number, count)
    point = found.exponent + 1
    if point <= 0:
        return f"0.{'0' * -point}{found.digits}"
    if point >= count:
        return found.digits.ljust(point, "0")
    return f"{found.digits[:point]}.{found.digits[point:]}"


def _with_prefix(number: float, count: int) -> tuple[str, str]:
    """Print ``count`` significant digits and the SI prefix of the power of thousand."""
    if not number or math.isinf(number):
        return (to_precision(number, count) if not number else number_text(number)), ""
    found = significant(number, count)
    power = max(-_MIDDLE_PREFIX, min(_MIDDLE_PREFIX, math.floor(found.exponent / _GROUP)))
    point = found.exponent - power * _GROUP + 1
    prefix = _PREFIXES[_MIDDLE_PREFIX + power]
    if point >= len(found.digits):
        return found.digits.ljust(point, "0"), prefix
    if point > 0:
        return f"{found.digits[:point]}.{found.digits[point:]}", prefix
    kept = max(0, count + point - 1)
    digits = significant(number, kept).digits if kept else number_text(number)[:1]
    return f"0.{'0' * -point}{digits}", prefix


def _whole(number: float, _precision: int) -> str:
    if math.isinf(number):
        return "∞"
    if number < _BEYOND_FIXED:
        return number_text(round_half_up(number))
    # Beyond it only the digits that tell the double apart are printed, the rest are zeros.
    digits, _, exponent = number_text(number).replace(".", "").partition("e")
    return digits.ljust(int(exponent) + 1, "0")


def _whole_in_base(code: str) -> Callable[[float, int], str]:
    def print_whole(number: float, _precision: int) -> str:
        if math.isinf(number):
            return number_text(number).upper() if code == "X" else number_text(number)
        return format(int(round_half_up(number)), code)

    return print_whole


def _or_text(print_finite: Callable[[float, int], str]) -> Callable[[float, int], str]:
    """Return ``print_finite`` for finite numbers; infinities print as text."""

    def print_any(number: float, precision: int) -> str:
        return number_text(number) if math.isinf(number) else print_finite(number, precision)

    return print_any


_TYPES: Final[dict[str | None, Callable[[float, int], str]]] = {
    "%": lambda number, places: to_fixed(number * 100, places),
    "b": _whole_in_base("b"),
    "c": lambda number, _: number_text(number),
    "d": _whole,
    "e": _or_text(to_exponential),
    "f": to_fixed,
    "g": _or_text(to_precision),
    "o": _whole_in_base("o"),
    "p": lambda number, count: _rounded(number * 100, count),
    "r": _rounded,
    "x": _whole_in_base("x"),
    "X": _whole_in_base("X"),
}
