"""Collect the operations of every dialect: each module in a face's package declares its own."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from drover import faces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

    from drover.app.services import Services
    from drover.faces.operation import Face, Operation


def declared(services: Services) -> list[tuple[Face, Operation]]:
    """Return the operations of all dialects, each with its face.

    A dialect is a package in this room with a ``FACE``, or a function of that name that makes it
    from the services; each of its public modules that has ``operations(services)`` adds to it.
    """
    found: list[tuple[Face, Operation]] = []
    for package in _packages():
        face: Face | Callable[[Services], Face] | None = getattr(package, "FACE", None)
        if callable(face):
            face = face(services)
        if face is not None:
            found += [(face, each) for each in _operations(package, services)]
    return settled(found)


def settled(found: Sequence[tuple[Face, Operation]]) -> list[tuple[Face, Operation]]:
    """Return operations without those that give way to another of their method and path."""
    taken = {_key(face, each) for face, each in found if not each.gives_way}
    return [(f, each) for f, each in found if not each.gives_way or _key(f, each) not in taken]


def _packages() -> Iterator[ModuleType]:
    for info in sorted(iter_modules(faces.__path__), key=lambda module: module.name):
        if info.ispkg:
            yield import_module(f"{faces.__name__}.{info.name}")


def _operations(package: ModuleType, services: Services) -> Iterator[Operation]:
    for info in sorted(iter_modules(package.__path__), key=lambda module: module.name):
        if not info.name.startswith("_"):
            module = import_module(f"{package.__name__}.{info.name}")
            yield from getattr(module, "operations", _nothing)(services)


def _nothing(_services: Services) -> Iterator[Operation]:
    yield from ()


def _key(face: Face, operation: Operation) -> tuple[str, str, str]:
    return face.name, operation.method, operation.path
