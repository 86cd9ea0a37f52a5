"""What long tasks do to many events: delete and update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.app.bulk import caller_of
from drover.app.events import BATCH, touched
from drover.kinds.event import KIND, EventPatch
from drover.model.bodies import convert
from drover.ports.resources import Listing
from drover.query.kinds import EVENTS
from drover.query.losant import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.events import Events
    from drover.ports.store import Session
    from drover.ports.tasks import Task


class EventVerb:
    """Something done to the events that the input of a task chooses."""

    batch: int = BATCH

    def __init__(self, events: Events) -> None:
        self.events = events

    async def ids(self, session: Session, task: Task) -> Sequence[str]:
        """Return which events; raises Invalid."""
        given = task.input
        listing = Listing(
            sort_field="id",
            query=parse_json(given["query"], EVENTS) if "query" in given else None,
            filter_field="subject" if given.get("filter") else None,
            filter=given.get("filter"),
            within={"state": given["state"]} if given.get("state") else {},
        )
        return await session.resources.ids(KIND, task.application_id, listing)


class DeleteEvents(EventVerb):
    """Delete events."""

    async def act(self, session: Session, task: Task, ids: Sequence[str]) -> Mapping[str, int]:
        """Delete some."""
        drop = self.events.deleting(caller_of(task))
        return {"removed": await _touched(session, task, ids, drop)}


class PatchEvents(EventVerb):
    """Update events."""

    async def act(self, session: Session, task: Task, ids: Sequence[str]) -> Mapping[str, int]:
        """Update some."""
        given = convert(task.input["updates"], EventPatch, "updates")
        change = self.events.updating(caller_of(task), given)
        return {"updated": await _touched(session, task, ids, change)}


async def _touched(session: Session, task: Task, ids: Sequence[str], act: Any) -> int:
    return await touched(session, application_id=task.application_id, ids=ids, act=act)
