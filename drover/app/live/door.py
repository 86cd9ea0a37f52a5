"""Decides which devices may connect over MQTT, and which topics are theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.app.access.device_check import DeviceCredentials, KnownDevice, Presented
from drover.app.live.topic_triggers import MQTT_TRIGGER
from drover.model.errors import DroverError, Unauthorized
from drover.model.fields import is_id
from drover.model.topics import (
    ANY,
    below,
    command_topic,
    device_filter,
    free_roots,
    is_filter,
    is_reserved,
    state_topic,
)
from drover.ports.door import Admitted
from drover.ports.flows import PUBLISHES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from drover.app.access.device_check import DeviceCheck
    from drover.app.live.pace import Pace
    from drover.model.accounts import AccessKey
    from drover.ports.door import Visitor
    from drover.ports.store import Session, Store

GATEWAYS: Final = frozenset({"gateway", "edgeCompute"})
"""The classes of devices that speak for others."""

NAMED: Final = frozenset({"none", "whitelist"})
"""Filters of access keys with which a device may use no other topics than those named."""

MOST_BEHIND: Final = 2500
"""Devices behind a gateway that are read: with so many the broker's answer would be too long."""


class LiveDoor:
    """Answers whether a device may connect; see ``drover.ports.door.Door``.

    ``roots`` are first levels of topics that devices share whose key names none.
    """

    def __init__(
        self, devices: DeviceCheck, store: Store, roots: Sequence[str], pace: Pace
    ) -> None:
        self._pace = pace
        self._devices = devices
        self._store = store
        self._roots = roots

    async def admit_all(self, visitors: Sequence[Visitor]) -> list[Admitted | DroverError]:
        """Return for each the device with its rights, or why it may not connect.

        Those are Unauthorized, alike whatever is wrong, and AccountLocked. Raises Unavailable.
        """
        presented = [_presented(each) for each in visitors]
        found = iter(await self._devices.verify_all([each for each in presented if each]))
        known = [self._at_pace(next(found)) if each else _refused() for each in presented]
        waited = await self._waited([each.key for each in known if isinstance(each, KnownDevice)])
        return [
            await self._admitted(each, waited) if isinstance(each, KnownDevice) else each
            for each in known
        ]

    def _at_pace(self, found: KnownDevice | DroverError) -> KnownDevice | DroverError:
        """Return what was found, or why a device that comes too often may not."""
        if isinstance(found, KnownDevice):
            try:
                self._pace.comes(found.key.application_id, found.device_id)
            except DroverError as error:
                return error
        return found

    async def _waited(self, keys: Iterable[AccessKey]) -> Mapping[str, Sequence[str]]:
        """Return first levels of topics that devices of applications share, as far as needed."""
        wanted = {each.application_id for each in keys if each.filter_type != "none"}

        async def look(session: Session) -> dict[str, Sequence[str]]:
            return {
                each: [
                    *await session.flows.keys(each, MQTT_TRIGGER),
                    *await session.flows.keys(each, PUBLISHES),
                ]
                for each in wanted
            }

        waited = await self._store.glance(look) if wanted else {}
        return {each: self._free(filters) for each, filters in waited.items()}

    async def _admitted(
        self, known: KnownDevice, shared: Mapping[str, Sequence[str]]
    ) -> Admitted | DroverError:
        try:
            behind = await self._behind(known)
        except DroverError as error:
            return error
        key, own = known.key, known.device_id
        roots = shared.get(key.application_id, ())
        free = () if key.filter_type in NAMED else below(ANY, roots)
        listed = key.filter_type == "whitelist"
        barred = key.filter_type == "blacklist"
        publish = _named(key.pub_topics, roots) if listed else free
        subscribe = _named(key.sub_topics, roots) if listed else free
        return Admitted(
            application_id=key.application_id,
            device_id=own,
            key_id=key.id,
            may_publish=[
                state_topic(own),
                *behind,
                *publish,
            ],
            may_subscribe=[
                command_topic(own),
                *behind,
                *subscribe,
            ],
            not_publish=_named(key.pub_topics, roots) if barred else (),
            not_subscribe=_named(key.sub_topics, roots) if barred else (),
        )

    def _free(self, waited: Iterable[str]) -> list[str]:
        """Return the first levels of topics that are listed or that workflows use."""
        return sorted({*self._roots, *free_roots(waited)})

    async def _behind(self, known: KnownDevice) -> list[str]:
        """Return filters of the topics of the devices that a gateway speaks for, one for each."""
        if known.facts.device_class not in GATEWAYS:
            return []
        application_id, gateway_id = known.key.application_id, known.device_id
        found = await self._store.read(
            lambda session: session.presence.behind(application_id, gateway_id, MOST_BEHIND)
        )
        return [device_filter(each) for each in found]


def _presented(visitor: Visitor) -> Presented | None:
    """Return what a visitor presents, None for one that cannot be a device."""
    if not is_id(visitor.client_id) or not visitor.username or not visitor.password:
        return None
    credentials = DeviceCredentials(
        device_id=visitor.client_id.lower(), key=visitor.username, secret=visitor.password
    )
    return Presented(credentials, visitor.address)


def _refused() -> Unauthorized:
    return Unauthorized("Invalid device credentials")


def _named(filters: Iterable[str], roots: Sequence[str]) -> list[str]:
    """Return those topics of a key's list that can be given: none that is reserved."""
    return [
        found
        for each in filters
        if is_filter(each) and not is_reserved(each)
        for found in below(each, roots)
    ]
