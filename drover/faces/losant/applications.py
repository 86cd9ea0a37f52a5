"""Applications: list, create, read, change and delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.applications import Applications
from drover.app.catalog import Catalog
from drover.faces.losant import _envelope, _lists
from drover.faces.operation import Call, Operation
from drover.kinds.application import KIND
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_ONE = "/applications/{applicationId}"


class _Calls:
    """The operations on applications themselves."""

    def __init__(self, catalog: Catalog, applications: Applications) -> None:
        self._catalog = catalog
        self._applications = applications

    async def list(self, call: Call) -> bytes:
        """Return one page."""
        listing = _lists.listing(call, KIND)
        org_id = call.query.get("orgId") or None
        found = await self._applications.list(call.caller, listing, org_id)
        return _envelope.page(KIND, call, listing, found)

    async def post(self, call: Call) -> bytes:
        """Create one."""
        return _envelope.one(KIND, call, await self._applications.create(call.caller, call.body))

    async def get(self, call: Call) -> bytes:
        """Return one."""
        document = await self._catalog.get(KIND, call.application_id, call.application_id)
        return _envelope.one(KIND, call, document)

    async def patch(self, call: Call) -> bytes:
        """Change one."""
        old = (call.application_id, call.application_id, None)
        document = await self._catalog.patch(call.caller, KIND, old, call.body)
        return _envelope.one(KIND, call, document)

    async def delete(self, call: Call) -> dict[str, bool]:
        """Delete one and all that is in it."""
        await self._catalog.delete(call.caller, KIND, call.application_id, call.application_id)
        return {"success": True}


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on applications."""
    calls = _Calls(services[Catalog], services[Applications])
    for method, path, verb, run, status in (
        ("GET", "/applications", "get", calls.list, 200),
        ("POST", "/applications", "post", calls.post, 201),
        ("GET", _ONE, "get", calls.get, 200),
        ("PATCH", _ONE, "patch", calls.patch, 200),
        ("DELETE", _ONE, "delete", calls.delete, 200),
    ):
        collection = path != _ONE
        yield Operation(
            method=method,
            path=path,
            scopes=_scopes(verb) if collection else KIND.scopes(verb),
            run=run,
            name=f"{KIND.many if collection else KIND.one}.{verb}",
            summary=f"{verb.capitalize()} {'applications' if collection else 'an application'}",
            status=status,
            body={"POST": KIND.post_type, "PATCH": KIND.patch_type}.get(method),
            kind=KIND.one,
        )


def _scopes(verb: str) -> frozenset[str]:
    """Return what opens the collection, which no token of one application does."""
    scopes = for_operation(KIND.many, verb, ("Organization", "User"), reads=verb == "get")
    return scopes | {"all.User.cli"} if verb == "get" else scopes
