"""Audit logs in the store; see ``drover.ports.audit.Audit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from drover.model.accounts import Account, Token
from drover.model.errors import Missing
from drover.ports.audit import AuditedApplication, AuditedDashboard
from drover.store.compile import compile_query
from drover.store.compile.columns import Plain
from drover.store.row_batches import batch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.audit import AuditEntry
    from drover.ports.audit import AuditWanted
    from drover.store.compile.columns import ColumnMap
    from drover.store.driver import Transaction

_BATCH: Final = (
    "ids",
    "org_ids",
    "moments",
    "statuses",
    "resources",
    "actions",
    *(
        f"{who}_{what}"
        for who in ("actor", "primary", "secondary")
        for what in ("ids", "types", "names")
    ),
    "documents",
)
_COLUMNS: Final[ColumnMap] = {
    "resource": Plain("resource"),
    "action": Plain("action"),
    "responseStatus": Plain("status"),
    **{
        f"{who}{what.capitalize()}": Plain(f"{who}_{what}")
        for who in ("actor", "primary", "secondary")
        for what in ("id", "type", "name")
    },
}
_ORDERS: Final = {"creationDate": "at_ms", "responseStatus": "status", "actorName": "actor_name"}


class AuditStore:
    """Entries of audit logs within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Store entries."""
        rows = list(map(_row, entries))
        await self._tx.execute("audit_entry_add", batch(self._tx.dialect, _BATCH, rows))

    async def get(self, org_id: str, entry_id: str) -> str:
        """Return one; raises Missing."""
        row = await self._tx.fetch_one("audit_entry_by_id", {"org_id": org_id, "id": entry_id})
        if row is None:
            raise Missing("Audit Log was not found")
        return str(row["document"])

    async def page(self, org_id: str, wanted: AuditWanted) -> tuple[list[str], int]:
        """Return a page, and how many there are in all."""
        asked = compile_query(wanted.query, _COLUMNS, self._tx.dialect)
        params = {
            "org_id": org_id,
            "start_ms": wanted.start_ms,
            "end_ms": wanted.end_ms,
            **asked.params,
        }
        # Every part of these texts is the program's own; what was asked for is in the parameters.
        found = (
            "FROM audit_entry WHERE org_id = :org_id AND at_ms >= :start_ms AND at_ms < :end_ms"
            f" AND {asked.sql}"
        )
        counted = await self._tx.fetch_sql(f"SELECT count(*) AS total {found}", params)
        direction = "DESC" if wanted.descending else "ASC"
        order = f"{_ORDERS[wanted.sort_field]} {direction}, id {direction}"
        rows = await self._tx.fetch_sql(
            f"SELECT document {found} ORDER BY {order} LIMIT :limit OFFSET :offset",
            {**params, "limit": wanted.limit, "offset": wanted.offset},
        )
        return [row["document"] for row in rows], int(counted[0]["total"])

    async def applications(
        self, application_ids: Sequence[str]
    ) -> Mapping[str, AuditedApplication]:
        """Return those of these applications that belong to organisations, by id."""
        params = {"application_ids": list(application_ids)}
        return {
            row["id"]: AuditedApplication(name=row["name"], org_id=row["owner_id"])
            for row in await self._tx.fetch("audited_applications", params)
        }

    async def dashboard(self, dashboard_id: str) -> AuditedDashboard | None:
        """Return a dashboard, None where there is none."""
        row = await self._tx.fetch_one("audited_dashboard", {"id": dashboard_id})
        if row is None:
            return None
        inside = row["kept_under"] if row["kind"] == "applicationDashboard" else None
        return AuditedDashboard(name=row["name"], application_id=inside, org_id=row["org_id"])

    async def names(
        self, account_ids: Sequence[str], token_ids: Sequence[str]
    ) -> Mapping[str, str]:
        """Return what accounts and tokens are called, by id."""
        accounts = await self._tx.fetch("audited_accounts", {"account_ids": list(account_ids)})
        tokens = await self._tx.fetch("audited_tokens", {"token_ids": list(token_ids)})
        return {
            **{row["id"]: _ACCOUNT(row["document"]).full_name for row in accounts},
            **{row["id"]: _TOKEN(row["document"]).name for row in tokens},
        }


_ACCOUNT: Final = msgspec.json.Decoder(Account).decode
_TOKEN: Final = msgspec.json.Decoder(Token).decode


def _storable(text: str | None) -> str | None:
    """Return a text without what no column of text takes."""
    return text and text.replace("\0", "")


def _row(entry: AuditEntry) -> tuple[object, ...]:
    named = [
        (_storable(who.id), who.type, _storable(who.name))
        for who in (entry.actor, entry.primary, entry.secondary)
    ]
    return (
        entry.id,
        entry.org_id,
        entry.at_ms,
        entry.status,
        entry.resource,
        entry.action,
        *(value for values in named for value in values),
        entry.document,
    )
