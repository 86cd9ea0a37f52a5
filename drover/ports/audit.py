"""The area of the store that keeps who changed what of organisations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from drover.query.tree import ALL, Node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.audit import AuditEntry


class AuditedApplication(Struct, frozen=True, kw_only=True):
    """An application of an organisation: what it is called, and whose it is."""

    name: str
    org_id: str


class AuditedDashboard(Struct, frozen=True, kw_only=True):
    """A dashboard: what it is called, and which application or organisation it is in, if any."""

    name: str
    application_id: str | None
    org_id: str | None


class AuditWanted(Struct, frozen=True, kw_only=True):
    """Which entries a page holds, of the moments ``start_ms`` to before ``end_ms``.

    ``query`` is over the fields ``actorId``, ``actorType``, ``actorName``, the same of ``primary``
    and ``secondary``, ``resource``, ``action`` and ``responseStatus``.
    """

    start_ms: int
    end_ms: int
    query: Node = ALL
    sort_field: str = "creationDate"
    descending: bool = True
    limit: int = 100
    offset: int = 0


class Audit(Protocol):
    """Entries of audit logs, as they are shown."""

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Store entries."""
        ...

    async def get(self, org_id: str, entry_id: str) -> str:
        """Return one; raises Missing."""
        ...

    async def page(self, org_id: str, wanted: AuditWanted) -> tuple[list[str], int]:
        """Return a page, and how many there are in all."""
        ...

    async def applications(
        self, application_ids: Sequence[str]
    ) -> Mapping[str, AuditedApplication]:
        """Return those of these applications that belong to organisations, by id."""
        ...

    async def dashboard(self, dashboard_id: str) -> AuditedDashboard | None:
        """Return a dashboard, None where there is none."""
        ...

    async def names(
        self, account_ids: Sequence[str], token_ids: Sequence[str]
    ) -> Mapping[str, str]:
        """Return what accounts and tokens are called, by id."""
        ...
