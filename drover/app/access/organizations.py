"""Organisations: who is in them, in which role, and who is invited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog
from msgspec import Struct, structs

from drover.app.access.accounts import checked_email, own_id
from drover.app.access.admit import lacking, lacks_second_factor
from drover.app.access.secrets import INVITE_PREFIX, digest, matches, new_secret
from drover.model.access import Caller, MemberRole, needs_second_factor
from drover.model.accounts import Account, Invite, Member, Organization, ResourceRole
from drover.model.errors import Conflict, Forbidden, Gone, Invalid, Missing, TooMany

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Session, Store

INVITE_TTL_MS: Final = 7 * 86_400_000
MOST_MEMBERS: Final = 1_000
"""Members and open invitations of one organisation together."""
MOST_ORGANIZATIONS: Final = 1_000
"""Organisations one user can be in."""

_log = structlog.get_logger("drover.access")


class Roles(Struct, frozen=True, kw_only=True):
    """What a member is to be: a role, and other ones in single applications and dashboards."""

    role: MemberRole
    application_roles: tuple[ResourceRole, ...] = ()
    dashboard_roles: tuple[ResourceRole, ...] = ()


class Overview(Struct, frozen=True, kw_only=True):
    """An organisation with its members and how many more are invited."""

    organization: Organization
    members: Sequence[tuple[Member, Account]]
    pending_invite_count: int


class Organizations:
    """The use cases around organisations.

    An organisation that the caller is no member of is missing, except for administrators of the
    server. Changing it, its members and its invitations takes the role ``admin``.
    """

    def __init__(self, store: Store, ids: Ids, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    def now_ms(self) -> int:
        """Return the moment against which an invitation's end is held."""
        return self._clock.now_ms()

    async def create(self, caller: Caller, fields: Mapping[str, Any]) -> Overview:
        """Add an organisation whose administrator is the caller; raises TooMany, Invalid."""
        account_id = own_id(caller)
        now_ms = self._clock.now_ms()
        _check_mode(caller, fields.get("mfa_mode", "notRequired"))
        organization = Organization(
            **fields, id=self._ids.new(), created_ms=now_ms, updated_ms=now_ms
        )

        async def work(session: Session) -> Overview:
            mine = await session.access.organizations.of_account(account_id)
            if len(mine) >= MOST_ORGANIZATIONS:
                raise TooMany(f"A user can be in {MOST_ORGANIZATIONS} organizations")
            await add_organization(session, organization, account_id)
            return await _overview(session, organization)

        made = await self._store.write(work)
        _log.info("access.organization_created", org_id=organization.id, by=caller.id)
        return made

    async def mine(self, caller: Caller) -> Sequence[Overview]:
        """Return the organisations the caller is in, by name."""
        account_id = own_id(caller)

        async def work(session: Session) -> Sequence[Overview]:
            found = await session.access.organizations.of_account(account_id)
            return [await _overview(session, each) for each in found]

        return await self._store.read(work)

    async def get(self, caller: Caller, organization_id: str) -> Overview:
        """Return one; raises Missing."""

        async def work(session: Session) -> Overview:
            organization, _ = await _seen(session, caller, organization_id)
            return await _overview(session, organization)

        return await self._store.read(work)

    async def change(
        self, caller: Caller, organization_id: str, fields: Mapping[str, Any]
    ) -> Overview:
        """Change an organisation; raises Missing, Forbidden, Invalid."""
        now_ms = self._clock.now_ms()

        async def work(session: Session) -> Overview:
            await session.access.raise_revision()
            organization = await _led(session, caller, organization_id)
            _check_mode(caller, fields.get("mfa_mode", organization.mfa_mode))
            changed = structs.replace(organization, **fields, updated_ms=now_ms)
            await session.access.organizations.put(changed)
            return await _overview(session, changed)

        return await self._store.write(work)

    async def delete(self, caller: Caller, organization_id: str) -> None:
        """Delete an organisation.

        Raises Missing, Forbidden, and Conflict while it owns any application.
        """

        async def work(session: Session) -> None:
            await session.access.raise_revision()
            await _led(session, caller, organization_id)
            if await session.access.owners.owned_by("organization", organization_id):
                raise Conflict("The organization still owns applications; delete them first")
            await session.access.organizations.remove(organization_id)
            await session.dashboards.remove_owned(organization_id)

        await self._store.write(work)
        _log.info("access.organization_deleted", org_id=organization_id, by=caller.id)

    async def modify_member(
        self, caller: Caller, organization_id: str, account_id: str, changes: Mapping[str, Any]
    ) -> Overview:
        """Change a member's roles; raises Missing, Forbidden, and Conflict for the last admin."""

        async def work(session: Session) -> Overview:
            await session.access.raise_revision()
            organization = await _led(session, caller, organization_id)
            member = await session.access.organizations.find_member(organization_id, account_id)
            if member is None:
                raise Missing("Member was not found")
            changed = structs.replace(member, **changes)
            if changed.role is not MemberRole.ADMIN:
                await _check_not_last_admin(session, member)
            await session.access.organizations.put_member(changed)
            return await _overview(session, organization)

        changed = await self._store.write(work)
        _log.info(
            "access.member_changed", org_id=organization_id, account_id=account_id, by=caller.id
        )
        return changed

    async def remove_member(
        self, caller: Caller, organization_id: str, account_id: str
    ) -> Overview:
        """Take a member out; members may leave by themselves.

        Raises Missing, Forbidden, and Conflict for the last admin.
        """

        async def work(session: Session) -> Overview:
            await session.access.raise_revision()
            if account_id == caller.user_id:
                organization, _ = await _seen(session, caller, organization_id)
            else:
                organization = await _led(session, caller, organization_id)
            member = await session.access.organizations.find_member(organization_id, account_id)
            if member is None:
                raise Missing("Member was not found")
            await _check_not_last_admin(session, member)
            await session.access.organizations.remove_member(organization_id, account_id)
            return await _overview(session, organization)

        left = await self._store.write(work)
        _log.info(
            "access.member_removed", org_id=organization_id, account_id=account_id, by=caller.id
        )
        return left

    async def invite(
        self,
        caller: Caller,
        organization_id: str,
        email: str,
        roles: Roles,
        *,
        disallow_transfer: bool = False,
    ) -> tuple[Sequence[Invite], str]:
        """Invite an address; return the open invitations, and the secret for the letter.

        Raises Missing, Forbidden, Invalid for a member, TooMany.
        """
        now_ms = self._clock.now_ms()
        text = new_secret(self._ids, INVITE_PREFIX)
        invite = Invite(
            id=self._ids.new(),
            organization_id=organization_id,
            email=checked_email(email),
            role=roles.role,
            application_roles=roles.application_roles,
            dashboard_roles=roles.dashboard_roles,
            token_digest=digest(text),
            invited_by=caller.user_id,
            created_ms=now_ms,
            expires_ms=now_ms + INVITE_TTL_MS,
            disallow_transfer=disallow_transfer,
        )

        async def work(session: Session) -> Sequence[Invite]:
            await _led(session, caller, organization_id)
            organizations = session.access.organizations
            members = await organizations.members(organization_id)
            if any(account.email == invite.email for _, account in members):
                raise Invalid("This user is a member already", field="email")
            if len(members) + len(await organizations.invites(organization_id)) >= MOST_MEMBERS:
                raise TooMany(f"An organization can have {MOST_MEMBERS} members and invitations")
            await organizations.put_invite(invite)
            return await organizations.invites(organization_id)

        invites = await self._store.write(work)
        _log.info("access.invited", org_id=organization_id, role=roles.role, by=caller.id)
        return invites, text

    async def invites(self, caller: Caller, organization_id: str) -> Sequence[Invite]:
        """Return the open invitations; raises Missing, Forbidden."""

        async def work(session: Session) -> Sequence[Invite]:
            await _led(session, caller, organization_id)
            return await session.access.organizations.invites(organization_id)

        return await self._store.read(work)

    async def revoke_invite(
        self, caller: Caller, organization_id: str, invite_id: str
    ) -> Sequence[Invite]:
        """Take an invitation back and return the others; raises Missing, Forbidden."""

        async def work(session: Session) -> Sequence[Invite]:
            await _led(session, caller, organization_id)
            await session.access.organizations.remove_invite(organization_id, invite_id)
            return await session.access.organizations.invites(organization_id)

        return await self._store.write(work)

    async def my_invites(self, caller: Caller) -> Sequence[tuple[Invite, Organization, str | None]]:
        """Return the caller's own invitations, each with its organisation and who invited."""
        own_id(caller)

        async def work(
            session: Session,
        ) -> Sequence[tuple[Invite, Organization, str | None]]:
            found = await session.access.organizations.invites_to(caller.email or "")
            return [(*each, await _inviter(session, each[0])) for each in found]

        return await self._store.read(work)

    async def my_invite(
        self, caller: Caller, invite_id: str
    ) -> tuple[Invite, Organization, str | None]:
        """Return one of the caller's invitations; raises Missing."""
        for found in await self.my_invites(caller):
            if found[0].id == invite_id:
                return found
        raise Missing("Invite was not found")

    async def respond(self, caller: Caller, invite_id: str, *, accept: bool) -> str:
        """Accept or turn down an own invitation; return the id of its organisation.

        Raises Missing, and Gone when its time is over.
        """
        account_id, now_ms = own_id(caller), self._clock.now_ms()

        async def work(session: Session) -> str:
            found = await session.access.organizations.invites_to(caller.email or "")
            for invite, _ in found:
                if invite.id == invite_id:
                    return await _settle(session, invite, account_id if accept else None, now_ms)
            raise Missing("Invite was not found")

        organization_id = await self._store.write(work)
        _log.info("access.invite_answered", org_id=organization_id, by=account_id, accepted=accept)
        return organization_id

    async def open_invite(self, email: str, secret: str) -> tuple[Invite, Organization]:
        """Return the invitation that a letter's link names; raises Missing."""
        email = email.strip().lower()
        found = await self._store.read(
            lambda session: session.access.organizations.invites_to(email)
        )
        for invite, organization in found:
            if matches(secret, invite.token_digest):
                return invite, organization
        raise Missing("Invite was not found")

    async def respond_by_letter(self, email: str, secret: str, *, accept: bool) -> str:
        """Answer an invitation with its letter's secret; return the organisation's id.

        Accepting it takes an account with that address. Raises Missing, Gone, Conflict.
        """
        invite, _ = await self.open_invite(email, secret)
        now_ms = self._clock.now_ms()

        async def work(session: Session) -> str:
            account = await session.access.accounts.find_by_email(invite.email)
            if accept and account is None:
                raise Conflict("There is no user with this email yet; ask an administrator")
            account_id = account.id if accept and account is not None else None
            return await _settle(session, invite, account_id, now_ms)

        return await self._store.write(work)


