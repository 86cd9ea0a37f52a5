"""The usual five operations of every kind, derived from its declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.app.catalog import Catalog
from drover.faces.losant import _envelope, _lists
from drover.faces.losant._usual import usual

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.faces.operation import Call, Operation
    from drover.model.kind import Kind


def operations(services: Services) -> Iterator[Operation]:
    """Yield the usual operations of each kind that lives in an application."""
    catalog = services[Catalog]
    for kind in catalog.kinds.values():
        if kind.path:
            yield from of_kind(catalog, kind)


def of_kind(catalog: Catalog, kind: Kind[Any]) -> Iterator[Operation]:
    """Yield the usual operations that a kind has."""
    runs = _Usual(catalog, kind)
    for verb, run in (
        ("list", runs.list),
        ("post", runs.post),
        ("get", runs.get),
        ("patch", runs.patch),
        ("delete", runs.delete),
    ):
        if verb in kind.operations:
            lists = _lists.parameters(kind) if verb == "list" else ()
            yield usual(kind, verb, run, lists, gives_way=True)


class _Usual:
    """The usual operations of one kind."""

    def __init__(self, catalog: Catalog, kind: Kind[Any]) -> None:
        self._catalog = catalog
        self._kind = kind

    async def list(self, call: Call) -> bytes:
        """Return one page."""
        listing = _lists.listing(call, self._kind)
        found = await self._catalog.list(self._kind, call.application_id, listing)
        return _envelope.page(self._kind, call, listing, found)

    async def post(self, call: Call) -> bytes:
        """Create one."""
        kind = self._kind
        within = _lists.within(call, kind)
        document = await self._catalog.create(
            call.caller, kind, call.application_id, call.body, within
        )
        return _envelope.one(kind, call, document)

    async def get(self, call: Call) -> bytes:
        """Return one."""
        _, resource_id, parent_id = self._old(call)
        document = await self._catalog.get(self._kind, call.application_id, resource_id, parent_id)
        return _envelope.one(self._kind, call, document)

    async def patch(self, call: Call) -> bytes:
        """Change one."""
        document = await self._catalog.patch(call.caller, self._kind, self._old(call), call.body)
        return _envelope.one(self._kind, call, document)

    async def delete(self, call: Call) -> dict[str, bool]:
        """Delete one."""
        _, resource_id, parent_id = self._old(call)
        await self._catalog.delete(
            call.caller, self._kind, call.application_id, resource_id, parent_id
        )
        return {"success": True}

    def _old(self, call: Call) -> tuple[str, str, str | None]:
        resource_id = call.path[self._kind.identifier]
        return call.application_id, resource_id, _lists.parent_id(call, self._kind)
