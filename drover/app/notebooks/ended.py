"""Runs of notebooks that have ended, told to the workflows that wait for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from drover.app.flow_caller import led_to
from drover.app.flow_triggers import Happening, tell
from drover.app.notebooks.logs import COMPLETED, shown
from drover.kinds.notebook import KIND

if TYPE_CHECKING:
    from drover.model.run import Execution
    from drover.ports.store import Session

TRIGGER: Final = "notebook"
"""The type of the triggers that wait for runs of notebooks, and who causes theirs."""


async def tell_of(session: Session, task: Execution) -> None:
    """Fire the triggers on a notebook that a run of has ended; one that is gone has none."""
    own = task.application_id or ""
    log = await session.tasks.log(own, task.id)
    notebook_id = log.resource_id or ""
    if await session.resources.absent(KIND, own, [notebook_id]):
        return
    document = await session.resources.get_bytes(KIND, own, notebook_id)
    told = shown(log)
    caller = led_to("system", "", msgspec.json.decode(task.detail).get("depth", 0))
    data = {
        "success": told["status"] == COMPLETED,
        "notebook": msgspec.json.decode(document),
        "execution": told,
    }
    happening = Happening(
        trigger_type=TRIGGER,
        key=notebook_id,
        data=data,
        trigger_id=notebook_id,
        root={"relayId": notebook_id, "relayType": TRIGGER},
    )
    await tell(session, caller, own, [happening])
