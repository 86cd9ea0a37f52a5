"""Python functions an operator registers for workflows and beacons to call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

ENTRY_POINTS: Final = "drover.handlers"
"""The group of entry points whose modules are loaded by themselves."""


class HandlersError(ImportError):
    """A module of handlers cannot be imported; the message says which and why."""


REGISTERED: Final[dict[str, Callable[..., Any]]] = {}
"""The functions registered in this process, by name."""


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


def load(modules: Iterable[str]) -> list[str]:
    """Import modules of handlers, and those offered as entry points; return all names registered.

    Modules in the current folder are found. Raises HandlersError.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    offered = [point.module for point in entry_points(group=ENTRY_POINTS)]
    for module in [*modules, *offered]:
        try:
            import_module(module)
        except Exception as error:
            raise HandlersError(f"Handlers in '{module}' cannot be loaded: {error}") from error
    return sorted(REGISTERED)
