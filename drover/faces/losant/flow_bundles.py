"""Workflows as a whole: the palette of custom nodes, and workflows brought in together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from drover.app.custom_nodes import CustomNodes
from drover.app.flow_import import FlowImport
from drover.faces.losant import _envelope
from drover.faces.operation import Call, Operation
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_FLOWS = "/applications/{applicationId}/flows"
_Entries = Annotated[tuple[dict[str, Any], ...], Meta(max_length=1000)]


class FlowsImportPost(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """Workflows and versions as an export shows them."""

    flows: _Entries = ()
    flow_versions: _Entries = ()


class _Calls:
    """The operations over the use cases."""

    def __init__(self, nodes: CustomNodes, bundles: FlowImport) -> None:
        self._nodes = nodes
        self._bundles = bundles

    async def palette(self, call: Call) -> dict[str, Any]:
        """Return the custom nodes of an application."""
        found = await self._nodes.palette(call.application_id)
        return {"customNodes": found, "applicationId": call.application_id}

    async def bring(self, call: Call) -> bytes:
        """Bring workflows in, all or none."""
        given = call.json(FlowsImportPost)
        made = await self._bundles.run(
            call.caller, call.application_id, given.flows, given.flow_versions
        )
        flows = [_envelope.one(FLOW, call, document) for document in made.flows]
        versions = [_envelope.one_inside(VERSION, call, document) for document in made.versions]
        return msgspec.json.encode(
            {
                "flows": [msgspec.Raw(each) for each in flows],
                "flowVersions": [msgspec.Raw(each) for each in versions],
                "importedFlowIdMap": made.flow_ids,
                "importedVersionIdMap": made.version_ids,
            }
        )


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on workflows as a whole."""
    calls = _Calls(services[CustomNodes], services[FlowImport])
    yield Operation(
        method="GET",
        path=f"{_FLOWS}/palette",
        scopes=FLOW.scopes("palette", collection=True, reads=True),
        run=calls.palette,
        name="flows.palette",
        summary="List the custom nodes that workflows can use",
    )
    yield Operation(
        method="POST",
        path=f"{_FLOWS}/import",
        scopes=FLOW.scopes("import", collection=True),
        run=calls.bring,
        name="flows.import",
        summary="Bring in workflows and versions, with new ids",
        status=201,
        body=FlowsImportPost,
    )
