"""Archive all data tables that the configuration chooses, a file for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.archives.sources import ArchiveTask
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.ports.tasks import Output, Task


class FullDataTablesArchive(ArchiveTask):
    """Writes every row of the tables."""

    async def run(self, task: Task) -> Output:
        """Return the folder of the files, and what was written."""
        archive = await self.opened(task)
        folder = f"{archive.directory}dataTables/"
        await archive.tables(folder, task.input["end"])
        return {"dataTablesDirectory": folder, **archive.result()}


TASK = LongTask("full_data_tables_archive", "FullDataTablesArchive", FullDataTablesArchive)
