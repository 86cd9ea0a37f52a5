"""Archive one day: what devices reported on it, its events, and the data tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.archives.sources import ArchiveTask
from drover.app.archives.work import day_of
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.ports.tasks import Output, Task


class ArchiveData(ArchiveTask):
    """Writes what the configuration includes, each into the folder of the day."""

    async def run(self, task: Task) -> Output:
        """Return the folder of the day, and what was written."""
        archive = await self.opened(task)
        day = day_of(task.input["date"])
        folder = archive.day_folder(day)
        own, config = archive.application.id, archive.config
        output: Output = {}
        if config.include_devices:
            await archive.devices(day)
            output["devicesDirectory"] = folder
        await archive.end_part("devices", "events")
        if config.include_events:
            await archive.events(day, f"{folder}{own}-events-{day.start_ms}-{day.end_ms}")
            output["eventsDirectory"] = folder
        await archive.end_part("events", "tables")
        if config.include_data_tables:
            await archive.tables(folder, day.start_ms)
            output["dataTablesDirectory"] = folder
        if config.include_application_export:
            output["skipped"] = ["includeApplicationExport"]
        return {**output, **archive.result()}


TASK = LongTask("archive_data", "ArchiveData", ArchiveData)
