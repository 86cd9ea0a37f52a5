"""The use cases around dashboards by their id alone, put together for a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.owned_dashboards import Neighbours, OwnedDashboards

if TYPE_CHECKING:
    from drover.app.access.assembly import AccessServices
    from drover.app.assembly import Library
    from drover.ports.store import Store


def owned_dashboards(store: Store, shelf: Library, doors: AccessServices) -> OwnedDashboards:
    """Return the use cases over a store."""
    around = Neighbours(
        store=store,
        catalog=shelf.catalog,
        applications=shelf.applications,
        tasks=shelf.tasks,
        gate=doors.gate,
        passwords=doors.passwords,
        throttle=doors.throttle,
    )
    return OwnedDashboards(around)
