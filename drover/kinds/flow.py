"""A workflow: what starts it, and the nodes a payload passes through."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

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
from drover.model.kind import Kind
from drover.model.resource import Resource
from drover.model.workflow import FlowNode, FlowTrigger

Text = Annotated[str, Meta(min_length=1, max_length=1024)]
Icon = Annotated[
    str,
    Meta(
        max_length=32767,
        pattern=r"^data:image/(jpg|jpeg|png|svg\+xml);base64,[0-9a-zA-Z+/=]*\Z",
    ),
]


class _Field(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", tag_field="type"
):
    """What every field of a custom node's form has."""

    label: Text
    id: Text | UnsetType = UNSET
    description: Prose | UnsetType = UNSET


class Checkbox(_Field, frozen=True, kw_only=True, tag="checkbox"):
    """A box to tick."""

    default_value: bool | UnsetType = UNSET


class Option(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One choice of a list."""

    value: Text
    label: ShortProse | UnsetType = UNSET


class Select(_Field, frozen=True, kw_only=True, tag="select"):
    """A choice from a list."""

    default_value: Text
    options: Annotated[tuple[Option, ...], Meta(min_length=1, max_length=100)]


class StringTemplate(_Field, frozen=True, kw_only=True, tag="stringTemplate"):
    """Text made from a template."""

    default_value: ShortProse | UnsetType = UNSET
    required: bool | UnsetType = UNSET
    valid_reg_exp: ShortProse | UnsetType = UNSET


class NumberTemplate(_Field, frozen=True, kw_only=True, tag="numberTemplate"):
    """A number made from a template."""

    default_value: int | float | UnsetType = UNSET
    required: bool | UnsetType = UNSET
    valid_min: int | float | UnsetType = UNSET
    valid_max: int | float | UnsetType = UNSET


class JsonTemplate(_Field, frozen=True, kw_only=True, tag="jsonTemplate"):
    """JSON made from a template."""

    default_value: Prose | UnsetType = UNSET
    required: bool | UnsetType = UNSET


class PayloadPath(_Field, frozen=True, kw_only=True, tag="payloadPath"):
    """A path into the payload."""

    required: bool | UnsetType = UNSET


class Section(_Field, frozen=True, kw_only=True, tag="section"):
    """A heading."""


Form = Checkbox | Select | StringTemplate | NumberTemplate | JsonTemplate | PayloadPath | Section


class CustomNodeConfig(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """The form of a node that is itself a workflow."""

    output_count: Literal[1, 2]
    result_mode: Literal["optional", "required", "none"]
    fields: Annotated[tuple[Form, ...], Meta(max_length=100)]
    result_description: Prose | UnsetType = UNSET


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


KIND = Kind(
    Flow,
    one="flow",
    many="flows",
    path="flows",
    queryable=True,
    table="flow",
    exported_as="Flow",
    label="Workflow",
    counted_as="flowCount",
)
