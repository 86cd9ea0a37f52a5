"""Whether a device is who it says: its access key, the key's limits, and that the device exists.

A fleet that comes back after a power cut asks thousands of times a second with few keys. So keys
are remembered, void as soon as access changes anywhere, and only the device itself is read.

Whose secret is right is let in however many failed before: nobody can guess a secret of 256 random
bits, but anybody who knows a device's id and its key could keep the device out by failing in its
place, and it would keep out itself by coming ten times at once.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

from drover.app.access.authenticate import device_limit
from drover.app.access.network import address_allowed
from drover.app.access.secrets import matches
from drover.app.access.verified import Verified
from drover.model.accounts import AccessKey, OwnerType
from drover.model.errors import DroverError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from drover.app.access.throttle import Throttle
    from drover.model.access import Caller
    from drover.ports.access import Revisions
    from drover.ports.store import Session, Store


class DeviceFacts(Struct, frozen=True, kw_only=True):
    """What signing in needs to know about a device."""

    device_class: str
    tags: frozenset[tuple[str, str]] = frozenset()


class FindDevices(Protocol):
    """Looks devices of an application up inside a unit of work."""

    async def __call__(
        self, session: Session, application_id: str, ids: Sequence[str], /
    ) -> Mapping[str, DeviceFacts]:
        """Return what is known of them by id; those that are not there are left out."""
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


class Presented(NamedTuple):
    """What a device presents, and from which address; an empty one is not known."""

    credentials: DeviceCredentials
    address: str = ""


class _KnownKey(NamedTuple):
    key: AccessKey
    owner_type: OwnerType


class DeviceCheck:
    """Checks what devices present."""

    def __init__(
        self, store: Store, revisions: Revisions, throttle: Throttle, find_devices: FindDevices
    ) -> None:
        self._store = store
        self._revisions = revisions
        self._throttle = throttle
        self._find_devices = find_devices
        self._keys: Verified[str, _KnownKey] = Verified()

    async def verify(self, credentials: DeviceCredentials, address: str = "") -> KnownDevice:
        """Return the device whose access key this is.

        Raises Unauthorized, alike whatever is wrong; AccountLocked when that was so too often.
        """
        (found,) = await self.verify_all([Presented(credentials, address)])
        if isinstance(found, DroverError):
            raise found
        return found

    async def verify_all(self, presented: Sequence[Presented]) -> list[KnownDevice | DroverError]:
        """Return for each the device whose access key it is, or the error that ``verify`` raises.

        Those that come together share one look at what they need from the store. Where that is
        away, nobody has failed: a fleet that tries until it is back is not locked out by it.
        """
        keys = await self._known_keys({each.credentials.key for each in presented})
        right = [_right_key(each, keys.get(each.credentials.key)) for each in presented]
        facts = await self._facts(
            (known.key.application_id, each.credentials.device_id)
            for each, known in zip(presented, right, strict=True)
            if known is not None
        )
        return [
            self._judged(each.credentials, known, facts)
            for each, known in zip(presented, right, strict=True)
        ]

    async def reaches(self, caller: Caller) -> bool:
        """Tell whether the key behind a token still covers its device, whose tags may be others."""
        limit, device_id = caller.device_limit, caller.device_id or ""
        if limit is None or device_id in limit.ids:
            return True
        found = (await self._facts_of(caller.application_id or "", [device_id])).get(device_id)
        return found is not None and limit.covers(device_id, found.tags)

    def _judged(
        self,
        credentials: DeviceCredentials,
        known: _KnownKey | None,
        facts: Mapping[tuple[str, str], DeviceFacts],
    ) -> KnownDevice | DroverError:
        device_id = credentials.device_id
        found = facts.get((known.key.application_id, device_id)) if known else None
        if known is None or found is None or not _reaches(known.key, device_id, found):
            return self._refused(credentials)
        self._throttle.succeed(_name(credentials))
        return KnownDevice(
            device_id=device_id, facts=found, key=known.key, owner_type=known.owner_type
        )

    def _refused(self, credentials: DeviceCredentials) -> DroverError:
        """Count a failure, and return how it is answered."""
        try:
            self._throttle.begin(_name(credentials))
        except DroverError as error:
            return error
        return Unauthorized("Invalid device credentials")

    async def _known_keys(self, texts: Iterable[str]) -> dict[str, _KnownKey]:
        """Return the keys that there are, all that have to be read in one trip.

        A fleet whose keys are gone has nothing that could be remembered: read one by one, they
        would hold up all devices that come with them.
        """
        revision = await self._revisions.current()
        found: dict[str, _KnownKey] = {}
        unknown = []
        for text in texts:
            known = self._keys.find(text, revision)
            if known is None:
                unknown.append(text)
            else:
                found[text] = known
        if unknown:
            # Read after the revision: what is newer than it counts for nothing, never the reverse.
            named = await self._store.glance(lambda session: session.access.keys.named(unknown))
            for key, owner_type in named:
                found[key.key] = known = _KnownKey(key, owner_type)
                self._keys.keep(key.key, revision, known)
        return found

    async def _facts(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], DeviceFacts]:
        """Return what is known of devices by application and id."""
        by_application: dict[str, list[str]] = defaultdict(list)
        for application_id, device_id in wanted:
            by_application[application_id].append(device_id)
        return {
            (application_id, device_id): facts
            for application_id, ids in by_application.items()
            for device_id, facts in (await self._facts_of(application_id, ids)).items()
        }

    async def _facts_of(self, application_id: str, ids: Sequence[str]) -> Mapping[str, DeviceFacts]:
        return await self._store.glance(
            lambda session: self._find_devices(session, application_id, ids)
        )


def _name(credentials: DeviceCredentials) -> str:
    return f"{credentials.device_id}\0{credentials.key}"


def _right_key(presented: Presented, known: _KnownKey | None) -> _KnownKey | None:
    """Return the key if the secret is its own and it may be used from there."""
    right = matches(presented.credentials.secret, known.key.secret_digest if known else None)
    if known is None or not right or not _usable(known.key, presented.address):
        return None
    return known


def _reaches(key: AccessKey, device_id: str, facts: DeviceFacts) -> bool:
    limit = device_limit(key)
    return limit is None or limit.covers(device_id, facts.tags)


def _usable(key: AccessKey, address: str) -> bool:
    return key.status == "active" and address_allowed(key, address)
