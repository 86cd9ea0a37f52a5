"""Keys of users, for the dialects that sign in with each request.

One key serves both: its id with the secret, or the userkey alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from msgspec import Struct

from drover.app.access.accounts import own_id
from drover.app.access.secrets import SECRET_PREFIX, USERKEY_PREFIX, digest, new_secret
from drover.model.access import KEY_ROLES, Caller, Role
from drover.model.accounts import AccountKey
from drover.model.errors import Forbidden, Invalid, TooMany
from drover.model.scopes import check_handed_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Session, Store

MOST_KEYS: Final = 100
"""Keys of one user."""

_log = structlog.get_logger("drover.access")


class NewKey(Struct, frozen=True, kw_only=True):
    """A new key with its secrets, which are nowhere else."""

    key: AccountKey
    secret: str
    userkey: str


class AccountKeys:
    """The use cases around the keys of users."""

    def __init__(self, store: Store, ids: Ids, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    async def create(
        self, caller: Caller, name: str, role: Role, expires_ms: int | None = None
    ) -> NewKey:
        """Make a key; raises Invalid, TooMany, and Forbidden for a role above the maker's own."""
        account_id, now_ms = own_id(caller), self._clock.now_ms()
        if role not in KEY_ROLES[caller.role]:
            raise Forbidden(f"Your role cannot make a key with the role {role}")
        check_handed_on(caller.scopes, {"all.User.read" if role is Role.READ_ONLY else "all.User"})
        if expires_ms is not None and expires_ms <= now_ms:
            raise Invalid("expirationDate must be in the future", field="expirationDate")
        secret = new_secret(self._ids, SECRET_PREFIX)
        userkey = new_secret(self._ids, USERKEY_PREFIX)
        key = AccountKey(
            id=self._ids.new(),
            account_id=account_id,
            name=name,
            role=role,
            secret_digest=digest(secret),
            userkey_digest=digest(userkey),
            created_ms=now_ms,
            expires_ms=expires_ms,
        )

        async def work(session: Session) -> None:
            if len(await session.access.accounts.keys(account_id)) >= MOST_KEYS:
                raise TooMany(f"A user can have {MOST_KEYS} keys")
            await session.access.accounts.add_key(key)

        await self._store.write(work)
        _log.info("access.key_created", key_id=key.id, role=role, by=caller.id)
        return NewKey(key=key, secret=secret, userkey=userkey)

    async def all(self, caller: Caller) -> Sequence[AccountKey]:
        """Return the caller's keys, newest first."""
        account_id = own_id(caller)
        return await self._store.read(lambda session: session.access.accounts.keys(account_id))

    async def delete(self, caller: Caller, key_id: str) -> None:
        """Revoke one of the caller's keys; raises Missing."""
        account_id = own_id(caller)

        async def work(session: Session) -> None:
            await session.access.raise_revision()
            await session.access.accounts.remove_key(account_id, key_id)

        await self._store.write(work)
        _log.info("access.key_deleted", key_id=key_id, by=caller.id)
