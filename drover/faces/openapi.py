"""The description of the API, made from the operations that are served."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from drover.faces.operation import Operation

VERSION: Final = "3.1.0"
_REFERENCE: Final = "#/components/schemas/{name}"
_ERROR: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["type", "message"],
    "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
}


class Published:
    """What a running server publishes of itself; filled when its operations are known."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._operations: list[Operation] = []
        self.metrics: Callable[[], bytes] = bytes

    def publish(self, operations: Iterable[Operation], metrics: Callable[[], bytes]) -> None:
        """Take the operations that are served and the source of the figures."""
        self._operations = list(operations)
        self.metrics = metrics

    @cached_property
    def description(self) -> bytes:
        """The OpenAPI document as JSON."""
        return msgspec.json.encode(describe(self._operations, self._version))


def describe(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """Return the OpenAPI document of operations."""
    listed = list(operations)
    bodies = list({id(each.body): each.body for each in listed if each.body}.values())
    schemas, components = msgspec.json.schema_components(bodies, ref_template=_REFERENCE)
    by_type = {id(body): schema for body, schema in zip(bodies, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for each in listed:
        body = by_type.get(id(each.body)) if each.body else None
        paths.setdefault(each.path.replace("*}", "}"), {})[each.method.lower()] = _operation(
            each, body
        )
    return {
        "openapi": VERSION,
        "info": {"title": "Drover", "version": version},
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR, **components},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, body: dict[str, Any] | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": {
            str(operation.status): {"description": "It was done"},
            "default": {
                "description": "Why it was refused",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if operation.scopes is not None:
        described["security"] = [{"token": sorted(operation.scopes)}]
    if operation.ours:
        described["x-drover-addition"] = True
    if body is not None:
        described["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parts = [
        part[1:-1].removesuffix("*") for part in operation.path.split("/") if part.startswith("{")
    ]
    in_path = [_parameter(name, "path", required=True) for name in parts]
    return in_path + [_parameter(name, "query", required=False) for name in operation.parameters]


def _parameter(name: str, place: str, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": {"type": "string"}}