def _check_mode(caller: Caller, mode: str) -> None:
    """Raise Invalid where an administrator would keep themselves out."""
    alone = caller.user_id is not None and not caller.has_second_factor
    if alone and not caller.is_administrator and needs_second_factor(mode, MemberRole.ADMIN):
        message = "Enable two-factor authentication for your own account before you require it"
        raise Invalid(f"{message} at `mfaMode`", field="mfaMode")


async def add_organization(session: Session, organization: Organization, account_id: str) -> None:
    """Store a new organisation and its first administrator."""
    await session.access.organizations.put(organization)
    await session.access.organizations.put_member(
        Member(organization_id=organization.id, account_id=account_id, role=MemberRole.ADMIN)
    )


async def member_role(session: Session, caller: Caller, organization_id: str) -> MemberRole:
    """Return what a caller may do in an organisation; raises Missing when out of sight.

    Raises Forbidden where the organisation asks for a second factor that the caller lacks.
    """
    organization, role = await _seen(session, caller, organization_id)
    await _check_second_factor(session, caller, organization)
    return role


async def dashboard_role(
    session: Session, caller: Caller, organization_id: str, dashboard_id: str = ""
) -> MemberRole:
    """Return what a caller may do with a dashboard of an organisation; raises Missing."""
    role = await member_role(session, caller, organization_id)
    if role in (MemberRole.ADMIN, MemberRole.EDIT) or caller.user_id is None:
        return role
    member = await session.access.organizations.find_member(organization_id, caller.user_id)
    own = {each.resource_id: each.role for each in (member.dashboard_roles if member else ())}
    return own.get(dashboard_id, role)


