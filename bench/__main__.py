"""Run the benchmarks: ``python -m bench [NAME ...] [--quick]``.

Each module of this package with a function ``measure(*, quick)`` is one benchmark.
"""

from __future__ import annotations

import argparse
import signal
import sys
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import bench
from bench.figures import show

if TYPE_CHECKING:
    from types import ModuleType


def benchmarks() -> dict[str, ModuleType]:
    """Return the modules that measure something, by name."""
    names = (info.name for info in iter_modules(bench.__path__) if not info.name.startswith("_"))
    modules = {name: import_module(f"bench.{name}") for name in sorted(names)}
    return {name: module for name, module in modules.items() if hasattr(module, "measure")}


def main() -> None:
    """Run the named benchmarks, or all of them."""
    known = benchmarks()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, to try it out")
    options = parser.parse_args()
    if unknown := set(options.names) - set(known):
        parser.error(f"unknown benchmark: {', '.join(sorted(unknown))}")
    # One that is told to end must end its servers first, whatever it is doing.
    signal.signal(signal.SIGTERM, _end)
    show(
        figure
        for name in options.names or known
        for figure in known[name].measure(quick=options.quick)
    )


def _end(number: int, _frame: Any) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
