"""Python functions an operator registers for workflows and beacons to call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

REGISTERED: Final[dict[str, Callable[..., Any]]] = {}
"""The functions registered in this process, by name."""


def announce(names: Iterable[str]) -> None:
    """Note names whose functions are registered in other processes, where they are called."""
    for name in names:
        REGISTERED.setdefault(name, _elsewhere)


def _elsewhere(_value: object) -> None:
    raise RuntimeError("this function is called in worker processes only")


def handler(name: str) -> Callable[[Function], Function]:
    """Register the decorated function, sync or async, under ``name``.

    It is called with one JSON-like value and returns one. Raises ValueError for a name in use.
    """

    def register(function: Function) -> Function:
        known = REGISTERED.get(name)
        if known is not None and known.__qualname__ != function.__qualname__:
            raise ValueError(f"A handler named '{name}' is registered already")
        REGISTERED[name] = function
        return function

    return register
