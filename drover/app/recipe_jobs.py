"""Devices by a recipe in numbers that a caller does not wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from drover.app.device_recipes import rows_of
from drover.app.long_tasks import Asked, LongTasks, listeners
from drover.app.tasks.devices_create import TASK
from drover.app.transfer.downloads import Downloads
from drover.app.transfer.sources import one_piece

if TYPE_CHECKING:
    from drover.app.device_recipes import BulkCreate
    from drover.app.services import Services
    from drover.model.access import Caller

_SHOWN: Final = ("gatewayId", "parentId", "makeUniqueKeySecret")
_NAME: Final = "rows.json"


class RecipeJobs:
    """Asks for them; the rows are kept as a file until the job has read them."""

    def __init__(self, services: Services) -> None:
        self._tasks = services[LongTasks]
        self._downloads = services[Downloads]

    async def begin(
        self, caller: Caller, application_id: str, recipe_id: str, wanted: BulkCreate
    ) -> str:
        """Have devices made and return the id of the job; raises Invalid, TooLarge, TooMany."""
        told = listeners(wanted.email or None, wanted.callback_url or None)
        given = msgspec.to_builtins(wanted)
        rows = one_piece(msgspec.json.encode(wanted))
        asked = Asked(
            application_id=application_id,
            resource_type="deviceRecipe",
            resource_id=recipe_id,
            input={
                **{name: given[name] for name in _SHOWN if given.get(name)},
                "deviceRecipeId": recipe_id,
                "rowsId": await self._downloads.put(application_id, _NAME, rows),
            },
            listeners=told,
            total=len(rows_of(wanted)[1]),
        )
        return await self._tasks.begin(caller, TASK, asked)
