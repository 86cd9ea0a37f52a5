"""Archive every day up to the youngest that may be: what devices reported, a file for each day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.archives import config as configured
from drover.app.archives.sources import ArchiveTask
from drover.app.archives.work import DAY_MS, Span, day_of
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.ports.tasks import Output, Task


class BackfillArchive(ArchiveTask):
    """Writes all that devices reported before the days that are archived one by one."""

    async def run(self, task: Task) -> Output:
        """Return the folder that the days' folders are in, and what was written."""
        archive = await self.opened(task)
        youngest_ms = task.input["end"] - configured.delay_days(archive.config) * DAY_MS
        await archive.devices(Span(0, day_of(youngest_ms).end_ms))
        return {"devicesDirectory": archive.directory, **archive.result()}


TASK = LongTask("backfill_archive", "BackfillArchiveData", BackfillArchive)
