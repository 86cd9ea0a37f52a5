"""Users: made and changed by administrators, and each by themselves."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import structlog
from msgspec import Struct, structs

from drover.model.access import ACCOUNT_ROLES, Caller, MemberRole, Role
from drover.model.accounts import Account, Profile
from drover.model.errors import Conflict, Forbidden, Invalid, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.access.authenticate import Authenticator
    from drover.app.access.passwords import Passwords
    from drover.app.access.sessions import Sessions, SignedIn
    from drover.app.access.throttle import Throttle
    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Session, Store

_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f]{1,255}@[^@\s\x00-\x1f]{1,255}")
LONGEST_EMAIL: Final = 1024
_OWN_FIELDS: Final = frozenset({"role", "token_cutoff_ms", "two_factor_key"})

_log = structlog.get_logger("drover.access")


class NewAccount(Struct, frozen=True, kw_only=True):
    """What a new user starts with."""

    email: str
    password: str
    role: Role = Role.USER
    profile: Profile = Profile()


class Proof(Struct, frozen=True, kw_only=True):
    """What shows that it is really the user: the password, and a code of the second factor."""

    password: str
    code: str | None = None


class PasswordChange(Struct, frozen=True, kw_only=True):
    """A new password; other sessions end unless kept, the new one lasts ``ttl_s`` seconds."""

    proof: Proof
    password: str
    keep_sessions: bool = False
    ttl_s: int | None = None


class Accounts:
    """The use cases around users."""

    def __init__(
        self,
        store: Store,
        ids: Ids,
        clock: Clock,
        passwords: Passwords,
        throttle: Throttle,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._passwords = passwords
        self._throttle = throttle

    async def create(self, caller: Caller, new: NewAccount) -> Account:
        """Add a user; raises Forbidden, Invalid, and Duplicate when the e-mail is taken."""
        check_administrator(caller)
        account = await self.prepare(new)
        made = await self._store.write(lambda session: session.access.accounts.add(account))
        _log.info("access.account_created", account_id=made.id, role=made.role, by=caller.id)
        return made

    async def prepare(self, new: NewAccount) -> Account:
        """Return an account ready to be stored; raises Invalid."""
        if new.role not in ACCOUNT_ROLES:
            raise Invalid("An account cannot have this role at `role`", field="role")
        now_ms = self._clock.now_ms()
        return Account(
            id=self._ids.new(),
            number=0,
            guid=_guid(self._ids),
            email=checked_email(new.email),
            role=new.role,
            password_hash=await self._passwords.hash(new.password),
            created_ms=now_ms,
            updated_ms=now_ms,
            password_updated_ms=now_ms,
            profile=new.profile,
        )

    async def all(self, caller: Caller) -> Sequence[Account]:
        """Return all users; raises Forbidden."""
        check_administrator(caller)
        return await self._store.read(lambda session: session.access.accounts.all())

    async def get(self, caller: Caller, account_id: str) -> Account:
        """Return a user, oneself or any as an administrator; raises Forbidden, Missing."""
        if account_id != caller.user_id:
            check_administrator(caller)
        return await self._store.read(lambda session: session.access.accounts.get(account_id))

    async def change(self, caller: Caller, account_id: str, changes: Mapping[str, Any]) -> Account:
        """Change a user as an administrator.

        ``changes`` names ``email``, ``role``, ``password`` or fields of the profile. Raises
        Forbidden, Missing, Invalid, Duplicate, and Conflict for the last administrator.
        """
        check_administrator(caller)
        account = await self._change(account_id, changes, keep=None)
        _log.info(
            "access.account_changed", account_id=account_id, by=caller.id, fields=sorted(changes)
        )
        return account

    async def change_own(
        self,
        caller: Caller,
        changes: Mapping[str, Any],
        authenticator: Authenticator,
        proof: Proof | None,
    ) -> Account:
        """Change oneself; the e-mail and the password need the current password.

        Raises Unauthorized, Invalid, Duplicate.
        """
        account_id = own_id(caller)
        if changes.keys() & {"email", "password"}:
            if proof is None:
                message = "Changing email or password needs currentCredentials"
                raise Invalid(message, field="currentCredentials")
            await proved(caller, authenticator, proof)
        changes = {name: value for name, value in changes.items() if name != "role"}
        return await self._change(account_id, changes, keep=caller.token_id)

    async def change_password(
        self,
        caller: Caller,
        authenticator: Authenticator,
        sessions: Sessions,
        change: PasswordChange,
    ) -> SignedIn:
        """Change one's password, end the sessions and begin a new one with the same scopes.

        Raises Unauthorized, Invalid.
        """
        account = await proved(caller, authenticator, change.proof)
        kept = account.password_hash
        new_hash = await self._passwords.hash(change.password)
        now_ms = self._clock.now_ms()

        async def work(session: Session) -> Account:
            await session.access.raise_revision()
            current = await session.access.accounts.get(account.id)
            if current.password_hash != kept:
                raise Unauthorized("The password was changed meanwhile")
            changed = _with_password(current, new_hash, now_ms)
            await session.access.accounts.put(changed)
            if not change.keep_sessions:
                await session.access.tokens.end_sessions("user", account.id)
            return changed

        changed = await self._store.write(work)
        _log.info("access.password_changed", account_id=account.id)
        return await sessions.begin(changed, caller.scopes, change.ttl_s)

    async def delete(self, caller: Caller, account_id: str) -> None:
        """Delete a user.

        Raises Forbidden, Missing, and Conflict for the last administrator or for one who still owns
        applications or is the only administrator of an organisation.
        """
        check_administrator(caller)
        await self._delete(caller, account_id)

    async def delete_own(
        self, caller: Caller, authenticator: Authenticator, email: str, proof: Proof
    ) -> None:
        """Delete oneself; raises Unauthorized, Invalid for another's e-mail, and as ``delete``."""
        if email.strip().lower() != caller.email:
            raise Invalid("This is not your email at `email`", field="email")
        account = await proved(caller, authenticator, proof)
        await self._delete(caller, account.id)

    async def _delete(self, caller: Caller, account_id: str) -> None:
        async def work(session: Session) -> None:
            await session.access.raise_revision()
            account = await session.access.accounts.get(account_id)
            await _check_replaceable(session, account)
            await _check_nothing_orphaned(session, account)
            await session.access.accounts.remove(account_id)
            await session.dashboards.remove_owned(account_id)

        await self._store.write(work)
        _log.info("access.account_deleted", account_id=account_id, by=caller.id)

    async def _change(
        self, account_id: str, changes: Mapping[str, Any], keep: str | None
    ) -> Account:
        password = changes.get("password")
        new_hash = None if password is None else await self._passwords.hash(password)
        now_ms = self._clock.now_ms()

        async def work(session: Session) -> Account:
            await session.access.raise_revision()
            current = await session.access.accounts.get(account_id)
            changed = _changed(current, changes, now_ms)
            if changed.role is not Role.ADMINISTRATOR:
                await _check_replaceable(session, current)
            if new_hash is not None:
                changed = _with_password(changed, new_hash, now_ms)
                await session.access.tokens.end_sessions("user", account_id, keep=keep)
            await session.access.accounts.put(changed)
            return changed

        changed = await self._store.write(work)
        if new_hash is not None:
            self._throttle.release(changed.email)
        return changed


