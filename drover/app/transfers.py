"""Applications and dashboards that change hands, between users and organisations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from msgspec import Struct, structs

from drover.app.access.accounts import own_id
from drover.app.access.organizations import member_role
from drover.kinds.application import KIND
from drover.kinds.owned_dashboard import KIND as DASHBOARD
from drover.model.access import MemberRole
from drover.model.accounts import OwnerType
from drover.model.errors import Forbidden, Invalid, Missing
from drover.model.instants import to_text

if TYPE_CHECKING:
    from drover.app.applications import Owners
    from drover.app.catalog import Catalog
    from drover.model.access import Caller
    from drover.ports.store import Session, Store

_log = structlog.get_logger("drover.access")


class Transfer(Struct, frozen=True, kw_only=True):
    """What is to change hands, and whose it is to be.

    A ``strict`` one is refused where the owner lacks any of it; otherwise that is passed over.
    """

    to_type: OwnerType
    to_id: str
    application_ids: tuple[str, ...] = ()
    dashboard_ids: tuple[str, ...] = ()
    strict: bool = False


class Transfers:
    """Gives applications and dashboards to other owners."""

    def __init__(self, store: Store, catalog: Catalog, owners: Owners) -> None:
        self._store = store
        self._catalog = catalog
        self._owners = owners

    async def from_user(self, caller: Caller, transfer: Transfer) -> None:
        """Give away what the caller owns; raises Forbidden, Invalid."""
        await self._run(caller, ("user", own_id(caller)), transfer)

    async def from_organization(self, caller: Caller, org_id: str, transfer: Transfer) -> None:
        """Give away what an organisation owns, as its administrator.

        Raises Missing, Forbidden, Invalid.
        """
        await self._run(caller, ("organization", org_id), transfer)

    async def _run(self, caller: Caller, source: tuple[OwnerType, str], transfer: Transfer) -> None:
        async def work(session: Session) -> list[str]:
            await session.access.raise_revision()
            await self._check(session, caller, source, transfer)
            owned = set(await session.access.owners.owned_by(*source))
            wanted = list(dict.fromkeys(transfer.application_ids))
            foreign = [each for each in wanted if each not in owned]
            if foreign and transfer.strict:
                message = f"Application {foreign[0]} was not found at `applicationIds`"
                raise Invalid(message, field="applicationIds")
            moved = [each for each in wanted if each in owned]
            for application_id in moved:
                await self._move(session, caller, application_id, transfer)
            for dashboard_id in dict.fromkeys(transfer.dashboard_ids):
                await _move_dashboard(session, source[1], dashboard_id, transfer)
            return moved

        moved = await self._store.write(work)
        _log.info("access.transferred", by=caller.id, to=transfer.to_id, applications=moved)

    async def _check(
        self, session: Session, caller: Caller, source: tuple[OwnerType, str], transfer: Transfer
    ) -> None:
        if source[0] == "organization":
            role = await member_role(session, caller, source[1])
            if role is not MemberRole.ADMIN:
                raise Forbidden("Only an administrator of the organization may do this")
        owners = await self._owners(session, caller)
        if owners.get(transfer.to_id) != transfer.to_type:
            message = "You cannot give anything to this owner at `destinationId`"
            raise Invalid(message, field="destinationId")

    async def _move(
        self, session: Session, caller: Caller, application_id: str, transfer: Transfer
    ) -> None:
        old = await session.resources.lock(KIND, application_id, application_id)
        owner = {"owner_type": transfer.to_type, "owner_id": transfer.to_id}
        now = to_text(await session.now_ms())
        new = structs.replace(old, **owner, last_updated=now)
        await self._catalog.change(session, caller, KIND, old, new)


async def _move_dashboard(
    session: Session, source_id: str, dashboard_id: str, transfer: Transfer
) -> None:
    """Give a dashboard away; raises Invalid where a strict transfer names one that is not theirs.

    One of an application goes with its application.
    """
    try:
        old = await session.resources.lock(DASHBOARD, source_id, dashboard_id)
    except Missing as error:
        if transfer.strict:
            message = f"Dashboard {dashboard_id} was not found at `dashboardIds`"
            raise Invalid(message, field="dashboardIds") from error
        return
    owner = {"owner_type": transfer.to_type, "owner_id": transfer.to_id}
    now = to_text(await session.now_ms())
    new = structs.replace(old, application_id=transfer.to_id, last_updated=now, **owner)
    await session.resources.remove(DASHBOARD, source_id, dashboard_id)
    await session.resources.add(DASHBOARD, new)
