"""Whether a device is who it says: its access key, the key's limits, and that the device exists.

A fleet that comes back after a power cut asks thousands of times a second with few keys. So keys
are remembered, void as soon as access changes anywhere, and only the device itself is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

from drover.app.access.authenticate import device_limit
from drover.app.access.network import address_allowed
from drover.app.access.secrets import matches
from drover.app.access.verified import Verified
from drover.model.accounts import AccessKey, OwnerType
from drover.model.errors import Missing, Unauthorized

if TYPE_CHECKING:
    from drover.app.access.throttle import Throttle
    from drover.ports.access import Revisions
    from drover.ports.store import Session, Store


class DeviceFacts(Struct, frozen=True, kw_only=True):
    """What signing in needs to know about a device."""

    device_class: str
    tags: frozenset[tuple[str, str]] = frozenset()


class FindDevice(Protocol):
    """Looks a device up inside a unit of work."""

    async def __call__(
        self, session: Session, application_id: str, device_id: str, /
    ) -> DeviceFacts:
        """Return what is known of it; raises Missing."""
        ...


class DeviceCredentials(Struct, frozen=True, kw_only=True):
    """What a device presents."""

    device_id: str
    key: str
    secret: str


class KnownDevice(Struct, frozen=True, kw_only=True):
    """A device whose credentials were right, and the key it used."""

    device_id: str
    facts: DeviceFacts
    key: AccessKey
    owner_type: OwnerType


class _KnownKey(NamedTuple):
    key: AccessKey
    owner_type: OwnerType


class DeviceCheck:
    """Checks what devices present."""

    def __init__(
        self, store: Store, revisions: Revisions, throttle: Throttle, find_device: FindDevice
    ) -> None:
        self._store = store
        self._revisions = revisions
        self._throttle = throttle
        self._find_device = find_device
        self._keys: Verified[str, _KnownKey] = Verified()

    async def verify(self, credentials: DeviceCredentials, address: str = "") -> KnownDevice:
        """Return the device whose access key this is.

        Raises Unauthorized, alike whatever is wrong; AccountLocked after too many failures.
        """
        name = f"{credentials.device_id}\0{credentials.key}"
        self._throttle.begin(name)
        known = await self._known_key(credentials.key)
        right = matches(credentials.secret, known.key.secret_digest if known else None)
        if known is None or not right or not _usable(known.key, address):
            raise _refused()
        facts = await self._facts(known.key, credentials.device_id)
        self._throttle.succeed(name)
        return KnownDevice(
            device_id=credentials.device_id,
            facts=facts,
            key=known.key,
            owner_type=known.owner_type,
        )

    async def _known_key(self, text: str) -> _KnownKey | None:
        revision = await self._revisions.current()
        known = self._keys.find(text, revision)
        if known is not None:
            return known

        async def look(session: Session) -> _KnownKey | None:
            key = await session.access.keys.find(text)
            if key is None:
                return None
            standing = await session.access.owners.standing(key.application_id, None)
            return None if standing is None else _KnownKey(key, standing.owner.type)

        # Read after the revision: what is newer than it counts for nothing, never the reverse.
        known = await self._store.read(look)
        if known is not None:
            self._keys.keep(text, revision, known)
        return known

    async def _facts(self, key: AccessKey, device_id: str) -> DeviceFacts:
        application_id = key.application_id
        try:
            facts = await self._store.glance(
                lambda session: self._find_device(session, application_id, device_id)
            )
        except Missing:
            raise _refused() from None
        limit = device_limit(key)
        if limit is not None and not limit.covers(device_id, facts.tags):
            raise _refused()
        return facts


def _usable(key: AccessKey, address: str) -> bool:
    return key.status == "active" and address_allowed(key, address)


def _refused() -> Unauthorized:
    return Unauthorized("Invalid device credentials")
