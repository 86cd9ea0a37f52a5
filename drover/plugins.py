"""Load the modules an operator brings: those that register handlers."""

from __future__ import annotations

import sys
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import TYPE_CHECKING, Final

from drover.handlers import REGISTERED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ENTRY_POINTS: Final = "drover.handlers"
"""The group of entry points whose modules are loaded by themselves."""


class HandlersError(ImportError):
    """A module of handlers cannot be imported; the message says which and why."""


def offered() -> list[str]:
    """Return the modules that installed packages offer."""
    from importlib.metadata import entry_points  # takes longer than all else of most commands

    return [point.module for point in entry_points(group=ENTRY_POINTS)]


def load(modules: Iterable[str], before: Callable[[str], None] = lambda _module: None) -> list[str]:
    """Import modules of handlers, and those offered as entry points; return all names registered.

    Modules in the current folder are found. ``before`` is told each module about to be imported.
    Raises HandlersError.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    invalidate_caches()  # a folder that was looked into before may have got modules since
    for module in [*modules, *offered()]:
        before(module)
        try:
            import_module(module)
        except Exception as error:
            raise HandlersError(f"Handlers in '{module}' cannot be loaded: {error}") from error
    return sorted(REGISTERED)
