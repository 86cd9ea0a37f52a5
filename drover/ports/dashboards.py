"""The area of the store that finds dashboards whosever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.resources import Listing, Page


class Place(NamedTuple):
    """Where a dashboard is kept: its kind, and the id of its application or owner."""

    kind: str
    kept_under: str


class Dashboards(Protocol):
    """Dashboards of applications, users and organisations side by side."""

    async def place(self, dashboard_id: str) -> Place:
        """Return where a dashboard is kept; raises Missing."""
        ...

    async def page(self, kept_under: Sequence[str], listing: Listing) -> Page[bytes]:
        """Return one page of those kept under any of these ids, as they are shown."""
        ...

    async def unscheduled(self, schedule_kind: str) -> Sequence[tuple[Place, bytes]]:
        """Return those with reports that have no schedule of a kind, as they are shown."""
        ...

    async def remove_owned(self, owner_id: str) -> None:
        """Delete all that a user or an organisation owns."""
        ...
