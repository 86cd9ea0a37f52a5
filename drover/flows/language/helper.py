"""What a helper of the template language is."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING

from drover.flows.language.values import UNDEFINED, Value

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Helper:
    """A function that templates and expressions may call by ``name``.

    ``run`` gets the values of its arguments, each of which may be missing; it never raises for
    odd values. Arguments beyond ``parameters`` are ignored.
    """

    name: str
    run: Callable[..., Value]
    parameters: tuple[str, ...] = ()
    """The names of its arguments in order; an argument may also be given by its name."""
    any_number: bool = False
    """It takes as many arguments as are written."""
    members: bool = False
    """It takes its named arguments as keyword arguments of any name."""
    scoped: bool = False
    """It gets the scope before its arguments."""
    raw: bool = False
    """What it prints is never escaped."""
    measured: int = False
    """Its work grows with the size of the arrays and objects given to it: so many units for each
    element."""


def defaulting(run: Callable[..., Value]) -> Callable[..., Value]:
    """Return ``run`` such that a missing value counts as the default of its parameter.

    Every parameter of ``run`` has a default.
    """
    defaults = [parameter.default for parameter in signature(run).parameters.values()]

    def run_filled_in(*values: Value) -> Value:
        pairs = zip(values, defaults, strict=False)
        return run(*[default if value is UNDEFINED else value for value, default in pairs])

    return run_filled_in
