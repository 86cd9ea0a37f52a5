"""Dashboards in the store, whosever they are; see ``drover.ports.dashboards.Dashboards``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.model.errors import Missing
from drover.ports.dashboards import Place
from drover.ports.resources import Page
from drover.query.filters import by_glob
from drover.store.bounded import bounded
from drover.store.compile import compile_query
from drover.store.compile.columns import Plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.resources import Listing
    from drover.store.compile.columns import ColumnMap
    from drover.store.driver import Transaction

_COLUMNS: Final[ColumnMap] = {"name": Plain("name")}
_APPLICATION: Final = "CASE WHEN kind = 'applicationDashboard' THEN application_id ELSE '' END"
_OWNER: Final = "CASE WHEN kind = 'dashboard' THEN application_id ELSE '' END"
_ORDERS: Final = {
    "name": "name",
    "id": "id",
    "creationDate": "created_ms",
    "lastUpdated": "updated_ms",
    "applicationId": _APPLICATION,
    "ownerId": _OWNER,
}
_AMONG: Final = {
    "sqlite": "application_id IN (SELECT value FROM json_each(:kept_under))",
    "postgres": "application_id = ANY(:kept_under::text[])",
}


class DashboardStore:
    """Dashboards within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def place(self, dashboard_id: str) -> Place:
        """Return where a dashboard is kept; raises Missing."""
        row = await self._tx.fetch_one("dashboard_place", {"id": dashboard_id})
        if row is None:
            raise Missing("Dashboard was not found")
        return Place(row["kind"], row["application_id"])

    async def page(self, kept_under: Sequence[str], listing: Listing) -> Page[bytes]:
        """Return one page of those kept under any of these ids, as they are shown.

        Raises TooLarge.
        """
        asked = compile_query(
            by_glob(listing.filter_field, listing.filter), _COLUMNS, self._tx.dialect
        )
        params = {"kept_under": list(kept_under), **asked.params}
        # Every part of these texts is the program's own; what was asked for is in the parameters.
        found = (
            f"FROM document WHERE {_AMONG[self._tx.dialect]}"
            f" AND kind IN ('applicationDashboard', 'dashboard') AND {asked.sql}"
        )
        counted = await self._tx.fetch_sql(f"SELECT count(*) AS total {found}", params)
        direction = "DESC" if listing.descending else "ASC"
        rows = await bounded(
            self._tx,
            f"SELECT document {found} ORDER BY {_ORDERS[listing.sort_field]} {direction}, id"
            " LIMIT :limit OFFSET :offset",
            {**params, "limit": listing.limit, "offset": listing.offset},
            listing.most_bytes,
        )
        return Page([row["document"].encode() for row in rows], int(counted[0]["total"]))

    async def unscheduled(self, schedule_kind: str) -> Sequence[tuple[Place, bytes]]:
        """Return those with reports that have no schedule of a kind, as they are shown."""
        rows = await self._tx.fetch("dashboards_unscheduled", {"schedule_kind": schedule_kind})
        return [
            (Place(row["kind"], row["application_id"]), row["document"].encode()) for row in rows
        ]

    async def remove_owned(self, owner_id: str) -> None:
        """Delete all that a user or an organisation owns."""
        await self._tx.execute("dashboards_remove_owned", {"owner_id": owner_id})
