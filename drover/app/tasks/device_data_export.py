"""Export what devices reported as a file, or as a zip file with one for each device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.export_sources import DeviceData
from drover.app.exports import Export, ZippedExport
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.app.services import Services
    from drover.ports.tasks import Output, Task


class DataExport:
    """Writes one file of all devices, or one of each."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def run(self, task: Task) -> Output:
        """Return the address of the file."""
        source = DeviceData()
        if task.input.get("filePerDevice"):
            return await ZippedExport(self._services, source).run(task)
        return await Export(self._services, source).run(task)


TASK = LongTask("device_data_export", "DeviceDataExport", DataExport)
