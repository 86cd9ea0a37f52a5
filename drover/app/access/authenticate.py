"""Who is calling: from a token, a key or a password to a ``Caller``."""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from secrets import token_bytes
from typing import TYPE_CHECKING, Final

from msgspec import structs

from drover.app.access.network import address_filter
from drover.app.access.secrets import LONGEST, digest, matches
from drover.app.access.verified import Verified
from drover.model.access import KEY_ROLES, Caller, DeviceLimit, Role
from drover.model.errors import Unauthorized
from drover.model.one_time_codes import step_of
from drover.model.scopes import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.app.access.passwords import Passwords
    from drover.app.access.throttle import Throttle
    from drover.model.accounts import AccessKey, Account, Token
    from drover.ports.access import FoundKey, FoundToken, Revisions
    from drover.ports.clock import Clock
    from drover.ports.store import Store

READ_ONLY_SCOPES: Final = frozenset({"all.User.read"})


class Authenticator:
    """Verifies whatever a request carries; every method raises Unauthorized when it is not good."""

    def __init__(
        self,
        store: Store,
        revisions: Revisions,
        clock: Clock,
        passwords: Passwords,
        throttle: Throttle,
    ) -> None:
        self._store = store
        self._revisions = revisions
        self._clock = clock
        self._passwords = passwords
        self._throttle = throttle
        self._verified: Verified[str, Caller] = Verified()
        self._salt = token_bytes(32)

    async def authenticate(self, text: str) -> Caller:
        """Return the holder of a token."""
        if not 0 < len(text) <= LONGEST:
            raise _unknown()
        key = digest(text)
        caller = await self._remembered(key)
        if caller is None:
            found = await self._store.read(lambda session: session.access.tokens.find(key))
            if found is None or not matches(text, found.token.digest):
                raise _unknown()
            caller = _token_caller(found)
            self._verified.keep(key, found.revision, caller)
        return self._unexpired(caller)

    async def authenticate_userkey(self, text: str) -> Caller:
        """Return the account behind a userkey."""
        if not 0 < len(text) <= LONGEST:
            raise _unknown()
        kept = digest(text)

        async def find() -> FoundKey | None:
            found = await self._store.read(
                lambda session: session.access.accounts.find_userkey(kept)
            )
            return found if found and matches(text, found.key.userkey_digest) else None

        # Marked, so that what is known of a userkey is never found for a token of the same text.
        return await self._key_holder(f"userkey {kept}", find)

    async def authenticate_key(self, key_id: str, secret: str) -> Caller:
        """Return the account behind the id and the secret of a key."""

        async def find() -> FoundKey | None:
            found = await self._store.read(lambda session: session.access.accounts.find_key(key_id))
            right = matches(secret, found.key.secret_digest if found else None)
            return found if right else None

        return await self._key_holder(f"key {key_id} {digest(secret)}", find)

    async def _key_holder(
        self, known_as: str, find: Callable[[], Awaitable[FoundKey | None]]
    ) -> Caller:
        """Return the account behind a key, remembered until access changes."""
        revision = await self._revisions.current()
        caller = self._verified.find(known_as, revision)
        if caller is None:
            found = await find()
            if found is None:
                raise _unknown()
            caller = structs.replace(_key_caller(found), revision=revision)
            self._verified.keep(known_as, revision, caller)
        return self._unexpired(caller)

    async def authenticate_basic(self, email: str, password: str, address: str = "") -> Caller:
        """Return the account with this e-mail and password.

        A password that was right is remembered until access changes, since a client sends it with
        each request. Raises TooMany and AccountLocked as well.
        """
        key = hmac.new(self._salt, f"{email}\0{password}".encode(errors="replace"), sha256)
        caller = await self._remembered(key.hexdigest())
        if caller is None:
            revision = await self._revisions.current()
            account = await self.check_password(email, password, address)
            caller = _account_caller(account)
            self._verified.keep(key.hexdigest(), revision, caller)
        return caller

    async def check_password(
        self, email: str, password: str, address: str = "", code: str | None = None
    ) -> Account:
        """Return the account with this e-mail and password, and with this code if it needs one.

        Raises Unauthorized, alike for an unknown user and a wrong password; TooMany and
        AccountLocked after too many failures. A code counts once.
        """
        email = email.strip().lower()
        self._throttle.begin(email, address)
        account = await self._store.read(
            lambda session: session.access.accounts.find_by_email(email)
        )
        kept = account.password_hash if account else None
        right = await self._passwords.verify(kept, password)
        if account is None or not right:
            raise Unauthorized("Invalid email or password")
        if account.two_factor_key is not None:
            await self._check_code(account, account.two_factor_key, code)
        self._throttle.succeed(email, address)
        return account

    async def _check_code(self, account: Account, key: str, code: str | None) -> None:
        if not code:
            raise Unauthorized("A two-factor code is required")
        step = step_of(key, code, self._clock.now_ms())
        if step is None or not await self._store.write(
            lambda session: session.access.traces.use_code(account.id, step)
        ):
            raise Unauthorized("Invalid two-factor code")

    async def _remembered(self, key: str) -> Caller | None:
        return self._verified.find(key, await self._revisions.current())

    def _unexpired(self, caller: Caller) -> Caller:
        if caller.expires_ms is not None and caller.expires_ms <= self._clock.now_ms():
            raise _unknown()
        return caller


