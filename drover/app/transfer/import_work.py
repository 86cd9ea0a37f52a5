"""Imports as long tasks: what was ordered is carried out, once, whatever happens to servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.transfer.imports import Imports

if TYPE_CHECKING:
    from drover.app.services import Services
    from drover.ports.tasks import Output, Task


class ImportWork:
    """Carries out an import that a job was asked for."""

    def __init__(self, imports: Imports) -> None:
        self._imports = imports

    @classmethod
    def of(cls, services: Services) -> ImportWork:
        """Return one over the use cases of a server."""
        return cls(services[Imports])

    async def run(self, task: Task) -> Output:
        """Bring in all that was ordered, or nothing."""
        await task.progress(0, 1, "importing")
        output = await self._imports.carry_out(task)
        await task.progress(1, 1, "imported")
        return output
