"""Dashboards by their id alone: of users, organisations and applications, some open to anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct, structs

from drover.app.access.admit import check_scopes
from drover.app.access.organizations import dashboard_role, member_role
from drover.app.catalog import QuietHook
from drover.app.dashboard_context import chosen
from drover.app.long_tasks import Asked, listeners
from drover.app.tasks.dashboard_report import TASK as REPORT
from drover.kinds.dashboard import KIND as IN_APPLICATION
from drover.kinds.owned_dashboard import KIND as OWNED
from drover.model.access import SANDBOX, MemberRole, role_allows
from drover.model.bodies import decode
from drover.model.dashboard import ContextVariable
from drover.model.errors import Forbidden, Invalid, Missing, Unauthorized
from drover.model.scopes import for_operation, is_read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.access.admit import Gate
    from drover.app.access.passwords import Passwords
    from drover.app.access.throttle import Throttle
    from drover.app.applications import Applications
    from drover.app.catalog import Catalog
    from drover.app.long_tasks import LongTasks
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.dashboards import Place
    from drover.ports.resources import Listing, Page
    from drover.ports.store import Session, Store

READING = for_operation("dashboard", "get", ("Application", "Organization", "User"), reads=True)
"""What opens a dashboard that is not public: a look at it is declared open, since some are."""


class Visitor(NamedTuple):
    """Who looks at a dashboard: nobody known, perhaps with its password."""

    caller: Caller | None
    password: str = ""
    address: str = ""


class Neighbours(NamedTuple):
    """What the use cases stand on."""

    store: Store
    catalog: Catalog
    applications: Applications
    tasks: LongTasks
    gate: Gate
    passwords: Passwords
    throttle: Throttle


class OwnedDashboardHook(QuietHook):
    """Settles whose a new dashboard is."""

    async def before(
        self, _session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the dashboard with its owner, who is the one it is kept under."""
        if old is not None:
            return new
        owner_type = "organization" if new.org_id else "user"
        return structs.replace(
            new, owner_id=new.application_id, owner_type=owner_type, org_id=msgspec.UNSET
        )


