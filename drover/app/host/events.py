"""Events: raised, found, updated and deleted by running workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.events import Events, without_tags
from drover.app.host._pages import found_page, listing_of
from drover.kinds.event import KIND, EventPatch, EventPost
from drover.model.bodies import decode
from drover.model.errors import Missing
from drover.model.fields import is_id
from drover.ports.resources import Listing
from drover.query.kinds import EVENTS
from drover.query.losant import parse

if TYPE_CHECKING:
    from drover.ports.store import Session

_NOT_FOUND: Final = "Event was not found"
_ALL: Final = 2**31 - 1


async def _create(asking: Asking, request: Request) -> dict[str, Any]:
    given = decode(msgspec.json.encode(request["body"]), EventPost)
    document = await asking.services[Events].create(asking.caller, asking.application_id, given)
    return _decoded(document)


async def _find(asking: Asking, request: Request) -> dict[str, Any]:
    """Return the event with an id, the first that matches, or one page."""
    if "id" in request:
        return {"items": await _with_id(asking, str(request["id"])), "totalCount": 1}
    listing = listing_of(request, parse(request["query"], EVENTS))
    found = await asking.store.read(
        lambda session: session.resources.page_bytes(KIND, asking.application_id, listing)
    )
    items = [_decoded(document) for document in found.items]
    return {**found_page(request, items, found.total), "query": request["query"]}


async def _update(asking: Asking, request: Request) -> dict[str, Any]:
    """Update the event with an id, the first that matches, or all that match."""
    removed = [key for key, value in request.get("mergeTags", {}).items() if value is None]
    given = _patch(request)
    if request.get("many"):
        listing = _listing(request)
        await asking.services[Events].patch_all(
            asking.caller, asking.application_id, listing, given, removed
        )
        return {"success": True}
    event_id = await _target(asking, request)

    async def work(session: Session) -> bytes:
        old = await session.resources.lock(KIND, asking.application_id, event_id)
        old = without_tags(old, removed)
        await asking.services[Events].update(session, asking.caller, old, given)
        return await session.resources.get_bytes(KIND, asking.application_id, event_id)

    return _decoded(await asking.store.write(work))


async def _delete(asking: Asking, request: Request) -> dict[str, Any]:
    """Delete the event with an id, the first that matches, or all that match."""
    if request.get("many"):
        chosen = _listing(request)
    else:
        found = (await _find(asking, request))["items"]
        if not found and "id" in request:
            raise Missing(_NOT_FOUND)
        if not found:
            return {"success": True, "count": 0}
        only = {"query": {"id": found[0]["id"]}, "sortField": "id", "sortDirection": "asc"}
        chosen = _listing(only)
    events = asking.services[Events]
    count = await events.delete_all(asking.caller, asking.application_id, chosen)
    return {"success": True, "count": count}


async def _target(asking: Asking, request: Request) -> str:
    """Return the id of the one event meant; raises Missing."""
    found = (await _find(asking, request))["items"]
    if not found:
        raise Missing(_NOT_FOUND)
    return str(found[0]["id"])


async def _with_id(asking: Asking, event_id: str) -> list[dict[str, Any]]:
    if not is_id(event_id):
        return []

    async def work(session: Session) -> list[dict[str, Any]]:
        try:
            document = await session.resources.get_bytes(
                KIND, asking.application_id, event_id.lower()
            )
        except Missing:
            return []
        return [_decoded(document)]

    return await asking.store.read(work)


def _listing(request: Request) -> Listing:
    """Return all that match."""
    return Listing(
        sort_field=request["sortField"],
        descending=request["sortDirection"] == "desc",
        limit=_ALL,
        query=parse(request["query"], EVENTS),
    )


def _patch(request: Request) -> EventPatch:
    body = dict(request["body"])
    merged = {key: value for key, value in request.get("mergeTags", {}).items() if value}
    if merged:
        body["eventTags"] = merged
    return decode(msgspec.json.encode(body), EventPatch)


def _decoded(document: bytes) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(document)
    event["eventId"] = event["id"]
    return event


OPERATIONS = HostOperations(
    {
        "event.create": each(_create),
        "event.find": each(_find),
        "event.update": each(_update),
        "event.delete": each(_delete),
    }
)
