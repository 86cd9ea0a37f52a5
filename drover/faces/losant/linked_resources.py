"""What in an application names an endpoint, a view or a credential."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.linked_resources import DEVELOP, LinkedResources
from drover.faces.losant import _envelope
from drover.faces.operation import Call, Operation
from drover.kinds.credential import KIND as CREDENTIAL
from drover.kinds.experience_endpoint import KIND as ENDPOINT
from drover.kinds.experience_view import KIND as VIEW
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as FLOW_VERSION
from drover.kinds.integration import KIND as INTEGRATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.linked_resources import Found
    from drover.app.services import Services
    from drover.model.kind import Kind

_SHOWN: Final[dict[str, Kind[Any]]] = {
    kind.many: kind for kind in (VIEW, ENDPOINT, FLOW, FLOW_VERSION, INTEGRATION)
}


class _Calls:
    """The operations, each of one kind."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def _linked(self) -> LinkedResources:
        return self._services[LinkedResources]

    async def versioned(self, kind: Kind[Any], call: Call) -> dict[str, Any]:
        """Return what an endpoint leads to, or what shows a view, in a version."""
        find = self._linked.of_endpoint if kind is ENDPOINT else self._linked.of_view
        found = await find(
            call.application_id,
            call.path[kind.identifier],
            call.query.get("version") or DEVELOP,
            custom_nodes=call.flag("includeCustomNodes"),
        )
        return _pages(call, found)

    async def credential(self, call: Call) -> dict[str, Any]:
        """Return what signs in with a credential."""
        found = await self._linked.of_credential(
            call.application_id,
            call.path["credentialId"],
            custom_nodes=call.flag("includeCustomNodes"),
        )
        return _pages(call, found)


def _pages(call: Call, found: Found) -> dict[str, Any]:
    """Return each collection as one page that holds all of it, by name."""
    return {name: _page(call, _SHOWN[name], documents) for name, documents in found.items()}


def _page(call: Call, kind: Kind[Any], documents: list[bytes]) -> dict[str, Any]:
    items = [msgspec.Raw(_shown(call, kind, document)) for document in documents]
    return {
        "items": items,
        "count": len(items),
        "totalCount": len(items),
        "page": 0,
        "perPage": len(items),
        "sortField": "id",
        "sortDirection": "asc",
        "applicationId": call.application_id,
        "_type": kind.type_names[1],
    }


def _shown(call: Call, kind: Kind[Any], document: bytes) -> bytes:
    shown = _envelope.one_inside if kind.parent else _envelope.one
    return shown(kind, call, document)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations."""
    calls = _Calls(services)
    for kind, run, parameters in (
        (ENDPOINT, partial(calls.versioned, ENDPOINT), ("version", "includeCustomNodes")),
        (VIEW, partial(calls.versioned, VIEW), ("version", "includeCustomNodes")),
        (CREDENTIAL, calls.credential, ("includeCustomNodes",)),
    ):
        yield Operation(
            method="GET",
            path=f"/applications/{{applicationId}}/{kind.path}/{{{kind.identifier}}}/linkedResources",
            scopes=kind.scopes("linkedResources", reads=True),
            run=run,
            name=f"{kind.one}.linkedResources",
            summary=f"List what names a {kind.title.lower()}",
            parameters=parameters,
        )