def device_limit(key: AccessKey) -> DeviceLimit | None:
    """Return how far an access key reaches, None when it covers the whole application."""
    if not key.device_ids and not key.device_tags:
        return None
    return DeviceLimit(
        ids=frozenset(key.device_ids),
        tags=frozenset((tag.key, tag.value) for tag in key.device_tags),
    )


def _unknown() -> Unauthorized:
    return Unauthorized("Invalid access token")


def _token_caller(found: FoundToken) -> Caller:
    token = found.token
    if token.status != "active":
        raise _unknown()
    if token.owner_type == "device":
        return _device_caller(found)
    if token.owner_type == "user":
        return _user_caller(found)
    return Caller(
        type="apiToken",
        id=token.id,
        scopes=_scopes(token.scopes),
        application_id=token.application_id,
        org_id=token.owner_id if token.owner_type == "organization" else None,
        token_id=token.id,
        role_limit=token.role_limit or None,
        expires_ms=token.expires_ms,
        revision=found.revision,
    )


def _user_caller(found: FoundToken) -> Caller:
    token, account = found.token, found.account
    if account is None or _cut_off(token, account):
        raise _unknown()
    is_session, limit = token.kind == "session", token.role_limit or None
    return Caller(
        type="user" if is_session else "apiToken",
        id=account.id if is_session else token.id,
        scopes=_scopes(token.scopes),
        user_id=account.id,
        token_id=token.id,
        # What a limited token may do is decided by roles alone.
        is_administrator=account.role is Role.ADMINISTRATOR and limit is None,
        role=account.role,
        role_limit=limit,
        number=account.number,
        guid=account.guid,
        email=account.email,
        has_second_factor=account.has_second_factor,
        expires_ms=token.expires_ms,
        revision=found.revision,
    )


def _device_caller(found: FoundToken) -> Caller:
    token, key = found.token, found.access_key
    if key is not None and key.status != "active":
        raise _unknown()
    return Caller(
        type="device",
        id=token.owner_id,
        scopes=_scopes(token.scopes),
        application_id=token.application_id,
        device_id=token.owner_id,
        token_id=token.id,
        device_limit=None if key is None else device_limit(key),
        address_filter=None if key is None else address_filter(key),
        expires_ms=token.expires_ms,
        revision=found.revision,
    )


def _account_caller(account: Account, role: Role | None = None) -> Caller:
    role = role or account.role
    full = role in (Role.ADMINISTRATOR, Role.USER)
    return Caller(
        type="user",
        id=account.id,
        scopes=DEFAULT["user"] if full else READ_ONLY_SCOPES,
        user_id=account.id,
        is_administrator=role is Role.ADMINISTRATOR,
        role=role,
        number=account.number,
        guid=account.guid,
        email=account.email,
        has_second_factor=account.has_second_factor,
    )


def _key_caller(found: FoundKey) -> Caller:
    key, account = found.key, found.account
    # An account that has lost a role takes it from its keys as well.
    role = key.role if key.role in KEY_ROLES[account.role] else Role.READ_ONLY
    caller = _account_caller(account, role)
    return structs.replace(caller, token_id=key.id, expires_ms=key.expires_ms)


def _cut_off(token: Token, account: Account) -> bool:
    return token.kind == "session" and token.created_ms < account.token_cutoff_ms


@lru_cache(maxsize=1024)
def _scopes(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names)
