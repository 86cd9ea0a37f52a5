"""Access keys: the credentials that devices of an application share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog
from msgspec import structs

from drover.app.access.network import check_addresses
from drover.app.access.secrets import digest
from drover.model.accounts import AccessKey
from drover.model.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.access import Caller
    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Session, Store

MOST_KEYS: Final = 5_000
"""Access keys of one application."""

_log = structlog.get_logger("drover.access")


class AccessKeys:
    """The use cases around access keys."""

    def __init__(self, store: Store, ids: Ids, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    async def create(
        self, caller: Caller, application_id: str, fields: Mapping[str, Any]
    ) -> tuple[AccessKey, str]:
        """Make a key and return it with its secret, which is nowhere else.

        Raises Invalid, TooMany.
        """
        check_addresses(fields.get("addresses", ()))
        now_ms = self._clock.now_ms()
        secret = self._ids.secret(48)
        key = AccessKey(
            **fields,
            id=self._ids.new(),
            application_id=application_id,
            key=self._ids.secret(24),
            secret_digest=digest(secret),
            created_ms=now_ms,
            updated_ms=now_ms,
            created_by_type=caller.type,
            created_by_id=caller.id,
            updated_by_type=caller.type,
            updated_by_id=caller.id,
        )

        async def work(session: Session) -> None:
            if len(await session.access.keys.of_application(application_id)) >= MOST_KEYS:
                raise TooMany(f"An application can have {MOST_KEYS} access keys")
            await session.access.keys.put(key)

        await self._store.write(work)
        _log.info("access.access_key_created", access_key_id=key.id, by=caller.id)
        return key, secret

    async def all(self, application_id: str) -> Sequence[AccessKey]:
        """Return an application's keys, oldest first."""
        return await self._store.read(
            lambda session: session.access.keys.of_application(application_id)
        )

    async def get(self, application_id: str, key_id: str) -> AccessKey:
        """Return one; raises Missing."""
        return await self._store.read(
            lambda session: session.access.keys.get(application_id, key_id)
        )

    async def change(
        self, caller: Caller, application_id: str, key_id: str, fields: Mapping[str, Any]
    ) -> AccessKey:
        """Change one, effective at once also for signed-in devices; raises Missing, Invalid."""
        check_addresses(fields.get("addresses", ()))
        now_ms = self._clock.now_ms()
        author = {"updated_by_type": caller.type, "updated_by_id": caller.id}

        async def work(session: Session) -> AccessKey:
            await session.access.raise_revision()
            key = await session.access.keys.get(application_id, key_id)
            changed = structs.replace(key, **fields, **author, updated_ms=now_ms)
            await session.access.keys.put(changed)
            return changed

        changed = await self._store.write(work)
        _log.info("access.access_key_changed", access_key_id=key_id, by=caller.id)
        return changed

    async def delete(self, caller: Caller, application_id: str, key_id: str) -> None:
        """Revoke one, and the sessions of devices got with it; raises Missing."""

        async def work(session: Session) -> None:
            await session.access.raise_revision()
            await session.access.keys.remove(application_id, key_id)

        await self._store.write(work)
        _log.info("access.access_key_deleted", access_key_id=key_id, by=caller.id)
