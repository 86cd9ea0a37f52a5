"""Answers of operations whose work is a job, and who is told of its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.bulk import AT_ONCE
from drover.app.devices import Devices, everything
from drover.app.events import Events
from drover.app.long_tasks import Asked, LongTasks, listeners
from drover.faces.operation import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.app.long_tasks import Listeners, LongTask
    from drover.app.services import Services
    from drover.faces.operation import Call
    from drover.ports.resources import Listing
    from drover.query.tree import Node


def enqueued(job_id: str) -> Answer:
    """Return the answer that a job was asked for and will run."""
    headers = {"Cache-Control": "no-store"}
    body = {"success": True, "jobQueued": True, "jobId": job_id}
    return Answer(msgspec.json.encode(body), status=202, headers=headers)


def told(call: Call, email: str | None = None, callback_url: str | None = None) -> Listeners:
    """Return who is told: those of the body, else those of the query; raises Invalid."""
    return listeners(
        email or call.query.get("email"), callback_url or call.query.get("callbackUrl")
    )


_KEPT_APART: Final = frozenset({"email", "callbackUrl", "forceJob"})


class BulkJobs:
    """Makes a job of what would have a caller wait for too long."""

    def __init__(self, services: Services) -> None:
        self._tasks = services[LongTasks]
        self._devices = services[Devices]
        self._events = services[Events]

    async def now_ms(self) -> int:
        """Return the clock that relative moments are relative to."""
        return await self._tasks.now_ms()

    async def devices(
        self,
        call: Call,
        kind: LongTask,
        chosen: Node,
        wanted: Mapping[str, Any],
        *,
        deleted: bool = False,
    ) -> Answer | None:
        """Return the answer of a job over many devices; None where they are few enough."""
        listing = everything(chosen, deleted=deleted)
        count = len(await self._devices.ids(call.application_id, listing))
        if count <= AT_ONCE and not wanted.get("forceJob"):
            return None
        return await self.begin(call, kind, "device", wanted)

    async def events(
        self, call: Call, kind: LongTask, listing: Listing, wanted: Mapping[str, Any]
    ) -> Answer | None:
        """Return the answer of a job over many events; None where they are few enough."""
        if len(await self._events.ids(call.application_id, listing)) <= AT_ONCE:
            return None
        return await self.begin(call, kind, "event", wanted)

    async def begin(
        self, call: Call, kind: LongTask, about: str, wanted: Mapping[str, Any]
    ) -> Answer:
        """Ask for a job; a query is kept as text."""
        given = {name: value for name, value in wanted.items() if name not in _KEPT_APART}
        if isinstance(given.get("query"), dict):
            given["query"] = msgspec.json.encode(given["query"]).decode()
        asked = Asked(
            application_id=call.application_id,
            resource_type=about,
            input=given,
            listeners=told(call, wanted.get("email"), wanted.get("callbackUrl")),
        )
        return enqueued(await self._tasks.begin(call.caller, kind, asked))
