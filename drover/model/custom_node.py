"""The form of a node that is itself a workflow: what its users fill in, and what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.model.fields import Prose, ShortProse

if TYPE_CHECKING:
    from collections.abc import Mapping

EXECUTES: Final = "CustomNodeExecuteNode"
"""The type of the nodes that stand for a custom node."""

DEFINITIONS: Final = "customNodes"
"""The key of a workflow's definition that holds those of the custom nodes it uses."""

DEFAULT: Final = "default"
"""The version of a custom node where none is named."""

Text = Annotated[str, Meta(min_length=1, max_length=1024)]


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


def wanted(config: Mapping[str, Any]) -> tuple[str, str]:
    """Return id and version of the custom node that a node's config names; the id may be empty."""
    found, version = config.get("customNodeId"), config.get("customNodeVersion")
    named = version if isinstance(version, str) and version else DEFAULT
    return (found.lower() if isinstance(found, str) else ""), named


def definition_key(custom_node_id: str, version: str) -> str:
    """Return the key under which a definition carries that of a custom node."""
    return f"{custom_node_id}/{version}"
