"""Which devices a body means: those listed, tagged so, or matching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from drover.model.errors import Invalid
from drover.query.filters import devices_listed
from drover.query.kinds import DEVICES
from drover.query.losant import parse
from drover.query.tree import any_of

if TYPE_CHECKING:
    from drover.model.fields import Ids, TagFilters
    from drover.query.tree import Node


class DeviceChoice(Protocol):
    """A body that is about devices: the union of what it gives."""

    @property
    def device_ids(self) -> Ids | UnsetType:
        """Devices by their ids."""
        ...

    @property
    def device_tags(self) -> TagFilters | UnsetType:
        """Devices with any of these tags."""
        ...

    @property
    def device_query(self) -> dict[str, Any] | UnsetType:
        """Devices that match."""
        ...


def chosen(given: DeviceChoice) -> Node:
    """Return the tree of the devices of a body; raises Invalid where it chooses none."""
    parts: list[Node] = []
    if given.device_query is not UNSET:
        parts.append(parse(given.device_query, DEVICES))
    # A tag without key and value would mean every device that has any.
    tags = [tag for tag in msgspec.to_builtins(given.device_tags or ()) if tag]
    if given.device_ids or tags:
        parts.append(devices_listed(given.device_ids or (), tags))
    if not parts:
        raise Invalid("deviceIds, deviceTags or deviceQuery is required", field="deviceQuery")
    return any_of(parts)
