"""Export devices as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.export_sources import DEVICES
from drover.app.exports import Export
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.app.services import Services


def _make(services: Services) -> Export:
    return Export(services, DEVICES)


TASK = LongTask("devices_export", "DevicesExport", _make)
