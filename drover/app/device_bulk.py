"""What long tasks do to many devices: delete, bring back, change, forget their data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from drover.app.bulk import caller_of
from drover.app.device_updates import Changes
from drover.app.devices import BATCH, Update, everything, revived, touched
from drover.kinds.device import KIND
from drover.model.bodies import convert
from drover.ports.reports import Span
from drover.query.kinds import DEVICES
from drover.query.losant import parse_json
from drover.query.tree import In, all_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.devices import Devices
    from drover.ports.reports import LogTopic
    from drover.ports.store import Session
    from drover.ports.tasks import Task
    from drover.query.tree import Node

_TOPICS: Final[tuple[tuple[LogTopic, str], ...]] = (
    ("connection", "keepConnectionHistory"),
    ("command", "keepCommandHistory"),
)


class DeviceVerb:
    """Something done to the devices that the input of a task chooses."""

    batch: int = BATCH
    deleted: ClassVar[bool] = False

    def __init__(self, devices: Devices) -> None:
        self.devices = devices

    async def ids(self, session: Session, task: Task) -> Sequence[str]:
        """Return which devices; raises Invalid."""
        listing = everything(chosen(task.input), deleted=self.deleted)
        return await session.resources.ids(KIND, task.application_id, listing)


class DeleteDevices(DeviceVerb):
    """Delete devices."""

    async def act(self, session: Session, task: Task, ids: Sequence[str]) -> Mapping[str, int]:
        """Delete some."""
        drop = self.devices.deleting(caller_of(task))
        outcome = await touched(session, task.application_id, ids, drop)
        return {"removed": outcome.changed, "failed": outcome.failed}


class RestoreDevices(DeviceVerb):
    """Bring deleted devices back."""

    deleted: ClassVar[bool] = True

    async def act(self, session: Session, task: Task, ids: Sequence[str]) -> Mapping[str, int]:
        """Bring some back."""
        count = await revived(session, task.application_id, In("id", tuple(ids)))
        return {"restored": count, "failed": len(ids) - count}


class PatchDevices(DeviceVerb):
    """Change devices."""

    async def act(self, session: Session, task: Task, ids: Sequence[str]) -> Mapping[str, int]:
        """Change some; one that the change does not fit is counted as failed."""
        outcome = await self.devices.updated(
            session, caller_of(task), task.application_id, ids, update_of(task.input)
        )
        return {
            "updated": outcome.changed,
            "failed": outcome.failed,
            "skipped": outcome.skipped,
        }


class ForgetData(DeviceVerb):
    """Delete what devices reported in a span, and their history in it unless it is to be kept."""

    batch = 20

    async def act(self, session: Session, task: Task, ids: Sequence[str]) -> Mapping[str, int]:
        """Forget the data of some."""
        given = task.input
        span = Span(start_ms=given["start"], end_ms=given["end"])
        for device_id in ids:
            await session.reports.forget(device_id, span, given.get("attributes"))
            for topic, kept in _TOPICS:
                if not given.get(kept):
                    await session.reports.forget_log(device_id, topic, span)
        return {"removed": len(ids)}


def chosen(given: Mapping[str, Any]) -> Node:
    """Return the tree of a choice: a query, ids, or both. Raises Invalid."""
    parts: list[Node] = []
    if "query" in given:
        parts.append(parse_json(given["query"], DEVICES))
    if "deviceIds" in given:
        parts.append(In("id", tuple(given["deviceIds"])))
    return all_of(parts)


def update_of(given: Mapping[str, Any]) -> Update:
    """Return the change that a task's input describes; raises Invalid."""
    fields = given.get("updateFields")
    return Update(
        None if fields is None else convert(fields, KIND.patch_type, "updateFields"),
        convert(given.get("updateOperations") or [], Changes, "updateOperations"),
    )
