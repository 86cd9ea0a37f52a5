"""Events: raise, update one or many, delete many, and the gravest of the new."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from drover.app.catalog import Catalog
from drover.app.events import Events
from drover.app.tasks.events_delete import TASK as DELETE
from drover.app.tasks.events_patch import TASK as PATCH
from drover.faces.losant import _envelope, _lists
from drover.faces.losant._jobs import BulkJobs
from drover.faces.operation import Call, Operation
from drover.kinds.event import KIND, EventPatch, EventPost
from drover.model.errors import Invalid
from drover.query.filters import by_glob
from drover.query.kinds import EVENTS
from drover.query.losant import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msgspec import Struct

    from drover.app.services import Services
    from drover.ports.resources import Listing

_MANY = "/applications/{applicationId}/events"
_ONE = f"{_MANY}/{{eventId}}"
_STATES = ("new", "acknowledged", "resolved")


class _Calls:
    """The operations on events."""

    def __init__(self, events: Events, catalog: Catalog, jobs: BulkJobs) -> None:
        self._events = events
        self._catalog = catalog
        self._jobs = jobs

    async def list(self, call: Call) -> bytes:
        """Return one page."""
        listing = _listing(call)
        found = await self._catalog.list(KIND, call.application_id, listing)
        return _envelope.page(KIND, call, listing, found)

    async def post(self, call: Call) -> bytes:
        """Raise one."""
        given = call.json(EventPost)
        document = await self._events.create(call.caller, call.application_id, given)
        return _envelope.one(KIND, call, document)

    async def patch(self, call: Call) -> bytes:
        """Update one."""
        given, event_id = call.json(EventPatch), call.path["eventId"]
        document = await self._events.patch(call.caller, call.application_id, event_id, given)
        return _envelope.one(KIND, call, document)

    async def patch_many(self, call: Call) -> Any:
        """Update all that match; with nothing to match by, none. More than a few: by a job."""
        if not any(call.query.get(name, "").strip() for name in ("query", "filter", "state")):
            raise Invalid("A query, a filter or a state is required", field="query")
        given, listing = call.json(EventPatch), _listing(call)
        wanted = {
            name: call.query[name] for name in ("query", "filter", "state") if call.query.get(name)
        }
        wanted["updates"] = msgspec.to_builtins(given)
        if answer := await self._jobs.events(call, PATCH, listing, wanted):
            return answer
        await self._events.patch_all(call.caller, call.application_id, listing, given)
        return {"success": True}

    async def delete_many(self, call: Call) -> Any:
        """Delete all that match the body, which must be there; more than a few by a job."""
        if not call.body.strip():
            raise Invalid("A query is required", field="query")
        listing = replace(_lists.listing(call, KIND), query=parse_json(call.body, EVENTS))
        if answer := await self._jobs.events(call, DELETE, listing, {"query": call.body.decode()}):
            return answer
        removed = await self._events.delete_all(call.caller, call.application_id, listing)
        return {"removed": removed}

    async def newest(self, call: Call) -> dict[str, Any]:
        """Return the newest of the gravest new events, and how many new ones there are."""
        query = _lists.query(call, KIND)
        subject = by_glob("subject", call.query.get("filter"))
        listing = replace(_lists.listing(call, KIND), query=query or subject)
        document, count = await self._events.newest(call.application_id, listing)
        event = {} if document is None else msgspec.Raw(_envelope.one(KIND, call, document))
        return {"event": event, "newCount": count}


def _listing(call: Call) -> Listing:
    listing = _lists.listing(call, KIND)
    state = call.choice("state", _STATES, "")
    if not state or listing.query is not None:
        return listing
    return replace(listing, within={"state": state})


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on events that the usual ones do not cover."""
    calls = _Calls(services[Events], services[Catalog], BulkJobs(services))
    for method, path, verb, run, status in (
        ("GET", _MANY, "get", calls.list, 200),
        ("POST", _MANY, "post", calls.post, 201),
        ("PATCH", _MANY, "patch", calls.patch_many, 200),
        ("POST", f"{_MANY}/delete", "delete", calls.delete_many, 200),
        ("GET", f"{_MANY}/mostRecentBySeverity", "mostRecentBySeverity", calls.newest, 200),
        ("PATCH", _ONE, "patch", calls.patch, 200),
    ):
        collection = path != _ONE
        yield Operation(
            method=method,
            path=path,
            scopes=KIND.scopes(verb, collection=collection, reads=method == "GET"),
            run=run,
            name=f"{KIND.many if collection else KIND.one}.{verb}",
            summary=_SUMMARIES[verb],
            status=status,
            body=_BODIES.get(verb),
            parameters=_PARAMETERS.get((path, verb), ()),
            kind=KIND.one,
        )


_BODIES: Mapping[str, type[Struct]] = {"post": EventPost, "patch": EventPatch}
_NARROW = ("filterField", "filter", "state", "query")
_PARAMETERS: Mapping[tuple[str, str], tuple[str, ...]] = {
    (_MANY, "get"): (*_lists.PARAMETERS, "state", "query"),
    (_MANY, "patch"): (*_NARROW, "email", "callbackUrl"),
    (f"{_MANY}/delete", "delete"): ("email", "callbackUrl"),
    (f"{_MANY}/mostRecentBySeverity", "mostRecentBySeverity"): ("filter", "query"),
}
_SUMMARIES = {
    "get": "List events",
    "post": "Raise an event",
    "patch": "Update events",
    "delete": "Delete the events that a query matches",
    "mostRecentBySeverity": "Read the newest of the gravest new events",
}
