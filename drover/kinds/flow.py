"""A workflow: what starts it, and the nodes a payload passes through."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from drover.model.custom_node import CustomNodeConfig
from drover.model.fields import (
    AgentVersion,
    Clearable,
    CreateOnly,
    FlowGlobals,
    Id,
    Name,
    PatchOnly,
    Prose,
    ReadOnly,
    Refers,
    ShortProse,
    Url,
)
from drover.model.global_values import check_globals
from drover.model.kind import Kind
from drover.model.resource import Resource
from drover.model.workflow import FlowNode, FlowTrigger

Icon = Annotated[
    str,
    Meta(
        max_length=32767,
        pattern=r"^data:image/(jpg|jpeg|png|svg\+xml);base64,[0-9a-zA-Z+/=]*\Z",
    ),
]


FlowClass = Literal["cloud", "edge", "embedded", "experience", "customNode"]


class Flow(Resource, frozen=True, kw_only=True):
    """A workflow with its develop version."""

    name: Name
    description: Prose | UnsetType = UNSET
    short_description: ShortProse | UnsetType = UNSET
    icon_data: Icon | UnsetType | None = UNSET
    docs_url: Url | UnsetType = UNSET
    category: Literal["data", "experience", "logic", "output", "debug", ""] | UnsetType = UNSET
    enabled: bool = True
    default_version_id: PatchOnly[Clearable[Annotated[Id | UnsetType, Refers("flowVersion")]]] = (
        UNSET
    )
    flow_class: CreateOnly[FlowClass] = "cloud"
    triggers: tuple[FlowTrigger, ...] = ()
    nodes: tuple[FlowNode, ...] = ()
    globals: FlowGlobals = ()
    minimum_agent_version: AgentVersion | UnsetType = UNSET
    custom_node_config: CustomNodeConfig | UnsetType = UNSET
    custom_node_supports: CreateOnly[
        Annotated[tuple[Literal["cloud", "edge"], ...], Meta(max_length=1)] | UnsetType
    ] = UNSET
    created_by_id: ReadOnly[str | UnsetType] = UNSET
    created_by_type: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_id: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_type: ReadOnly[str | UnsetType] = UNSET
    stats: ReadOnly[dict[str, Any] | UnsetType] = UNSET


def check(flow: Flow) -> None:
    """Raise Invalid for globals that are no JSON."""
    check_globals(flow.globals)


KIND = Kind(
    Flow,
    one="flow",
    many="flows",
    path="flows",
    queryable=True,
    table="flow",
    exported_as="Flow",
    bundled_in="workflows/{name}.yaml",
    label="Workflow",
    counted_as="flowCount",
    check=check,
)
