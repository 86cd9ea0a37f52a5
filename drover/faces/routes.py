"""Find the operation of a method and path: a walk down a tree of path parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drover.model.errors import Invalid
from drover.model.fields import is_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from drover.faces.operation import Face, Operation


class BadOperation(ValueError):
    """An operation is declared in a way that must not be served."""


@dataclass(frozen=True, slots=True)
class Route:
    """An operation and the dialect it belongs to."""

    operation: Operation
    face: Face
    names: tuple[str, ...]
    ids: tuple[str, ...]

    def parameters(self, values: Sequence[str]) -> dict[str, str]:
        """Return the path's parameters by name, ids in lower case; raises Invalid."""
        found = dict(zip(self.names, values, strict=True))
        for name in self.ids:
            text = found[name]
            if not is_id(text):
                raise Invalid(f"{name} must be 24 hexadecimal characters", field=name)
            found[name] = text.lower()
        return found


@dataclass(slots=True)
class _Part:
    """What may follow a part of a path."""

    literals: dict[str, _Part] = field(default_factory=dict)
    variable: _Part | None = None
    rest: dict[str, Route] = field(default_factory=dict)
    methods: dict[str, Route] = field(default_factory=dict)


class Routes:
    """All operations of a server. Raises BadOperation for one that must not start."""

    def __init__(self, operations: Iterable[tuple[Face, Operation]]) -> None:
        self._root = _Part()
        self.all: list[Route] = []
        for face, operation in operations:
            self._add(face, operation)

    @property
    def described(self) -> list[Operation]:
        """The operations that belong to the API."""
        return [route.operation for route in self.all if route.face.described]

    def find(self, path: str) -> tuple[Mapping[str, Route], list[str]]:
        """Return the routes of a path by method, and the values of its variable parts."""
        texts = path.strip("/").split("/")
        part = self._root
        values: list[str] = []
        rest: tuple[Mapping[str, Route], list[str]] = ({}, [])
        for index, text in enumerate(texts):
            if part.rest:
                rest = (part.rest, [*values, "/".join(texts[index:])])
            following = part.literals.get(text)
            if following is None:
                if part.variable is None or not text:
                    return rest
                following = part.variable
                values.append(text)
            part = following
        if part.rest and not part.methods:
            return part.rest, [*values, ""]
        return (part.methods, values) if part.methods else rest

    def _add(self, face: Face, operation: Operation) -> None:
        if operation.scopes is not None and not operation.scopes:
            raise BadOperation(f"{operation.name} declares no scopes")
        part, names = self._root, []
        *texts, last = operation.path.strip("/").split("/")
        for text in texts if last.endswith("*}") else [*texts, last]:
            if text.startswith("{"):
                names.append(text[1:-1])
                part.variable = part.variable or _Part()
                part = part.variable
            else:
                part = part.literals.setdefault(text, _Part())
        methods = part.methods
        if last.endswith("*}"):
            names.append(last[1:-2])
            methods = part.rest
        if operation.method in methods:
            taken = methods[operation.method].operation.name
            raise BadOperation(f"{operation.name} has the method and path of {taken}")
        ids = [n for n in names if n.endswith("Id") and n not in operation.opaque_ids]
        route = Route(operation, face, tuple(names), tuple(ids))
        methods[operation.method] = route
        self.all.append(route)
