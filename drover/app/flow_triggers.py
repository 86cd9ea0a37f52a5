"""What happens to events, rows and devices, told to the workflows that wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from drover.app.catalog import QuietHook
from drover.app.flow_caller import depth_after
from drover.app.workflows import MOST_DEPTH
from drover.flows.payload import literal
from drover.flows.triggers import DEVICE_CREATE_KEY
from drover.ports.jobs import Firing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from drover.app.rows import RowsChanged
    from drover.kinds.device import Device
    from drover.kinds.event import Event
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.store import Session

MOST_UPDATES_BYTES: Final = 131_072
"""Of an event's updates in a payload; more are left out."""

_EVENT_KEYS: Final = (
    "id",
    "subject",
    "level",
    "state",
    "message",
    "sourceId",
    "sourceName",
    "sourceType",
    "data",
    "deviceId",
    "deviceName",
    "eventTags",
)


class Happening(Struct, frozen=True, kw_only=True):
    """Something that workflows may wait for: by which type and key, and their payload's ``data``.

    ``trigger_id`` is the payload's, ``root`` what its root has beside the usual keys or in place of
    them.
    """

    trigger_type: str
    key: str
    data: dict[str, Any]
    trigger_id: str
    root: dict[str, Any] = {}


class EventTriggers(QuietHook):
    """Fires triggers on events that are raised or updated."""

    async def after(
        self, session: Session, caller: Caller, _kind: Kind[Any], _old: Any, new: Event | None
    ) -> None:
        """Tell of the event as it is now."""
        if new is not None:
            await tell(session, caller, new.application_id, [_event(new)])


class DeviceTriggers(QuietHook):
    """Fires triggers on devices that are made, one at a time."""

    async def after(
        self, session: Session, caller: Caller, kind: Kind[Any], old: Any, new: Device | None
    ) -> None:
        """Tell of a new device; those that the server itself makes, as imports do, are many."""
        if old is not None or new is None or caller.type == "system":
            return
        shown = dated(msgspec.json.decode(kind.shown(new)))
        happening = Happening(
            trigger_type="deviceCreate",
            key=DEVICE_CREATE_KEY,
            data={"device": shown},
            trigger_id=new.id,
        )
        await tell(session, caller, new.application_id, [happening])


class RowTriggers:
    """Fires triggers on rows of data tables."""

    async def changed(self, session: Session, caller: Caller, change: RowsChanged, /) -> None:
        """Tell of changed rows."""
        await tell(session, caller, change.table.application_id, list(_rows(change)))


async def tell(
    session: Session, caller: Caller, application_id: str, happenings: Sequence[Happening]
) -> None:
    """Store firings for what happened, if any workflow waits for it.

    Workflows that cause each other's runs in a circle are stopped at ``MOST_DEPTH``.
    """
    if depth_after(caller) > MOST_DEPTH or not happenings:
        return
    first = happenings[0]
    if await session.flows.awaited(application_id, first.trigger_type, first.key):
        await tell_awaited(session, caller, application_id, happenings)


async def tell_awaited(
    session: Session, caller: Caller, application_id: str, happenings: Sequence[Happening]
) -> None:
    """Store firings for what workflows are known to wait for, unless they go in a circle."""
    depth = depth_after(caller)
    if depth > MOST_DEPTH:
        return
    for each in happenings:
        relay = {"relayId": caller.id, "relayType": caller.type}
        root = {"triggerId": each.trigger_id, **relay, **each.root}
        await session.jobs.add_firing(
            Firing(
                application_id=application_id,
                trigger_type=each.trigger_type,
                key=each.key,
                data=msgspec.json.encode(each.data),
                root=msgspec.json.encode(root),
                depth=depth,
            )
        )


def _event(event: Event) -> Happening:
    document: dict[str, Any] = msgspec.to_builtins(event)
    updates = [_update(update) for update in document.get("updates") or ()]
    data: dict[str, Any] = {key: document[key] for key in _EVENT_KEYS if key in document}
    data["creationDate"] = _date(document["creationDate"])
    if "data" in data:
        data["data"] = literal(data["data"])
    if updates:
        data["latestUpdate"] = updates[-1]
    data["allUpdates"] = updates
    if len(msgspec.json.encode(updates)) > MOST_UPDATES_BYTES:
        data |= {"allUpdates": None, "updatesTruncated": True}
    return Happening(trigger_type="event", key=event.level, data=data, trigger_id=event.level)


def _update(update: dict[str, Any]) -> dict[str, Any]:
    return dated({**update, "data": literal(update["data"])} if "data" in update else update)


def _rows(change: RowsChanged) -> Iterator[Happening]:
    table_id = change.table.id

    def told(data: dict[str, Any]) -> Happening:
        return Happening(trigger_type="dataTable", key=table_id, data=data, trigger_id=table_id)

    old, new = ([_dated_row(row) for row in rows] for rows in (change.old, change.new))
    if change.action == "bulkInsert":
        ids = [row["id"] for row in change.new]
        yield told({"action": "bulkInsert", "count": len(ids), "errorCount": 0, "rowIds": ids})
    elif change.action == "insert":
        for row in new:
            yield told({"action": "insert", "newRow": row})
    elif change.action == "delete":
        for row in old:
            yield told({"action": "delete", "oldRow": row})
    else:
        for before, after in zip(old, new, strict=True):
            yield told({"action": "update", "newRow": after, "oldRow": before})


def _dated_row(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in row.items() if value is not None}
    return {**shown, **{key: _date(shown[key]) for key in ("createdAt", "updatedAt")}}


def dated(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with its dates as those of payloads; the one given is changed."""
    for key in ("creationDate", "lastUpdated"):
        if isinstance(document.get(key), str):
            document[key] = _date(document[key])
    return document


def _date(text: str) -> dict[str, str]:
    return {"$date": text}
