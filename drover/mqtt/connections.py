"""Connections of devices at the brokers, found and ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.mqtt.accounts import CALLOUT, SYSTEM
from drover.mqtt.broker import DECIDING_S
from drover.mqtt.link import REQUEST_S

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from drover.mqtt.link import Link

MOST_AT_ONCE: Final = 500
"""Connections that a broker lists in one answer, which has to fit a message."""

AGAIN_S: Final = 0.05
"""When a broker that listed as many as it can is asked for more: what it listed has ended then."""

_FIND: Final = "$SYS.REQ.SERVER.PING.CONNZ"
_FIND_AT: Final = "$SYS.REQ.SERVER.{server}.CONNZ"
_END: Final = "$SYS.REQ.SERVER.{server}.KICK"
_MQTT: Final = "mqtt"


class Connections:
    """Ends connections of devices; the brokers tell by events of their own that they have."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._listed = ""
        self._waiting = ""
        self._unread = ""
        self._until_s = 0.0

    async def end(self, server: str, number: int) -> None:
        """End one connection of a broker; raises NatsError, OSError."""
        system = await self._link.client(SYSTEM)
        # The broker does nothing for one who does not ask for an answer.
        await system.request(_END.format(server=server), _numbered(number), timeout=REQUEST_S)

    async def end_those_of(self, application_id: str, **more: str) -> None:
        """Have connections of an application's devices ended, some hundreds of them.

        ``mqtt_client`` says which device's. They end a moment later. Raises NatsError, OSError.
        """
        system = await self._listening()
        await system.publish(_FIND, self._question(application_id, **more), reply=self._listed)

    async def end_waiting(self) -> None:
        """Have connections ended that brokers have asked about and wait for an answer, all of them.

        Who was asked about before waits no longer once that may have taken its longest. They end a
        moment later. Raises NatsError, OSError.
        """
        system = await self._listening()
        self._until_s = asyncio.get_running_loop().time() + DECIDING_S
        await system.publish(_FIND, self._question(CALLOUT), reply=self._waiting)

    def _question(self, application_id: str, **more: str) -> bytes:
        account = self._link.account(application_id)
        return msgspec.json.encode({"acc": account, "limit": MOST_AT_ONCE, **more})

    async def _listening(self) -> Client:
        system = await self._link.client(SYSTEM)
        if not self._listed:
            self._listed, self._waiting = system.new_inbox(), system.new_inbox()
            self._unread = system.new_inbox()
            await system.subscribe(self._listed, cb=self._end_listed)
            await system.subscribe(self._waiting, cb=self._end_waiting)
        return system

    async def _end_listed(self, message: Msg) -> None:
        await self._end_all(msgspec.json.decode(message.data))

    async def _end_waiting(self, message: Msg) -> None:
        answer: dict[str, Any] = msgspec.json.decode(message.data)
        listed = await self._end_all(answer)
        if listed < MOST_AT_ONCE or asyncio.get_running_loop().time() >= self._until_s:
            return
        await asyncio.sleep(AGAIN_S)
        system = await self._link.client(SYSTEM)
        subject = _FIND_AT.format(server=answer["server"]["id"])
        await system.publish(subject, self._question(CALLOUT), reply=self._waiting)

    async def _end_all(self, answer: dict[str, Any]) -> int:
        """End the connections of devices that a broker lists; return how many it lists in all."""
        system = await self._link.client(SYSTEM)
        subject = _END.format(server=answer["server"]["id"])
        listed = (answer.get("data") or {}).get("connections") or ()
        for each in listed:
            if each.get("type") == _MQTT:
                await system.publish(subject, _numbered(each["cid"]), reply=self._unread)
        return len(listed)


def _numbered(number: int) -> bytes:
    return msgspec.json.encode({"cid": number})