async def _seen(
    session: Session, caller: Caller, organization_id: str
) -> tuple[Organization, MemberRole]:
    organization = await session.access.organizations.get(organization_id)
    role = await _role(session, caller, organization_id)
    if caller.role_limit is not None and role is not None:
        role = caller.role_limit.capped(role, organization_id)
        role = None if role is MemberRole.NONE else role
    if role is None:
        raise Missing("Organization was not found")
    return organization, role


async def _check_second_factor(
    session: Session, caller: Caller, organization: Organization
) -> None:
    """Raise Forbidden where a member lacks what the organisation asks for."""
    if caller.user_id is None:
        return
    member = await session.access.organizations.find_member(organization.id, caller.user_id)
    if lacks_second_factor(caller, organization.mfa_mode, member):
        raise lacking()


async def _role(session: Session, caller: Caller, organization_id: str) -> MemberRole | None:
    if caller.is_administrator or caller.org_id == organization_id:
        return MemberRole.ADMIN
    if caller.user_id is None:
        return None
    member = await session.access.organizations.find_member(organization_id, caller.user_id)
    return None if member is None else member.role


async def _led(session: Session, caller: Caller, organization_id: str) -> Organization:
    organization, role = await _seen(session, caller, organization_id)
    await _check_second_factor(session, caller, organization)
    if role is not MemberRole.ADMIN:
        raise Forbidden("Only an administrator of the organization may do this")
    return organization


