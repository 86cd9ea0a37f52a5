"""Helpers that calculate. A missing argument counts as zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.flows.language import arithmetic
from drover.flows.language.conversions import to_number
from drover.flows.language.helper import Helper
from drover.flows.language.values import UNDEFINED, Value

if TYPE_CHECKING:
    from collections.abc import Callable


def _amount(value: Value) -> float:
    return 0 if value is UNDEFINED else to_number(value)


def _of_amounts(compute: Callable[..., Value], count: int | None = None) -> Callable[..., Value]:
    """Return ``compute`` over arguments cast to numbers, filled up to ``count`` with zeros."""

    def run(*values: Value) -> Value:
        amounts = [_amount(value) for value in values]
        if count is not None:
            amounts.extend([0] * (count - len(amounts)))
        return compute(*amounts)

    return run


def _scale_linear(*amounts: float) -> Value:
    from_low, from_high, to_low, to_high, value = amounts
    if from_low == from_high:
        return to_low
    share = arithmetic.divide(value - from_low, from_high - from_low)
    return arithmetic.add(to_low, arithmetic.multiply(share, to_high - to_low))


_PAIR: Final = ("a", "b")

HELPERS: Final = (
    Helper("add", _of_amounts(arithmetic.add, 2), _PAIR),
    Helper("subtract", _of_amounts(arithmetic.subtract, 2), _PAIR),
    Helper("multiply", _of_amounts(arithmetic.multiply, 2), _PAIR),
    Helper("divide", _of_amounts(arithmetic.divide, 2), _PAIR),
    Helper("ceil", _of_amounts(arithmetic.ceil, 1), ("v",)),
    Helper("floor", _of_amounts(arithmetic.floor, 1), ("v",)),
    Helper("max", _of_amounts(arithmetic.greatest), any_number=True),
    Helper("min", _of_amounts(arithmetic.least), any_number=True),
    Helper(
        "scaleLinear",
        _of_amounts(_scale_linear, 5),
        ("fromLow", "fromHigh", "toLow", "toHigh", "v"),
    ),
)
