"""A second factor for users: enabled with a code of their authenticator app, and disabled."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import structlog
from msgspec import structs

from drover.app.access.accounts import own_id, proved
from drover.model.errors import Invalid
from drover.model.one_time_codes import KEY_BYTES, key_of, step_of

if TYPE_CHECKING:
    from drover.app.access.accounts import Proof
    from drover.app.access.authenticate import Authenticator
    from drover.model.access import Caller
    from drover.model.accounts import Account
    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Session, Store

_ISSUER: Final = "Drover"

_log = structlog.get_logger("drover.access")


class SecondFactor:
    """The use cases around the second factor of the calling user."""

    def __init__(self, store: Store, ids: Ids, clock: Clock, authenticator: Authenticator) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._authenticator = authenticator

    def offer(self, caller: Caller) -> tuple[str, str]:
        """Return a new key, and what an app reads it from; nothing is stored.

        Raises Forbidden when no user is calling.
        """
        own_id(caller)
        random = self._ids.secret(KEY_BYTES)
        key = key_of(urlsafe_b64decode(random + "=" * (-len(random) % 4)))
        return key, key_uri(key, caller.email or "")

    async def enable(self, caller: Caller, key: str, proof: Proof) -> Account:
        """Require codes of a key from now on; ``proof`` holds one, to show that the app has it.

        Raises Unauthorized for a wrong password, Invalid for a wrong code and where codes are
        required already.
        """
        account = await proved(caller, self._authenticator, proof)
        if account.has_second_factor:
            raise Invalid("Two-factor authentication is enabled already")
        step = step_of(key, proof.code or "", self._clock.now_ms())
        if step is None:
            raise Invalid("This is not a current code of the key", field="twoFactorCode")
        return await self._set(account.id, key, step)

    async def disable(self, caller: Caller, proof: Proof) -> Account:
        """Require no codes any more; raises Unauthorized, Invalid where none were."""
        account = await proved(caller, self._authenticator, proof)
        if not account.has_second_factor:
            raise Invalid("Two-factor authentication is not enabled")
        return await self._set(account.id, None, None)

    async def _set(self, account_id: str, key: str | None, step: int | None) -> Account:
        now_ms = self._clock.now_ms()

        async def work(session: Session) -> Account:
            await session.access.raise_revision()
            account = await session.access.accounts.get(account_id)
            changed = structs.replace(account, two_factor_key=key, updated_ms=now_ms)
            await session.access.accounts.put(changed)
            if step is not None:
                await session.access.traces.use_code(account_id, step)
            return changed

        changed = await self._store.write(work)
        _log.info("access.second_factor", account_id=account_id, enabled=key is not None)
        return changed


def key_uri(key: str, email: str) -> str:
    """Return what an app reads from a picture to know the key."""
    return f"otpauth://totp/{_ISSUER}:{quote(email)}?secret={key}&issuer={_ISSUER}"
