"""Signing in: a user's e-mail and password, or a device's access key, become a session token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import structlog
from msgspec import Struct

from drover.app.access.secrets import DEVICE_PREFIX, SESSION_PREFIX, digest, new_secret
from drover.model.accounts import Account, Token
from drover.model.errors import Forbidden
from drover.model.scopes import requested

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drover.app.access.authenticate import Authenticator
    from drover.app.access.device_check import DeviceCheck, DeviceCredentials, KnownDevice
    from drover.model.access import Caller
    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Session, Store

DEFAULT_TTL_S: Final = 86_400
"""How long a session lasts when the request does not say; 0 there means for ever."""
MOST_SESSIONS: Final = 1_000
"""Sessions of one user or device; the oldest ends when one more begins."""
SWEEP_MS: Final = 60_000
"""How long expired tokens may lie about before a sign-in takes them away."""

_log = structlog.get_logger("drover.access")


class SignedIn(Struct, frozen=True, kw_only=True):
    """A user's new session; the text of its token is nowhere else."""

    account_id: str
    token: str


class Wish(Struct, frozen=True, kw_only=True):
    """What a sign-in asks for: scopes, and how long the session is to last in seconds.

    ``code`` is that of the second factor, for users who have one.
    """

    scopes: Sequence[str] | None = None
    ttl_s: int | None = None
    code: str | None = None


class Sessions:
    """Begins sessions."""

    def __init__(
        self,
        store: Store,
        ids: Ids,
        clock: Clock,
        authenticator: Authenticator,
        devices: DeviceCheck,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._authenticator = authenticator
        self._devices = devices
        self._swept_ms = clock.now_ms()

    async def sign_in(self, email: str, password: str, wish: Wish, address: str = "") -> SignedIn:
        """Begin a user's session; raises Unauthorized, AccountLocked, TooMany, Invalid."""
        scopes = requested(wish.scopes, "user", "requestedScopes")
        account = await self._authenticator.check_password(email, password, address, wish.code)
        signed = await self.begin(account, scopes, wish.ttl_s)
        _log.info("access.signed_in", account_id=account.id, address=address)
        return signed

    async def begin(
        self, account: Account, scopes: Iterable[str], ttl_s: int | None = None
    ) -> SignedIn:
        """Begin a session of an account that is known to be the caller's."""
        text, token = self._session(account, scopes, ttl_s)
        await self._keep(token)
        return SignedIn(account_id=account.id, token=text)

    async def refresh(self, caller: Caller) -> SignedIn:
        """Begin a new session with the same scopes and length as the caller's.

        Raises Forbidden for anything but a user's session. The old one goes on until its end.
        """
        if caller.type != "user" or caller.user_id is None or caller.token_id is None:
            raise Forbidden("Only the session of a user can be refreshed")
        account_id = caller.user_id
        account = await self._store.read(lambda session: session.access.accounts.get(account_id))
        ttl_s = 0 if caller.expires_ms is None else DEFAULT_TTL_S
        return await self.begin(account, caller.scopes, ttl_s)

    async def sign_in_device(
        self, credentials: DeviceCredentials, wish: Wish, address: str = ""
    ) -> tuple[KnownDevice, str]:
        """Begin a device's session and return it with its token; raises what that does."""
        scopes = requested(wish.scopes, "device", "requestedScopes")
        known = await self._devices.verify(credentials, address)
        text = new_secret(self._ids, DEVICE_PREFIX)
        now_ms = self._clock.now_ms()
        token = Token(
            id=self._ids.new(),
            digest=digest(text),
            kind="session",
            owner_type="device",
            owner_id=known.device_id,
            scopes=tuple(sorted(scopes)),
            created_ms=now_ms,
            updated_ms=now_ms,
            expires_ms=expiry(now_ms, wish.ttl_s),
            application_id=known.key.application_id,
            access_key_id=known.key.id,
        )
        await self._keep(token)
        _log.info("access.device_signed_in", device_id=known.device_id, access_key_id=known.key.id)
        return known, text

    async def end(self, caller: Caller) -> None:
        """End the session the caller is using."""
        account_id, token_id = caller.user_id or "", caller.token_id or ""

        async def work(session: Session) -> None:
            await session.access.tokens.remove("user", account_id, token_id)
            await session.access.raise_revision()

        await self._store.write(work)

    async def _keep(self, token: Token) -> None:
        """Store a session, and now and then take those away whose time is over."""
        await self._store.write(lambda session: keep_session(session, token))
        now_ms = self._clock.now_ms()
        if now_ms - self._swept_ms >= SWEEP_MS:
            self._swept_ms = now_ms
            await self._store.write(lambda session: session.access.tokens.remove_expired(now_ms))

    def _session(
        self, account: Account, scopes: Iterable[str], ttl_s: int | None
    ) -> tuple[str, Token]:
        text = new_secret(self._ids, SESSION_PREFIX)
        now_ms = self._clock.now_ms()
        token = Token(
            id=self._ids.new(),
            digest=digest(text),
            kind="session",
            owner_type="user",
            owner_id=account.id,
            scopes=tuple(sorted(scopes)),
            created_ms=now_ms,
            updated_ms=now_ms,
            expires_ms=expiry(now_ms, ttl_s),
            account_id=account.id,
        )
        return text, token


async def keep_session(session: Session, token: Token) -> None:
    """Store a new session and end the oldest ones beyond the limit."""
    tokens = session.access.tokens
    await tokens.add(token)
    if await tokens.trim_sessions(token.owner_type, token.owner_id, MOST_SESSIONS):
        await session.access.raise_revision()


def expiry(now_ms: int, ttl_s: int | None) -> int | None:
    """Return when a session ends, None for never."""
    ttl_s = DEFAULT_TTL_S if ttl_s is None else ttl_s
    return now_ms + ttl_s * 1000 if ttl_s else None
