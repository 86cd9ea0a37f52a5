"""Export an application as a bundle to be fetched, or to a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from drover.app.long_tasks import LongTask
from drover.app.transfer.export import Wish
from drover.app.transfer.exports import Exports
from drover.app.transfer.repository import RepoOrder, RepositoryExports

if TYPE_CHECKING:
    from drover.app.services import Services
    from drover.ports.tasks import Output, Task


class Export:
    """Makes the bundle; begun again from nothing where its server died."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def run(self, task: Task) -> Output:
        """Make the bundle and return its address, or where it was pushed to."""
        exports = self._services[Exports]
        wish = msgspec.convert(task.input["wish"], Wish)
        total = await exports.size(task.application_id, wish)
        done = 0

        async def told(count: int) -> None:
            nonlocal done
            done += count
            await task.progress(done, max(done, total), "exporting")

        if "repo" in task.input:
            order = msgspec.convert({**task.input["repo"], "wish": task.input["wish"]}, RepoOrder)
            pushes = self._services[RepositoryExports]
            return await pushes.run(task.application_id, order, task.folder, told)
        return {"downloadUrls": [await exports.run(task.application_id, wish, told)]}


TASK = LongTask(kind="application_export", name="ExportApplication", make=Export)
