"""Workflows and their versions: lists with their own filters, replacement, what goes with them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from drover.app.catalog import Catalog
from drover.app.custom_nodes import CustomNodes
from drover.app.flows import TRIGGERS_OF, Flows
from drover.faces.losant import _envelope, _lists
from drover.faces.losant._custom_nodes import WithCustomNodes
from drover.faces.losant.resources import of_kind
from drover.faces.operation import Call, Operation
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.model.bodies import convert
from drover.model.errors import Invalid
from drover.model.fields import Email, Url
from drover.query.kinds import FLOW_VERSIONS
from drover.query.losant import parse
from drover.query.tree import Compare, ElementMatch, Member, Node, Operator, all_of, any_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.model.kind import Kind
    from drover.ports.resources import Listing

_APPLICATION = "/applications/{applicationId}"
_FLOWS = f"{_APPLICATION}/flows"
_FLOW = f"{_FLOWS}/{{flowId}}"
_VERSIONS = f"{_FLOW}/versions"
_CLASSES = ("edge", "embedded", "cloud", "customNode", "experience")


class TriggerFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Matches workflows with a trigger of this type, of this key, or both."""

    type: str | UnsetType = UNSET
    key: str | UnsetType = UNSET


class VersionsDelete(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body that deletes versions; the work is done when the answer comes."""

    query: dict[str, Any]
    email: Email | UnsetType = UNSET
    callback_url: Url | UnsetType = UNSET


BY_VERSION = replace(
    VERSION,
    one="flowByVersion",
    alias=VERSION.identifier,
    path="flows/version",
    parent="",
    sortable=FLOW.sortable,
    filterable=FLOW.filterable,
    default_sort=FLOW.default_sort,
)
"""Versions as a list of all workflows' versions of one name asks for them: like workflows."""


class _Calls:
    """The operations on workflows that the usual ones do not cover."""

    def __init__(self, flows: Flows, catalog: Catalog) -> None:
        self._flows = flows
        self._catalog = catalog

    async def list(self, call: Call) -> bytes:
        """Return one page of the workflows of one class, cloud unless asked otherwise."""
        listing = _listing(call)
        if call.flag("allVersions"):
            listing = await self._flows.with_matching_versions(call.application_id, listing)
        found = await self._catalog.list(FLOW, call.application_id, listing)
        return _envelope.page(FLOW, call, listing, found)

    async def by_version(self, call: Call) -> bytes:
        """Return one page of the versions of one name, whatever workflows they are of."""
        listing = _listing(call, BY_VERSION)
        listing = replace(listing, within={"version": call.text("version")})
        found = await self._catalog.list(BY_VERSION, call.application_id, listing)
        items = b",".join(_envelope.one_inside(VERSION, call, each) for each in found.items)
        tail = msgspec.json.encode(_envelope.figures(BY_VERSION, call, listing, found))
        return b'{"items":[%b],%b' % (items, tail[1:])

    async def post_version(self, call: Call) -> bytes:
        """Create a version, in place of one of the same name where that is allowed."""
        replaces = call.flag("allowReplacement")
        document = await self._flows.add_version(
            call.caller, call.application_id, call.path["flowId"], call.body, replaces=replaces
        )
        return _envelope.one(VERSION, call, document)

    async def delete_versions(self, call: Call) -> dict[str, int]:
        """Delete the versions that match."""
        chosen = parse(call.json(VersionsDelete).query, FLOW_VERSIONS)
        removed = await self._flows.delete_versions(
            call.caller, call.application_id, call.path["flowId"], chosen
        )
        return {"removed": removed, "failed": 0}


class _Listened:
    """The deletion of a kind that workflows listen to."""

    def __init__(self, flows: Flows, catalog: Catalog, kind: Kind[Any]) -> None:
        self._flows = flows
        self._catalog = catalog
        self._kind = kind

    async def delete(self, call: Call) -> dict[str, bool]:
        """Delete one, with the workflows that listen to it where that is asked."""
        one = (self._kind, call.application_id, call.path[self._kind.identifier])
        if call.flag("includeWorkflows"):
            await self._flows.delete_with_workflows(call.caller, *one)
        else:
            await self._catalog.delete(call.caller, *one)
        return {"success": True}


def _listing(call: Call, kind: Kind[Any] = FLOW) -> Listing:
    listing = _lists.listing(call, kind)
    flow_class = call.choice("flowClass", _CLASSES, "cloud")
    if listing.query is not None:
        return listing
    given = call.nested("triggerFilter")
    filters = convert(
        given if given is not None else [], tuple[TriggerFilter, ...], "triggerFilter"
    )
    wanted = [_trigger(each) for each in filters]
    parts = [_lists.globbed(listing), Compare("flowClass", Operator.EQUAL, flow_class)]
    return replace(listing, query=all_of([*parts, *([any_of(wanted)] if wanted else [])]))


def _trigger(wanted: TriggerFilter) -> Node:
    members = [
        Member((name,), value)
        for name, value in (("type", wanted.type), ("key", wanted.key))
        if value is not UNSET
    ]
    if not members:
        raise Invalid("A trigger filter needs a type or a key", field="triggerFilter")
    return ElementMatch("triggers", tuple(members))


_SHOWN = frozenset(
    {
        "flows.get",
        "flows.getByVersion",
        "flows.post",
        "flow.get",
        "flow.patch",
        "flowVersions.get",
        "flowVersions.post",
        "flowVersion.get",
        "flowVersion.patch",
    }
)
"""Operations whose answers can tell of custom nodes."""


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on workflows and their versions."""
    flows, catalog = services[Flows], services[Catalog]
    shown = WithCustomNodes(services[CustomNodes])
    calls = _Calls(flows, catalog)
    own = [*_of_flows(calls), *_of_versions(calls)]
    known = {operation.name for operation in own}
    usual = [each for kind in (FLOW, VERSION) for each in of_kind(catalog, kind)]
    wrapped = [each for each in usual if each.name in _SHOWN - known]
    for operation in (*own, *wrapped):
        yield shown.on(operation) if operation.name in _SHOWN else operation
    yield from _deletions(flows, catalog)


def _of_flows(calls: _Calls) -> Iterator[Operation]:
    narrow = (*_lists.PARAMETERS, "flowClass", "triggerFilter", "query")
    yield Operation(
        method="GET",
        path=_FLOWS,
        scopes=FLOW.scopes("get", collection=True),
        run=calls.list,
        name="flows.get",
        summary="List workflows",
        parameters=(*narrow, "allVersions"),
        kind=FLOW.one,
    )
    yield Operation(
        method="GET",
        path=f"{_FLOWS}/version",
        scopes=FLOW.scopes("getByVersion", collection=True, reads=True),
        run=calls.by_version,
        name="flows.getByVersion",
        summary="List the versions of one name of all workflows",
        parameters=(*narrow, "version"),
        kind=VERSION.one,
    )


def _of_versions(calls: _Calls) -> Iterator[Operation]:
    yield Operation(
        method="POST",
        path=_VERSIONS,
        scopes=VERSION.scopes("post", collection=True),
        run=calls.post_version,
        name="flowVersions.post",
        summary="Create a workflow version",
        status=201,
        body=VERSION.post_type,
        parameters=("allowReplacement",),
        kind=VERSION.one,
    )
    yield Operation(
        method="POST",
        path=f"{_VERSIONS}/delete",
        scopes=VERSION.scopes("delete", collection=True),
        run=calls.delete_versions,
        name="flowVersions.delete",
        summary="Delete the versions that a query matches",
        body=VersionsDelete,
    )


def _deletions(flows: Flows, catalog: Catalog) -> Iterator[Operation]:
    for kind in map(catalog.kinds.__getitem__, TRIGGERS_OF):
        yield Operation(
            method="DELETE",
            path=f"{_APPLICATION}/{kind.path}/{{{kind.identifier}}}",
            scopes=kind.scopes("delete"),
            run=_Listened(flows, catalog, kind).delete,
            name=f"{kind.one}.delete",
            summary=f"Delete a {kind.title.lower()}",
            parameters=("includeWorkflows",),
        )
