"""A snapshot of a workflow, which never changes but for its notes and whether it runs."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from drover.model.custom_node import CustomNodeConfig
from drover.model.errors import Invalid
from drover.model.fields import AgentVersion, CreateOnly, FlowGlobals, Id, Name, Prose, ReadOnly
from drover.model.global_values import check_globals
from drover.model.kind import Kind
from drover.model.resource import Resource
from drover.model.workflow import FlowNode, FlowTrigger

RESERVED = frozenset({"develop", "default"})


class FlowVersion(Resource, frozen=True, kw_only=True):
    """A snapshot of a workflow."""

    flow_id: ReadOnly[Id]
    version: CreateOnly[Name]
    notes: Prose | UnsetType = UNSET
    enabled: bool = True
    flow_class: ReadOnly[str | UnsetType] = UNSET
    name: ReadOnly[str | UnsetType] = UNSET
    triggers: CreateOnly[tuple[FlowTrigger, ...]] = ()
    nodes: CreateOnly[tuple[FlowNode, ...]] = ()
    globals: CreateOnly[FlowGlobals] = ()
    minimum_agent_version: CreateOnly[AgentVersion | UnsetType] = UNSET
    custom_node_config: CreateOnly[CustomNodeConfig | UnsetType] = UNSET
    created_by_id: ReadOnly[str | UnsetType] = UNSET
    created_by_type: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_id: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_type: ReadOnly[str | UnsetType] = UNSET
    stats: ReadOnly[dict[str, Any] | UnsetType] = UNSET


def check(version: FlowVersion) -> None:
    """Raise Invalid for a name that means something else, and for globals that are no JSON."""
    check_globals(version.globals)
    if version.version in RESERVED:
        raise Invalid(f"A version cannot be called {version.version}", field="version")


KIND = Kind(
    FlowVersion,
    one="flowVersion",
    many="flowVersions",
    path="flows/{flowId}/versions",
    sortable=("version", "id", "creationDate", "lastUpdated"),
    filterable=("version",),
    default_sort="version",
    queryable=True,
    searchable=False,
    table="flow_version",
    exported_as="FlowVersion",
    bundled_in="workflowVersions/{version}.yaml",
    known_by=("flowId", "version"),
    label="Workflow version",
    parent="flow",
    check=check,
)
