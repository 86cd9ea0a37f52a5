"""Connections of devices at the brokers, found and ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.instants import to_ms
from drover.mqtt.accounts import CALLOUT, SYSTEM
from drover.mqtt.broker import DECIDING_S
from drover.mqtt.link import REQUEST_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from drover.mqtt.link import Link

MOST_AT_ONCE: Final = 500
"""Connections that a broker lists in one answer, which has to fit a message."""

MOST_WITH_ACCOUNTS: Final = 300
"""Connections in such an answer that also tells their accounts."""

AGAIN_S: Final = 0.05
"""When a broker that listed as many as it can is asked for more: what it listed has ended then."""

LATE_MS: Final = DECIDING_S * 1000 - 2000
"""How long a connection may wait for an answer until none is expected any more.

The broker refuses it a moment later, as if its credentials were wrong.
"""

LEAVING_S: Final = 5.0
"""How long devices of a broker that is to stop may take to be gone."""

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
        self._late = ""
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

    async def end_late(self) -> None:
        """Have connections ended that brokers have asked about and will hardly get an answer for.

        The server that was asked may be lost. They end a moment later, and come again. Raises
        NatsError, OSError.
        """
        system = await self._listening()
        await system.publish(_FIND, self._question(CALLOUT), reply=self._late)

    async def end_everybody(self) -> None:
        """End all connections of devices at the one broker there is, and wait until they have.

        What it acknowledged is in its streams then. Those that wait for an answer do not count, nor
        do those that have not said who they are: there are always some while a fleet comes again.
        Raises TimeoutError, NatsError, OSError.
        """
        outside = {None, self._link.account(CALLOUT)}
        system, offset = await self._listening(), 0
        async with asyncio.timeout(LEAVING_S):
            while True:
                question = msgspec.json.encode(
                    {"limit": MOST_WITH_ACCOUNTS, "offset": offset, "auth": True}
                )
                found = await system.request(_FIND, question, timeout=REQUEST_S)
                answer = msgspec.json.decode(found.data)
                listed = _listed_in(answer)
                admitted = [each for each in listed if each.get("account") not in outside]
                if await self._end_all(answer["server"]["id"], admitted):
                    await asyncio.sleep(AGAIN_S)
                elif len(listed) < MOST_WITH_ACCOUNTS:
                    return
                else:
                    offset += MOST_WITH_ACCOUNTS

    def _question(self, application_id: str, **more: str) -> bytes:
        account = self._link.account(application_id)
        return msgspec.json.encode({"acc": account, "limit": MOST_AT_ONCE, **more})

    async def _listening(self) -> Client:
        system = await self._link.client(SYSTEM)
        if not self._listed:
            self._listed, self._waiting = system.new_inbox(), system.new_inbox()
            self._late, self._unread = system.new_inbox(), system.new_inbox()
            await system.subscribe(self._listed, cb=self._end_listed)
            await system.subscribe(self._waiting, cb=self._end_waiting)
            await system.subscribe(self._late, cb=self._end_late)
        return system

    async def _end_listed(self, message: Msg) -> None:
        answer: dict[str, Any] = msgspec.json.decode(message.data)
        await self._end_all(answer["server"]["id"], _listed_in(answer))

    async def _end_waiting(self, message: Msg) -> None:
        answer: dict[str, Any] = msgspec.json.decode(message.data)
        server, listed = answer["server"]["id"], _listed_in(answer)
        await self._end_all(server, listed)
        if len(listed) < MOST_AT_ONCE or asyncio.get_running_loop().time() >= self._until_s:
            return
        await self._ask_again(server, self._waiting)

    async def _end_late(self, message: Msg) -> None:
        answer: dict[str, Any] = msgspec.json.decode(message.data)
        server, listed = answer["server"], _listed_in(answer)
        now_ms = to_ms(server["time"])  # by its own clock, as their beginnings
        late = [each for each in listed if now_ms - to_ms(each["start"]) >= LATE_MS]
        await self._end_all(server["id"], late)
        if len(late) == MOST_AT_ONCE:  # the broker lists the oldest first
            await self._ask_again(server["id"], self._late)

    async def _ask_again(self, server: str, reply: str) -> None:
        """Ask a broker that listed as many as it can for those it lists now."""
        await asyncio.sleep(AGAIN_S)
        system = await self._link.client(SYSTEM)
        await system.publish(_FIND_AT.format(server=server), self._question(CALLOUT), reply=reply)

    async def _end_all(self, server: str, listed: Sequence[Mapping[str, Any]]) -> int:
        """End those connections of a broker that are devices'; return how many these are."""
        system = await self._link.client(SYSTEM)
        subject = _END.format(server=server)
        of_devices = [each["cid"] for each in listed if each.get("type") == _MQTT]
        for number in of_devices:
            await system.publish(subject, _numbered(number), reply=self._unread)
        return len(of_devices)


def _listed_in(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the connections that a broker lists."""
    return (answer.get("data") or {}).get("connections") or ()


def _numbered(number: int) -> bytes:
    return msgspec.json.encode({"cid": number})