class OwnedDashboards:
    """The use cases around dashboards by their id alone.

    One out of the caller's sight is missing.
    """

    def __init__(self, around: Neighbours) -> None:
        self._around = around

    async def page(
        self, caller: Caller, listing: Listing, org_id: str | None, application_id: str | None
    ) -> Page[bytes]:
        """Return one page of those within sight, of one organisation or application if asked."""
        seen = await self._within_sight(caller, org_id)
        if application_id is not None:
            seen = [each for each in seen if each == application_id]
        return await self._around.store.read(lambda session: session.dashboards.page(seen, listing))

    async def create(self, caller: Caller, body: bytes) -> bytes:
        """Store a new one; raises Invalid, Missing, Forbidden."""
        decode(body, OWNED.post_type)
        given: dict[str, Any] = msgspec.json.decode(body)
        application_id = given.pop("applicationId", None)
        if application_id is not None:
            return await self._create_in(caller, application_id.lower(), given)
        org_id = given.get("orgId")
        owner = org_id.lower() if org_id else caller.user_id or caller.org_id
        if owner is None:
            raise Forbidden("Dashboards cannot be created for this owner", field="orgId")
        if owner != caller.user_id:
            await self._check_role(caller, owner, for_operation("dashboards", "post", ()))
            given["orgId"] = owner
        kept = msgspec.json.encode(given)
        return await self._around.catalog.create(caller, OWNED, owner, kept)

    async def look(self, visitor: Visitor, dashboard_id: str) -> bytes:
        """Return one that the visitor may see, or that is public and opened.

        Raises Missing, Unauthorized for a wrong password, TooMany after too many of them.
        """
        place = await self._place(dashboard_id)
        kind = self._kind(place)
        if visitor.caller is not None and await self._sees(visitor.caller, place, dashboard_id):
            return await self._around.catalog.get(kind, place.kept_under, dashboard_id)
        return await self._opened(visitor, place, dashboard_id)

    async def patch(self, caller: Caller, dashboard_id: str, body: bytes) -> bytes:
        """Change one; raises Missing, Forbidden, Invalid."""
        place = await self._admitted(caller, dashboard_id, "patch")
        old = (place.kept_under, dashboard_id, None)
        return await self._around.catalog.patch(caller, self._kind(place), old, body)

    async def delete(self, caller: Caller, dashboard_id: str) -> None:
        """Delete one; raises Missing, Forbidden."""
        place = await self._admitted(caller, dashboard_id, "delete")
        await self._around.catalog.delete(caller, self._kind(place), place.kept_under, dashboard_id)

    async def send_report(
        self,
        caller: Caller,
        dashboard_id: str,
        wanted: dict[str, Any],
        application_id: str | None = None,
    ) -> str:
        """Have a report of one sent and return the id of the job.

        With ``application_id`` the caller was let in already. Raises Missing, Forbidden, Invalid.
        """
        if application_id is not None:
            await self._around.catalog.get(IN_APPLICATION, application_id, dashboard_id)
        else:
            place = await self._admitted(caller, dashboard_id, "sendReport")
            application_id = place.kept_under if place.kind == IN_APPLICATION.one else None
        addresses = wanted.pop("toEmail", ())
        asked = Asked(
            application_id=application_id,
            resource_type="dashboard",
            resource_id=dashboard_id,
            input=wanted,
            listeners=listeners(",".join(addresses), wanted.pop("callbackUrl", None)),
        )
        return await self._around.tasks.begin(caller, REPORT, asked)

    async def context(
        self, visitor: Visitor, dashboard_id: str, given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what a visitor chose, defaults filled in; raises WrongChoice, and as ``look``."""
        shown = await self.look(visitor, dashboard_id)
        variables = msgspec.json.decode(shown, type=_Variables).context_configuration
        place = await self._place(dashboard_id)

        async def work(session: Session) -> dict[str, Any]:
            reach = await _reach(session, place)
            return await chosen(session, variables, given, reach)

        return await self._around.store.read(work)

    async def _create_in(self, caller: Caller, application_id: str, given: dict[str, Any]) -> bytes:
        if "orgId" in given:
            raise Invalid("Either `orgId` or `applicationId` is given", field="orgId")
        scopes = for_operation("dashboards", "post", ("Organization", "User"))
        await self._around.gate.admit(caller, application_id, scopes)
        body = msgspec.json.encode(given)
        return await self._around.catalog.create(caller, IN_APPLICATION, application_id, body)

    async def _within_sight(self, caller: Caller, org_id: str | None) -> Sequence[str]:
        """Return what dashboards that the caller sees are kept under."""
        if org_id is not None:
            await self._role_of_owner(caller, org_id)
            return [org_id, *await self._around.applications.counted(caller, org_id)]
        own = [each for each in (caller.user_id, caller.org_id) if each is not None]
        if caller.user_id is not None:
            own += await self._around.store.read(lambda session: _organizations(session, caller))
        return [*own, *await self._around.applications.counted(caller)]

    async def _place(self, dashboard_id: str) -> Place:
        return await self._around.store.glance(
            lambda session: session.dashboards.place(dashboard_id)
        )

    def _kind(self, place: Place) -> Kind[Any]:
        return self._around.catalog.kinds[place.kind]

    async def _admitted(self, caller: Caller, dashboard_id: str, verb: str) -> Place:
        """Return where one is kept that the caller may act on; raises Missing, Forbidden."""
        place = await self._place(dashboard_id)
        role = await self._role(caller, place, dashboard_id)
        if role is MemberRole.NONE:
            raise _missing()
        _check(role, for_operation("dashboard", verb, ()))
        return place

    async def _sees(self, caller: Caller, place: Place, dashboard_id: str) -> bool:
        if caller.is_device or await self._role(caller, place, dashboard_id) is MemberRole.NONE:
            return False
        check_scopes(caller, READING)
        return True

    async def _role(self, caller: Caller, place: Place, dashboard_id: str) -> MemberRole:
        try:
            if place.kind == IN_APPLICATION.one:
                return await self._around.gate.role_in(caller, place.kept_under)
            return await self._role_of_owner(caller, place.kept_under, dashboard_id)
        except Missing:
            return MemberRole.NONE

    async def _role_of_owner(
        self, caller: Caller, owner_id: str, dashboard_id: str = ""
    ) -> MemberRole:
        """Return what a caller may do with dashboards of an owner; raises Missing."""
        if caller.application_id is not None:
            raise _missing()
        if owner_id == caller.user_id:
            limit = caller.role_limit
            return MemberRole.ADMIN if limit is None else limit.capped(MemberRole.ADMIN, SANDBOX)
        return await self._around.store.read(
            lambda session: dashboard_role(session, caller, owner_id, dashboard_id)
        )

    async def _check_role(self, caller: Caller, org_id: str, scopes: frozenset[str]) -> None:
        role = await self._around.store.read(lambda session: member_role(session, caller, org_id))
        _check(role, scopes)

    async def _opened(self, visitor: Visitor, place: Place, dashboard_id: str) -> bytes:
        """Return a public one, without what tells of people."""
        kind = self._kind(place)
        found = await self._around.store.read(
            lambda session: session.resources.get(kind, place.kept_under, dashboard_id)
        )
        if not found.public:
            raise _missing()
        if found.password:
            await self._check_password(visitor, dashboard_id, found.password)
        return kind.shown(structs.replace(found, report_configs=()))

    async def _check_password(self, visitor: Visitor, dashboard_id: str, kept: str) -> None:
        if not visitor.password:
            raise Unauthorized("A password is required")
        account, throttle = f"dashboard {dashboard_id}", self._around.throttle
        throttle.begin(account, visitor.address)
        if not await self._around.passwords.verify(kept, visitor.password):
            raise Unauthorized("The password is wrong")
        throttle.succeed(account, visitor.address)


class _Variables(Struct, rename="camel"):
    """What of a dashboard its visitors choose from."""

    context_configuration: tuple[ContextVariable, ...] = ()


async def _reach(session: Session, place: Place) -> frozenset[str]:
    """Return the applications that a dashboard looks into: its own, or its owner's."""
    if place.kind == IN_APPLICATION.one:
        return frozenset({place.kept_under})
    owners = session.access.owners
    return frozenset(
        [
            *await owners.owned_by("user", place.kept_under),
            *await owners.owned_by("organization", place.kept_under),
        ]
    )


async def _organizations(session: Session, caller: Caller) -> list[str]:
    found = []
    for each in await session.access.organizations.of_account(caller.user_id or ""):
        try:
            role = await dashboard_role(session, caller, each.id)
        except (Missing, Forbidden):  # beyond the token, or without the second factor it takes
            continue
        if role is not MemberRole.NONE:
            found.append(each.id)
    return found


def _check(role: MemberRole, scopes: frozenset[str]) -> None:
    if not role_allows(role, scopes, reads=is_read(scopes)):
        raise Forbidden("Your role does not allow this")


def _missing() -> Missing:
    return Missing("Dashboard was not found")
