"""Write a file of how much each of many devices sent and was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.export_sources import DevicePayloads
from drover.app.exports import Export
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.app.services import Services


def _make(services: Services) -> Export:
    return Export(services, DevicePayloads())


TASK = LongTask("devices_payload_counts", "DevicesPayloadCounts", _make)
