"""Archive all events of an application in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.archives.sources import ArchiveTask
from drover.app.archives.work import Span
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.ports.tasks import Output, Task


class FullEventsArchive(ArchiveTask):
    """Writes the events that were made before the archive was asked for."""

    async def run(self, task: Task) -> Output:
        """Return the folder of the file, and what was written."""
        archive = await self.opened(task)
        end_ms, folder = task.input["end"], f"{archive.directory}events/"
        key = f"{folder}{archive.application.id}-events-{end_ms}"
        await archive.events(Span(0, end_ms), key)
        return {"eventsDirectory": folder, **archive.result()}


TASK = LongTask("full_events_archive", "FullEventsArchive", FullEventsArchive)
