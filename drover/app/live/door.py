"""Decides which devices may connect over MQTT, and which topics are theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.app.access.device_check import DeviceCredentials
from drover.app.device_reports import OPEN_CLASS
from drover.app.devices import everything
from drover.app.live.topic_triggers import MQTT_TRIGGER
from drover.kinds.device import KIND
from drover.model.errors import Unauthorized
from drover.model.fields import is_id
from drover.model.topics import command_topic, free_root, is_filter, is_reserved, state_topic
from drover.ports.door import Admitted
from drover.query.kinds import DEVICES
from drover.query.losant import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drover.app.access.device_check import DeviceCheck, KnownDevice
    from drover.app.live.pace import Pace
    from drover.model.accounts import AccessKey
    from drover.ports.door import Visitor
    from drover.ports.store import Session, Store

GATEWAYS: Final = frozenset({"gateway", "edgeCompute"})
"""The classes of devices that speak for others."""


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

    async def admit(self, visitor: Visitor) -> Admitted:
        """Return the device with its rights.

        Raises Unauthorized, alike whatever is wrong, TooMany, Unavailable.
        """
        if not is_id(visitor.client_id) or not visitor.username or not visitor.password:
            raise Unauthorized("Invalid device credentials")
        credentials = DeviceCredentials(
            device_id=visitor.client_id.lower(), key=visitor.username, secret=visitor.password
        )
        known = await self._devices.verify(credentials, visitor.address)
        self._pace.comes(known.key.application_id, known.device_id)
        look = self._store.read if known.facts.device_class in GATEWAYS else self._store.glance
        return await look(lambda session: self._admitted(session, known))

    async def _admitted(self, session: Session, known: KnownDevice) -> Admitted:
        key, own = known.key, known.device_id
        behind = await _behind(session, known)
        free = await self._free(session, key)
        listed = key.filter_type == "whitelist"
        barred = key.filter_type == "blacklist"
        publish = _allowed(key.pub_topics) if listed else free
        subscribe = _allowed(key.sub_topics) if listed else free
        return Admitted(
            application_id=key.application_id,
            device_id=own,
            key_id=key.id,
            may_publish=[
                state_topic(own),
                *(topic for each in behind for topic in (state_topic(each), command_topic(each))),
                *publish,
            ],
            may_subscribe=[
                *(topic for each in (own, *behind) for topic in (command_topic(each),)),
                *(state_topic(each) for each in behind),
                *subscribe,
            ],
            not_publish=_allowed(key.pub_topics) if barred else (),
            not_subscribe=_allowed(key.sub_topics) if barred else (),
        )

    async def _free(self, session: Session, key: AccessKey) -> list[str]:
        """Return filters of the topics that devices share, as far as a key does not name them."""
        if key.filter_type in ("none", "whitelist"):
            return []
        waited = await session.flows.keys(key.application_id, MQTT_TRIGGER)
        roots = {*self._roots, *(root for each in waited if (root := free_root(each)))}
        return [found for root in sorted(roots) for found in (root, f"{root}/#")]


async def _behind(session: Session, known: KnownDevice) -> list[str]:
    """Return the devices that a gateway speaks for."""
    if known.facts.device_class not in GATEWAYS:
        return []
    chosen = parse(
        {
            "$or": [
                {"gatewayId": known.device_id},
                {"$and": [{"deviceClass": OPEN_CLASS}, {"gatewayId": None}]},
            ]
        },
        DEVICES,
    )
    page = await session.resources.page(KIND, known.key.application_id, everything(chosen))
    return [each.id for each in page.items]


def _allowed(filters: Iterable[str]) -> list[str]:
    """Return those filters of a key's list that can be given: none that reaches reserved topics."""
    return [
        each
        for each in filters
        if is_filter(each) and not is_reserved(each) and free_root(each) is not None
    ]
