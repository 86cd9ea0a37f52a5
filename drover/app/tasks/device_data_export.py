"""Export what devices reported as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.export_sources import DeviceData
from drover.app.exports import Export
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.app.services import Services


def _make(services: Services) -> Export:
    return Export(services, DeviceData())


TASK = LongTask("device_data_export", "DeviceDataExport", _make)
