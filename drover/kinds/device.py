"""A thing in the field, or the record that stands for one."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.model.errors import Invalid
from drover.model.fields import (
    AgentVersion,
    Id,
    Ids,
    Key,
    Name,
    Prose,
    ReadOnly,
    Refers,
    TagFilters,
    TagMap,
    Tags,
)
from drover.model.instants import InstantText
from drover.model.kind import Kind
from drover.model.resource import Resource

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
DeviceReference = Annotated[Id | UnsetType | None, Refers("device")]


class Device(Resource, frozen=True, kw_only=True):
    """A thing in the field, or the record that stands for one."""

    name: Name
    description: Prose | UnsetType = UNSET
    tags: Tags = ()
    attributes: Attributes = ()
    device_class: DeviceClass = "standalone"
    gateway_id: Annotated[Id | UnsetType, Refers("device")] = UNSET
    edge_agent_version: ReadOnly[AgentVersion | UnsetType] = UNSET
    parent_id: DeviceReference = UNSET
    ancestor_ids: ReadOnly[Ids] = ()
    system_interval: Annotated[int, Meta(ge=5, le=3600)] | UnsetType = UNSET
    keep_duplicates: bool | UnsetType = UNSET
    deleted_at: ReadOnly[InstantText | UnsetType] = UNSET


def check(device: Device) -> None:
    """Raise Invalid where attributes share a name or a device is its own parent."""
    names = [attribute.name for attribute in device.attributes]
    if len(set(names)) < len(names):
        raise Invalid("Each attribute needs a name of its own at `attributes`", field="attributes")
    if device.id in {device.parent_id, device.gateway_id}:
        raise Invalid("A device cannot be its own parent or gateway", field="parentId")


KIND = Kind(
    Device,
    one="device",
    many="devices",
    path="devices",
    sortable=("name", "id", "creationDate", "lastUpdated", "connectionStatus", "deletedAt"),
    queryable=True,
    devices_may=frozenset(
        {
            "commandStream",
            "get",
            "getCommand",
            "getCompositeState",
            "getLogEntries",
            "getState",
            "sendCommand",
            "sendState",
            "setConnectionStatus",
            "stateStream",
        }
    ),
    table="device",
    exported_as="Device",
    bundled_in="devices.yaml",
    fleet_sized=True,
    counted_as="deviceCount",
    check=check,
)
