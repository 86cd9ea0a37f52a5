"""The functions that an expression may call."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from drover.flows.language import arithmetic
from drover.flows.language.arithmetic import logarithm, real_function
from drover.flows.language.vocabulary.collections import includes, length

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.language.values import Value


class Function(NamedTuple):
    """A function and how many arguments it takes; None means any number."""

    run: Callable[..., Value]
    arity: int | None = 1


FUNCTIONS: Final = MappingProxyType(
    {
        "sin": Function(real_function(math.sin)),
        "cos": Function(real_function(math.cos)),
        "tan": Function(real_function(math.tan)),
        "asin": Function(real_function(math.asin)),
        "acos": Function(real_function(math.acos)),
        "atan": Function(real_function(math.atan)),
        "sinh": Function(real_function(arithmetic.sinh)),
        "cosh": Function(real_function(math.cosh)),
        "tanh": Function(real_function(math.tanh)),
        "asinh": Function(real_function(math.asinh)),
        "acosh": Function(real_function(math.acosh)),
        "atanh": Function(real_function(arithmetic.atanh)),
        "atan2": Function(real_function(math.atan2), 2),
        "sqrt": Function(real_function(math.sqrt)),
        "log": Function(logarithm(math.log)),
        "log10": Function(logarithm(math.log10)),
        "exp": Function(real_function(math.exp)),
        "abs": Function(arithmetic.absolute),
        "ceil": Function(arithmetic.ceil),
        "floor": Function(arithmetic.floor),
        "round": Function(arithmetic.round_half_up),
        "trunc": Function(arithmetic.trunc),
        "pow": Function(arithmetic.power, 2),
        "max": Function(arithmetic.greatest, None),
        "min": Function(arithmetic.least, None),
        "length": Function(length),
        "includes": Function(includes, 2),
    }
)
