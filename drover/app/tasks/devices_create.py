"""Make many devices by a recipe, from the rows of a CSV.

What became of each row is the checkpoint, so that a task that was killed makes no device twice. It
may make a few keys twice: the secrets of the first ones were shown to nobody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.bulk import caller_of
from drover.app.device_recipes import BATCH, BulkCreate, DeviceRecipes
from drover.app.devices import Devices
from drover.app.long_tasks import LongTask
from drover.app.transfer.downloads import Downloads
from drover.app.transfer.sources import joined, one_piece
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.app.device_recipes import Line, Sheet
    from drover.app.services import Services
    from drover.model.run import Execution
    from drover.ports.store import Session
    from drover.ports.tasks import Output, Task

_NAME: Final = "devices.csv"


class CreateDevices:
    """Makes the devices, then their keys, then the file that tells what became of each row."""

    def __init__(self, services: Services) -> None:
        self._recipes = services[DeviceRecipes]
        self._devices = services[Devices]
        self._downloads = services[Downloads]

    async def run(self, task: Task) -> Output:
        """Return how many devices were made and were not, and where the file is."""
        place: dict[str, Any] = task.checkpoint or {"outcomes": []}
        if "output" in place:
            return dict(place["output"])
        text = await joined(self._downloads.content(task.input["rowsId"]))
        wanted = msgspec.json.decode(text, type=BulkCreate)
        sheet = await self._recipes.sheet(task.application_id, task.input["deviceRecipeId"], wanted)
        _take_up(sheet, place)
        for start in range(len(place["outcomes"]), len(sheet.lines), BATCH):
            await self._make(task, sheet, start, min(start + BATCH, len(sheet.lines)))
        if wanted.make_unique_key_secret:
            await self._give_keys(task, sheet)
        return await self._told(task, sheet)

    async def ended(self, session: Session, task: Execution) -> None:
        """Forget what became of the rows, however the task ended: it holds secrets of keys."""
        await session.tasks.forget_checkpoint(task.number)

    async def _make(self, task: Task, sheet: Sheet, start: int, end: int) -> None:
        """Make the devices of some rows; one that does not fit keeps no other back."""
        try:
            await self._make_all(task, sheet, start, end)
        except Invalid as error:
            if end - start == 1:
                sheet.lines[start].fail(error)
                return
            middle = (start + end) // 2
            await self._make(task, sheet, start, middle)
            await self._make(task, sheet, middle, end)
        await task.progress(end, len(sheet.lines))

    async def _make_all(self, task: Task, sheet: Sheet, start: int, end: int) -> None:
        """Make the devices of some rows, all or none; raises Invalid."""
        caller = caller_of(task)
        made: list[str] = []

        async def work(session: Session) -> dict[str, Any]:
            lines = [replace(line, outcome={**line.outcome}) for line in sheet.lines[start:end]]
            ids = await self._recipes.make_within(session, caller, task.application_id, lines)
            made[:] = ids
            return _outcomes([*sheet.lines[:start], *lines])

        _take_up(sheet, await task.step(work))
        self._devices.count_created(caller, task.application_id, len(made))

    async def _give_keys(self, task: Task, sheet: Sheet) -> None:
        wanting = [line for line in sheet.lines if line.lacks_key]
        for start in range(0, len(wanting), BATCH):
            for line in wanting[start : start + BATCH]:
                await self._recipes.give_key(caller_of(task), task.application_id, line)
            await task.save(_outcomes(sheet.lines))

    async def _told(self, task: Task, sheet: Sheet) -> Output:
        result = sheet.result
        url = await self._downloads.keep(
            task.application_id, _NAME, one_piece(result.csv_result.encode()), task.id
        )
        output = {"created": result.created, "failed": result.failed, "downloadUrls": [url]}
        await task.save({"output": output})
        return output


def _outcomes(lines: Sequence[Line]) -> dict[str, Any]:
    return {"outcomes": [line.outcome for line in lines]}


def _take_up(sheet: Sheet, place: dict[str, Any]) -> None:
    """Note what became of the first rows."""
    for line, outcome in zip(sheet.lines, place["outcomes"], strict=False):
        line.outcome = outcome


def _make(services: Services) -> CreateDevices:
    return CreateDevices(services)


TASK = LongTask("devices_create", "DevicesCreate", _make)
