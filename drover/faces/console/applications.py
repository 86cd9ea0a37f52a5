"""The applications that a visitor sees: the way into each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.faces.console import _lists
from drover.faces.console._site import Site, page
from drover.kinds.application import KIND
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation

APPLICATIONS: Final = "/console/applications"
ONE: Final = f"{APPLICATIONS}/{{applicationId}}"
_LISTS: Final = for_operation(KIND.many, "get", ("Organization", "User"), reads=True)
_COUNTED: Final = ("deviceCount", "resourceJobCount", "flowCount")


async def show_all(visit: Visit) -> Answer:
    """List applications."""
    asked = _lists.listing(visit, "name", **_lists.named_like(visit))
    found = await visit.site.applications.list(visit.call.caller, asked, None)
    values = _lists.shown(asked, found)
    counts = await visit.site.applications.summaries([each["id"] for each in values["items"]])
    for each in values["items"]:
        each["counts"] = [counts.get(each["id"], {}).get(name, 0) for name in _COUNTED]
    ways = _lists.ways(visit, asked, found.total)
    return visit.show("applications.html", "applications", **values, **ways)


async def show(visit: Visit) -> Answer:
    """Lead to the jobs of an application."""
    return visit.go(f"{APPLICATIONS}/{visit.call.application_id}/resource-jobs")


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations."""
    site = Site.of(services)
    yield page(site, APPLICATIONS, _LISTS, show_all)
    yield page(site, ONE, KIND.scopes("get"), show)
