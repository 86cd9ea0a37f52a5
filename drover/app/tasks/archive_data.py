"""Archive one day: what devices reported on it, its events, and the data tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from drover.app.archives.sources import ArchiveTask
from drover.app.archives.work import day_of
from drover.app.long_tasks import LongTask
from drover.app.transfer.export import Wish
from drover.app.transfer.repository import RepoOrder, RepositoryExports
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from drover.app.archives.work import Archive
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
        await archive.end_part("tables", "export")
        if config.include_application_export:
            output["applicationExport"] = await self._export(task, archive)
        return {**output, **archive.result()}

    async def _export(self, task: Task, archive: Archive) -> Output:
        """Push the application to its repository; pushed twice, it is the same."""
        given = archive.config.application_export_options
        if given is UNSET:
            reason = "Object missing required field `applicationExportOptions`"
            raise Invalid(reason, field="archiveConfig.applicationExportOptions")
        place = {} if given.repo is UNSET else msgspec.structs.asdict(given.repo)
        wish = Wish(
            devices=given.include_devices,
            rows=given.include_data_table_rows,
            files=given.include_files,
            private_files=given.include_private_files,
        )
        order = RepoOrder(
            credential_name=given.credential_name,
            wish=wish,
            **{name: text for name, text in place.items() if text is not UNSET},
        )
        pushes = self.services[RepositoryExports]
        return await pushes.run(task.application_id, order, task.folder)


TASK = LongTask("archive_data", "ArchiveData", ArchiveData)