async def _overview(session: Session, organization: Organization) -> Overview:
    access = session.access
    return Overview(
        organization=organization,
        members=await access.organizations.members(organization.id),
        pending_invite_count=len(await access.organizations.invites(organization.id)),
    )


async def _check_not_last_admin(session: Session, member: Member) -> None:
    if member.role is not MemberRole.ADMIN:
        return
    members = await session.access.organizations.members(member.organization_id)
    if sum(each.role is MemberRole.ADMIN for each, _ in members) == 1:
        raise Conflict("This is the last administrator of the organization")


async def _inviter(session: Session, invite: Invite) -> str | None:
    if invite.invited_by is None:
        return None
    try:
        return (await session.access.accounts.get(invite.invited_by)).email
    except Missing:
        return None


async def _settle(session: Session, invite: Invite, account_id: str | None, now_ms: int) -> str:
    organizations = session.access.organizations
    await session.access.raise_revision()
    await organizations.remove_invite(invite.organization_id, invite.id)
    if account_id is None:
        return invite.organization_id
    if invite.expires_ms <= now_ms:
        raise Gone("The invite has expired")
    if await organizations.find_member(invite.organization_id, account_id) is not None:
        return invite.organization_id  # a member keeps the role they have
    await organizations.put_member(
        Member(
            organization_id=invite.organization_id,
            account_id=account_id,
            role=invite.role,
            application_roles=invite.application_roles,
            dashboard_roles=invite.dashboard_roles,
        )
    )
    return invite.organization_id
