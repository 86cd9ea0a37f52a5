"""Devices of an application: searched, and one with its state, parents and jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.device_reports import DeviceReports
from drover.app.devices import Devices
from drover.app.inventory import Asked, JobInventory
from drover.faces.console import _lists
from drover.faces.console._site import Site, page
from drover.faces.console.inventory import READS as INVENTORY_READS
from drover.faces.console.inventory import row
from drover.kinds.device import KIND
from drover.model.errors import Invalid, Missing
from drover.model.instants import LAST_MS
from drover.ports.reports import Span
from drover.query.filters import by_glob, tagged_any
from drover.query.kinds import DEVICES
from drover.query.losant import parse_json
from drover.query.tree import ALL, Node, all_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation
    from drover.ports.resources import Listing

MANY: Final = "/console/applications/{applicationId}/devices"
ONE: Final = f"{MANY}/{{deviceId}}"
SECTION: Final = "devices"
JOBS_SHOWN: Final = 10
LINES_SHOWN: Final = 20
"""Of each log of a device."""
PAYLOAD_SHOWN: Final = 4000
"""Characters of a command's payload, or of a value, that is opened: they may have 256 KB."""
VALUE_BRIEF: Final = 200
"""Characters of what was reported that are shown before it is opened."""
_MOST_TAGS: Final = 10
_MOST_PARENTS: Final = 20


class _Pages:
    """The pages of devices."""

    def __init__(self, services: Services) -> None:
        self._devices = services[Devices]
        self._reports = services[DeviceReports]
        self._inventory = services[JobInventory]

    async def search(self, visit: Visit) -> Answer:
        """Search devices."""
        try:
            asked = _search(visit)
        except Invalid as error:
            empty = {"items": [], "total": 0, "told": "", "previous": "", "following": ""}
            return await visit.show_within(
                "devices.html", SECTION, 400, fault=error.message, **empty
            )
        found = await self._devices.page(visit.call.caller, visit.call.application_id, asked)
        values = {**_lists.shown(asked, found), **_lists.ways(visit, asked, found.total)}
        return await visit.show_within("devices.html", SECTION, fault="", **values)

    async def show(self, visit: Visit) -> Answer:
        """Show a device."""
        caller, place = visit.call.caller, (visit.call.application_id, visit.call.path["deviceId"])
        device = msgspec.json.decode(await self._devices.get(caller, *place))
        state = await self._reports.composite(caller, *place, None)
        return await visit.show_within(
            "device.html",
            SECTION,
            device=device,
            state=[(each, state.get(each["name"])) for each in device["attributes"]],
            parents=await self._parents(visit, device.get("ancestorIds", ())),
            here=f"/console/applications/{place[0]}/devices/{place[1]}",
            filter=_ran_on(place[1]),
            brief=VALUE_BRIEF,
            shown=PAYLOAD_SHOWN,
        )

    async def jobs(self, visit: Visit) -> Answer:
        """Show the newest jobs that ran on a device."""
        caller, place = visit.call.caller, (visit.call.application_id, visit.call.path["deviceId"])
        await self._devices.get(caller, *place)
        listed = await self._inventory.page(caller, Asked(_ran_on(place[1]), size=JOBS_SHOWN))
        return visit.show("device_jobs.html", SECTION, rows=[row(job) for job in listed.jobs])

    async def logs(self, visit: Visit) -> Answer:
        """Show the newest commands to a device, and its newest comings and goings."""
        caller, place = visit.call.caller, (visit.call.application_id, visit.call.path["deviceId"])
        device = msgspec.json.decode(await self._devices.get(caller, *place))
        newest = Span(start_ms=0, end_ms=LAST_MS, limit=LINES_SHOWN)
        return await visit.show_within(
            "device_logs.html",
            SECTION,
            device=device,
            commands=await self._reports.logged(caller, *place, "command", newest),
            changes=await self._reports.logged(caller, *place, "connection", newest),
            here=f"/console/applications/{place[0]}/devices/{place[1]}",
            shown=PAYLOAD_SHOWN,
        )

    async def _parents(self, visit: Visit, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the devices above one, the nearest first; one that was deleted is left out."""
        parents = []
        for device_id in ids[:_MOST_PARENTS]:
            try:
                found = await self._devices.get(
                    visit.call.caller, visit.call.application_id, device_id
                )
            except Missing:
                continue
            parents.append(msgspec.json.decode(found))
        return parents


def _search(visit: Visit) -> Listing:
    text = visit.asked("query")
    parts: list[Node] = [parse_json(text, DEVICES)] if text else []
    named = _lists.named_like(visit)
    parts.append(by_glob(named.get("filter_field"), named.get("filter")))
    parts += [tagged_any("tags", [tag]) for tag in _tags(visit.asked("tags"))]
    asked = _lists.listing(visit, "name")
    chosen = all_of(parts)
    return asked if chosen is ALL else replace(asked, query=chosen)


def _tags(text: str) -> list[dict[str, str]]:
    """Return tags written as ``key=value``, ``key`` or ``=value``, with commas between them."""
    written = [part.strip() for part in text.split(",") if part.strip()]
    if len(written) > _MOST_TAGS:
        raise Invalid(f"At most {_MOST_TAGS} tags can be searched for", field="tags")
    tags = []
    for part in written:
        key, _, value = (side.strip() for side in part.partition("="))
        tags.append({name: side for name, side in (("key", key), ("value", value)) if side})
    return [tag for tag in tags if tag]


def _ran_on(device_id: str) -> str:
    return f"device_id = '{device_id}'"


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations; the state of a device needs what reading it there needs."""
    site, pages = Site.of(services), _Pages(services)
    one = KIND.scopes("get") & KIND.scopes("getCompositeState", reads=True)
    yield page(site, MANY, KIND.scopes("get", collection=True), pages.search)
    yield page(site, ONE, one, pages.show)
    logs = KIND.scopes("getCommand", reads=True) & KIND.scopes("getLogEntries", reads=True)
    yield page(site, f"{ONE}/logs", one & logs, pages.logs)
    yield page(site, f"{ONE}/jobs", one & INVENTORY_READS, pages.jobs)
