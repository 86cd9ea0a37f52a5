"""Whether a caller may do what an operation does: to what they see, with what their token holds.

The order matters: an application out of sight is missing, whatever the token holds; then the
scopes; then the role of the member or the account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.access.verified import Verified
from drover.model.access import SANDBOX, MemberRole, Role, needs_second_factor, role_allows
from drover.model.errors import Forbidden, Missing, Unauthorized
from drover.model.scopes import GRANTING, is_read, widened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.access.authenticate import Authenticator
    from drover.app.access.device_check import DeviceCheck
    from drover.model.access import Caller
    from drover.model.accounts import Member
    from drover.ports.access import Standing
    from drover.ports.store import Session, Store

_SCHEME = "bearer "


class Gate:
    """What stands before every operation of the dialect that signs in with bearer tokens."""

    def __init__(self, authenticator: Authenticator, store: Store, devices: DeviceCheck) -> None:
        self._authenticator = authenticator
        self._devices = devices
        self._store = store
        self._roles: Verified[tuple[str, str], MemberRole] = Verified()

    async def identify(self, headers: Mapping[str, str]) -> Caller:
        """Return who is calling; raises Unauthorized."""
        given = headers.get("authorization", "")
        if given[: len(_SCHEME)].lower() != _SCHEME:
            raise Unauthorized("Invalid access token")
        caller = await self._authenticator.authenticate(given[len(_SCHEME) :].strip())
        if not await self._devices.reaches(caller):
            raise Unauthorized("Invalid access token")
        return caller

    async def admit(
        self, caller: Caller, application_id: str | None, scopes: frozenset[str]
    ) -> None:
        """Return if the caller may.

        ``application_id`` is None for operations outside of applications. Raises Missing when the
        application is out of sight, Forbidden when the token or the role does not allow it.
        """
        role = MemberRole.ADMIN
        if application_id is not None:
            role = await self.role_in(caller, application_id)
        check_scopes(caller, scopes)
        if not role_allows(role, scopes, reads=is_read(scopes)):
            raise Forbidden("Your role does not allow this")

    async def role_in(self, caller: Caller, application_id: str) -> MemberRole:
        """Return the caller's role in an application; raises Missing when it is out of sight."""
        if caller.type == "system":
            return MemberRole.ADMIN
        if caller.application_id not in (None, application_id):
            raise _missing()
        if caller.application_id is not None and caller.role_limit is None:
            return MemberRole.ADMIN
        key = (_role_holder(caller), application_id)
        known = self._roles.find(key, caller.revision) if caller.revision >= 0 else None
        if known is not None:
            return known
        standing = await self._store.read(
            lambda session: session.access.owners.standing(application_id, caller.user_id)
        )
        role = MemberRole.NONE if standing is None else role_by(caller, standing)
        if standing is None or role is MemberRole.NONE:
            raise _missing()
        if kept_out(caller, standing):
            raise lacking()
        self._roles.keep(key, standing.revision, role)
        return role


def check_scopes(caller: Caller, scopes: frozenset[str]) -> None:
    """Raise Forbidden unless the token holds an accepted scope and the account may do it."""
    if caller.type == "system":
        return
    if not caller.holds(widened(scopes)):
        raise Forbidden("The access token does not allow this")
    if caller.role_limit is not None and scopes & GRANTING:
        raise Forbidden("A token limited to roles cannot hand out or take away access")
    changes = not is_read(scopes) and "me.*" not in scopes
    if changes and caller.role in (Role.READ_ONLY, Role.BEACON):
        raise Forbidden("A read-only account cannot change anything")


def role_by(caller: Caller, standing: Standing) -> MemberRole:
    """Return what a caller may do with an application, its token's limit of roles counted in."""
    role, owner = _own_role(caller, standing), standing.owner
    if caller.role_limit is None:
        return role
    org_id = owner.id if owner.type == "organization" else SANDBOX
    return caller.role_limit.capped(role, org_id, owner.application_id)


def _own_role(caller: Caller, standing: Standing) -> MemberRole:
    owner = standing.owner
    if caller.is_administrator or caller.application_id == owner.application_id:
        return MemberRole.ADMIN
    if owner.id == (caller.user_id if owner.type == "user" else caller.org_id):
        return MemberRole.ADMIN
    if standing.member is None:
        return MemberRole.NONE
    return standing.member.role_in(owner.application_id)


def kept_out(caller: Caller, standing: Standing) -> bool:
    """Tell whether a member sees an application, and has to show more of who they are first."""
    return lacks_second_factor(caller, standing.mfa_mode, standing.member)


def lacks_second_factor(caller: Caller, mode: str, member: Member | None) -> bool:
    """Tell whether a member of an organisation of this ``mfaMode`` lacks what it asks for.

    Administrators of the server are never kept out: who else could put it right.
    """
    if member is None or caller.is_administrator or caller.has_second_factor:
        return False
    return needs_second_factor(mode, member.role)


def lacking() -> Forbidden:
    """Return the error of members whose organisation asks for more than a password."""
    return Forbidden(
        "The organization requires two-factor authentication; enable it for your account first"
    )


def _role_holder(caller: Caller) -> str:
    """Return whose role it is: that of a limited token is its own."""
    limited = caller.token_id if caller.role_limit is not None else None
    return limited or caller.user_id or caller.org_id or ""


async def visible_applications(session: Session, caller: Caller) -> Sequence[str] | None:
    """Return the ids of the applications a caller sees; None stands for all there are."""
    if caller.type == "system" or caller.is_administrator:
        return None
    if caller.role_limit is None and caller.application_id is not None:
        return [caller.application_id]
    if caller.role_limit is None and caller.org_id is not None:
        return await session.access.owners.owned_by("organization", caller.org_id)
    return [
        each.owner.application_id
        for each in await standings(session, caller)
        if role_by(caller, each) is not MemberRole.NONE and not kept_out(caller, each)
    ]


async def standings(session: Session, caller: Caller) -> Sequence[Standing]:
    """Return how a caller's owner stands to each application within their reach."""
    owners = session.access.owners
    if caller.application_id is None and caller.org_id is None:
        return await owners.within_reach(caller.user_id or "")
    ids: Sequence[str] = [caller.application_id or ""]
    if caller.application_id is None:
        ids = await owners.owned_by("organization", caller.org_id or "")
    found = [await owners.standing(each, None) for each in ids]
    return [each for each in found if each is not None]


def _missing() -> Missing:
    return Missing("Application was not found")
