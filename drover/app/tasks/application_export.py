"""Export an application as a bundle to be fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from drover.app.long_tasks import LongTask
from drover.app.transfer.export import Wish
from drover.app.transfer.exports import Exports

if TYPE_CHECKING:
    from drover.ports.tasks import Output, Task


class Export:
    """Makes the bundle; begun again from nothing where its server died."""

    def __init__(self, exports: Exports) -> None:
        self._exports = exports

    async def run(self, task: Task) -> Output:
        """Make the bundle and return its address."""
        wish = msgspec.convert(task.input["wish"], Wish)
        total = await self._exports.size(task.application_id, wish)
        done = 0

        async def told(count: int) -> None:
            nonlocal done
            done += count
            await task.progress(done, max(done, total), "exporting")

        return {"downloadUrls": [await self._exports.run(task.application_id, wish, told)]}


TASK = LongTask(
    kind="application_export",
    name="ExportApplication",
    make=lambda services: Export(services[Exports]),
)
