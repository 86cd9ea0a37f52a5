"""Side tables: what a resource holds that queries look for, one row for each value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.kinds.device import Device
    from drover.store.driver import Transaction


class Relate(Protocol):
    """Writes the side rows of a saved resource; ``fresh`` ones have none yet."""

    async def __call__(self, tx: Transaction, resource: Any, /, *, fresh: bool) -> None:
        """Write them."""
        ...


async def relate_device(tx: Transaction, device: Device, /, *, fresh: bool) -> None:
    """Write a device's tags, attributes and ancestors."""
    own = {"application_id": device.application_id, "device_id": device.id}
    if not fresh:
        for table in ("tags", "attributes", "ancestors"):
            await tx.execute(f"device_{table}_clear", own)
    if device.tags:
        pairs = dict.fromkeys((tag.key, tag.value) for tag in device.tags)
        rows = [{**own, "key": key, "value": value} for key, value in pairs]
        await tx.execute_many("device_tag_add", rows)
    if device.attributes:
        rows = [
            {**own, "name": each.name, "data_type": each.data_type} for each in device.attributes
        ]
        await tx.execute_many("device_attribute_add", rows)
    if device.ancestor_ids:
        rows = [{**own, "ancestor_id": each} for each in device.ancestor_ids]
        await tx.execute_many("device_ancestor_add", rows)


RELATIONS: Final[Mapping[str, Relate]] = {"device": relate_device}
"""What to write beside each table."""