def check_administrator(caller: Caller) -> None:
    """Raise Forbidden unless the caller is an administrator of this server."""
    if not caller.is_administrator:
        raise Forbidden("Only an administrator may do this")


def own_id(caller: Caller) -> str:
    """Return the caller's own user id; raises Forbidden when no user is calling."""
    if caller.user_id is None:
        raise Forbidden("Only a user can do this")
    return caller.user_id


async def proved(caller: Caller, authenticator: Authenticator, proof: Proof) -> Account:
    """Return the caller's account once they have shown that it is really them.

    Raises Forbidden when no user is calling, Unauthorized.
    """
    own_id(caller)
    return await authenticator.check_password(caller.email or "", proof.password, code=proof.code)


def checked_email(text: str) -> str:
    """Return an e-mail address in the form it is kept in; raises Invalid."""
    email = text.strip().lower()
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise Invalid("This is not an email address at `email`", field="email")
    return email


def _guid(ids: Ids) -> str:
    random = urlsafe_b64decode(ids.secret(16) + "==")
    return str(UUID(bytes=random[:16], version=4))


def _changed(account: Account, changes: Mapping[str, Any], now_ms: int) -> Account:
    own = {name: value for name, value in changes.items() if name in _OWN_FIELDS}
    if own.get("role", account.role) not in ACCOUNT_ROLES:
        raise Invalid("An account cannot have this role at `role`", field="role")
    if "email" in changes:
        own["email"] = checked_email(changes["email"])
    known = Profile.__struct_fields__
    profile = {name: value for name, value in changes.items() if name in known}
    return structs.replace(
        account, **own, profile=structs.replace(account.profile, **profile), updated_ms=now_ms
    )


def _with_password(account: Account, password_hash: str, now_ms: int) -> Account:
    return structs.replace(
        account, password_hash=password_hash, password_updated_ms=now_ms, updated_ms=now_ms
    )


async def _check_replaceable(session: Session, account: Account) -> None:
    if account.role is not Role.ADMINISTRATOR:
        return
    everybody = await session.access.accounts.all()
    if not any(each.role is Role.ADMINISTRATOR and each.id != account.id for each in everybody):
        raise Conflict("This is the last administrator of the server")


async def _check_nothing_orphaned(session: Session, account: Account) -> None:
    if await session.access.owners.owned_by("user", account.id):
        raise Conflict("The user still owns applications; transfer or delete them first")
    for organization in await session.access.organizations.of_account(account.id):
        members = await session.access.organizations.members(organization.id)
        admins = [member for member, _ in members if member.role is MemberRole.ADMIN]
        if [member.account_id for member in admins] == [account.id]:
            message = f"The user is the only administrator of '{organization.name}'"
            raise Conflict(message)
