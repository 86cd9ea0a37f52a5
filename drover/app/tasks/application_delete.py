"""Delete all that an application had, some at a time; the application itself has gone before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.app.exports import ExportRoom
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.app.services import Services
    from drover.ports.store import Session
    from drover.ports.tasks import Output, Task

ROWS: Final = 2000
"""Rows of a table that one unit of work deletes: others write between two of them."""
CONTENT: Final = ("files", "notebooks")
"""What is kept beside the store, below the application's id."""


class DeleteApplication:
    """Goes through the parts until each is empty, and once more: what came late goes as well."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def run(self, task: Task) -> Output:
        """Return how many rows were removed."""
        application_id = task.input["applicationId"]
        place = task.checkpoint or {"part": 0, "removed": 0, "began": 0, "over": False}

        async def some(session: Session) -> Any:
            gone = await session.resources.purge(application_id, place["part"], ROWS)
            return _after(place, gone)

        while not place["over"]:
            place = await task.step(some)
            await task.progress(place["removed"], place["removed"])
        for content in CONTENT:
            await self._services[ExportRoom].blobs.clear(f"{content}/{application_id}")
        return {"applicationId": application_id, "removed": place["removed"]}


def _after(place: dict[str, Any], gone: int | None) -> dict[str, Any]:
    """Return where to go on: a round is the last when it ends with what it ``began`` with."""
    if gone is None:
        removed = place["removed"]
        return {**place, "part": 0, "began": removed, "over": place["began"] == removed}
    if gone == 0:
        return {**place, "part": place["part"] + 1}
    return {**place, "removed": place["removed"] + gone}


TASK = LongTask("application_delete", "DeleteApplication", DeleteApplication)
