"""The shape of a device: its class and the attributes that it reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.model.errors import Invalid
from drover.model.fields import Ids, Key, Prose, TagFilters, TagMap

if TYPE_CHECKING:
    from collections.abc import Sequence

DeviceClass = Literal[
    "standalone", "gateway", "peripheral", "floating", "edgeCompute", "system", "embedded"
]
DataType = Literal["string", "number", "gps", "boolean", "blob"]
Aggregation = Literal["FIRST", "LAST", "COUNT", "MAX", "MIN", "MEDIAN", "MEAN", "SUM", "STD_DEV"]


class ChildAttribute(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Which attribute of which devices below feeds one of a system."""

    name: Key
    mode: Literal["all", "whitelist", "blacklist"]
    device_ids: Ids | UnsetType = UNSET
    device_tags: TagFilters | UnsetType = UNSET


class SystemAttribute(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """How a system's attribute is made from those of the devices below it."""

    aggregation: Aggregation | UnsetType = UNSET
    aggregation_options: Annotated[tuple[dict[str, str], ...], Meta(max_length=0)] | UnsetType = (
        UNSET
    )
    child_attributes: Annotated[tuple[ChildAttribute, ...], Meta(max_length=256)] | UnsetType = (
        UNSET
    )


class Attribute(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A value that a device reports."""

    name: Key
    data_type: DataType
    content_type: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    attribute_tags: TagMap | UnsetType = UNSET
    system: SystemAttribute | UnsetType = UNSET


Attributes = Annotated[tuple[Attribute, ...], Meta(max_length=256)]


def check_attributes(attributes: Sequence[Attribute]) -> None:
    """Raise Invalid where attributes share a name."""
    names = [attribute.name for attribute in attributes]
    if len(set(names)) < len(names):
        raise Invalid("Each attribute needs a name of its own at `attributes`", field="attributes")
