"""Connections of devices at the brokers, found and ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.mqtt.accounts import SYSTEM
from drover.mqtt.link import REQUEST_S

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from drover.mqtt.link import Link

MOST_AT_ONCE: Final = 500
"""Connections that a broker lists in one answer, which has to fit a message."""

_FIND: Final = "$SYS.REQ.SERVER.PING.CONNZ"
_END: Final = "$SYS.REQ.SERVER.{server}.KICK"
_MQTT: Final = "mqtt"


class Connections:
    """Ends connections of devices; the brokers tell by events of their own that they have."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._listed = ""
        self._unread = ""

    async def end(self, server: str, number: int) -> None:
        """End one connection of a broker; raises NatsError, OSError."""
        system = await self._link.client(SYSTEM)
        # The broker does nothing for one who does not ask for an answer.
        await system.request(_END.format(server=server), _numbered(number), timeout=REQUEST_S)

    async def end_those_of(self, application_id: str, **more: str) -> None:
        """Have connections of an application's devices ended, some hundreds of them.

        ``mqtt_client`` says which device's. They end a moment later. Raises NatsError, OSError.
        """
        account = self._link.account(application_id)
        question = {"acc": account, "limit": MOST_AT_ONCE, **more}
        system = await self._listening()
        await system.publish(_FIND, msgspec.json.encode(question), reply=self._listed)

    async def _listening(self) -> Client:
        system = await self._link.client(SYSTEM)
        if not self._listed:
            self._listed, self._unread = system.new_inbox(), system.new_inbox()
            await system.subscribe(self._listed, cb=self._end_listed)
        return system

    async def _end_listed(self, message: Msg) -> None:
        system = await self._link.client(SYSTEM)
        answer: dict[str, Any] = msgspec.json.decode(message.data)
        subject = _END.format(server=answer["server"]["id"])
        for each in (answer.get("data") or {}).get("connections") or ():
            if each.get("type") == _MQTT:
                await system.publish(subject, _numbered(each["cid"]), reply=self._unread)


def _numbered(number: int) -> bytes:
    return msgspec.json.encode({"cid": number})
