"""Which devices are connected, as the brokers list them: what they told while nobody heard it.

Brokers tell of comings and goings once, to whoever listens then. A server that was away for a
moment, or that starts beside brokers which run on, would take devices for connected for ever.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from drover.model.instants import to_ms
from drover.mqtt.accounts import SYSTEM
from drover.mqtt.link import REQUEST_S
from drover.ports.door import Connection, Parting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from drover.mqtt.link import Link
    from drover.ports.door import Intake

SETTLING_S: Final = 2.0
"""How long what a broker told before it listed its connections may take to be noted."""

MOST_AT_ONCE: Final = 300
"""Connections in one answer, which has to fit a message."""

OVERLAP: Final = 50
"""Of these so many are listed again in the next: when others end, the rest moves up."""

UNHEARD: Final = "ended unheard"
"""Why a device went whose broker told it when nobody listened."""

_FIND: Final = "$SYS.REQ.SERVER.{server}.CONNZ"
_MQTT: Final = "mqtt"


class _Listed(Struct):
    cid: int
    start: str
    type: str = ""
    ip: str = ""
    authorized_user: str = ""


class _Data(Struct):
    now: str
    connections: list[_Listed] = []


class _Answer(Struct):
    data: _Data


class RollCall:
    """Compares what is noted of brokers with what they list, once for each time it may differ."""

    def __init__(self, link: Link, intake: Intake) -> None:
        self._link = link
        self._intake = intake
        self._called: dict[str, int] = {}

    async def call(self, servers: Iterable[str], listening: int) -> None:
        """Compare those brokers that were not, since they are listened to for the so manieth time.

        Raises NatsError, OSError, DroverError; what is left is compared the next time.
        """
        self._called = {each: self._called.get(each, -1) for each in servers}
        for server, called in list(self._called.items()):
            if called != listening:
                await self._compare(server)
                self._called[server] = listening

    async def _compare(self, server: str) -> None:
        there = await self._list(server)
        await asyncio.sleep(SETTLING_S)
        missed = await self._intake.missed(server, there)
        for each in missed.came:
            if (await self._ask(server, {"cid": each.number})).connections:
                self._intake.came(each)  # one that has gone meanwhile may have been heard of
        for each in missed.went:
            answer = await self._ask(server, {"cid": each.number})
            if not answer.connections:
                self._intake.went(each, _unheard(answer))

    async def _list(self, server: str) -> Sequence[Connection]:
        found: dict[int, Connection] = {}
        offset = 0
        while True:
            asked = {"auth": True, "limit": MOST_AT_ONCE, "offset": offset}
            listed = (await self._ask(server, asked)).connections
            for each in listed:
                if (connection := _connection(server, each)) is not None:
                    found[each.cid] = connection
            if len(listed) < MOST_AT_ONCE:
                return list(found.values())
            offset += MOST_AT_ONCE - OVERLAP

    async def _ask(self, server: str, question: Mapping[str, object]) -> _Data:
        system = await self._link.client(SYSTEM)
        subject = _FIND.format(server=server)
        answer = await system.request(subject, msgspec.json.encode(question), timeout=REQUEST_S)
        return msgspec.json.decode(answer.data, type=_Answer).data


def _unheard(answer: _Data) -> Parting:
    ended_ms = to_ms(answer.now)
    return Parting(ended_ms=ended_ms, reason=UNHEARD, messages_from=0, messages_to=0, heard=False)


def _connection(server: str, listed: _Listed) -> Connection | None:
    """Return a device's connection, None for any other."""
    user = listed.authorized_user.split(".")
    if listed.type != _MQTT or len(user) != len(("application", "device", "key")):
        return None
    application_id, device_id, key_id = user
    return Connection(
        application_id=application_id,
        device_id=device_id,
        server=server,
        number=listed.cid,
        address=listed.ip,
        began_ms=to_ms(listed.start),
        key_id=key_id,
    )
