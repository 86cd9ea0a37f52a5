"""A thing in the field, or the record that stands for one."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from drover.model.device_shape import Attributes, DeviceClass, check_attributes
from drover.model.errors import Invalid
from drover.model.fields import AgentVersion, Id, Ids, Name, Prose, ReadOnly, Refers, Tags
from drover.model.instants import InstantText
from drover.model.kind import Kind
from drover.model.resource import Resource

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
    check_attributes(device.attributes)
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
