"""Custom nodes: workflows that others use as nodes, as editors show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.model.custom_node import EXECUTES
from drover.model.fields import is_id
from drover.ports.resources import Listing
from drover.query.tree import Compare, In, Operator, all_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from drover.kinds.flow import Flow
    from drover.ports.store import Session, Store
    from drover.query.tree import Node

_CUSTOM: Final = Compare("flowClass", Operator.EQUAL, "customNode")
_ALL: Final = 2**31 - 1
_SHOWN: Final = (
    "id",
    "name",
    "description",
    "shortDescription",
    "iconData",
    "docsUrl",
    "category",
    "customNodeConfig",
)


class CustomNodes:
    """Looks custom nodes up."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def palette(self, application_id: str) -> list[dict[str, Any]]:
        """Return every custom node of an application, by name, in the version that runs."""
        return await self._store.read(lambda session: _shown(session, application_id, _CUSTOM))

    async def used_by(
        self, application_id: str, workflows: Sequence[Mapping[str, Any]]
    ) -> list[list[dict[str, Any]]]:
        """Return for each workflow, or version of one, the custom nodes it uses, by name."""
        used = [set(_named(each["nodes"])) for each in workflows]
        wanted = sorted(set().union(*used))
        if not wanted:
            return [[] for _ in workflows]
        chosen = all_of([_CUSTOM, In("id", tuple(wanted))])
        found = await self._store.read(lambda session: _shown(session, application_id, chosen))
        return [[each for each in found if each["id"] in ids] for ids in used]


def _named(nodes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for node in nodes:
        wanted = node.get("config", {}).get("customNodeId") if node["type"] == EXECUTES else None
        if isinstance(wanted, str) and is_id(wanted):
            yield wanted.lower()


async def _shown(session: Session, application_id: str, chosen: Node) -> list[dict[str, Any]]:
    listing = Listing(sort_field="name", limit=_ALL, query=chosen)
    flows = (await session.resources.page(FLOW, application_id, listing)).items
    versions = await _versions(session, application_id, flows)
    return [_entry(flow, versions) for flow in flows]


async def _versions(
    session: Session, application_id: str, flows: Sequence[Flow]
) -> Mapping[str, str]:
    """Return the names of the versions that run by default, by id."""
    ids = tuple(str(flow.default_version_id) for flow in flows if flow.default_version_id)
    if not ids:
        return {}
    listing = Listing(sort_field="id", limit=_ALL, query=In("id", ids))
    found = await session.resources.page(VERSION, application_id, listing)
    return {version.id: version.version for version in found.items}


def _entry(flow: Flow, versions: Mapping[str, str]) -> dict[str, Any]:
    document = msgspec.to_builtins(flow)
    entry = {name: document[name] for name in _SHOWN if document.get(name)}
    entry["compatibleFlowClasses"] = _compatible(flow)
    version_id = flow.default_version_id or ""
    if version_id in versions:
        return {**entry, "flowVersionId": version_id, "version": versions[version_id]}
    return {**entry, "version": "develop"}


def _compatible(flow: Flow) -> dict[str, bool | str]:
    supports = flow.custom_node_supports
    if supports is UNSET or "cloud" in supports or not supports:
        return {"cloud": True, "experience": True}
    return {"edge": flow.minimum_agent_version or True}
