"""Reads a connection to the broker faster than its client does, for the one flood there is.

The client's own way costs some 15 microseconds for a message: patterns over the whole buffer, a
queue, a task that is woken. State of a fleet comes in tens of thousands a second, so its
connection has this parser in place of the client's. All else on that connection is left to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nats.protocol.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nats.aio.client import Client

    Take = Callable[[bytes, bytes, bytes, bytes], None]
    """Is given subject, reply subject (empty for none), headers and payload of a message."""

_END: Final = b"\r\n"
_WITH_REPLY: Final = {b"MSG": 5, b"HMSG": 6}
"""How many words the line of a message has that can be answered; others have one less."""


class Tap(Parser):
    """Gives the messages of one subscription to ``take``."""

    def __init__(self, client: Client, sid: int, take: Take) -> None:
        super().__init__(client)
        self._sid = b"%d" % sid
        self._take = take
        self._rest = b""

    def reset(self) -> None:
        """Forget what came in part: the connection is a new one."""
        super().reset()
        self._rest = b""

    async def parse(self, data: bytes = b"") -> None:
        """Take what came; raises ProtocolError."""
        data = self._rest + data if self._rest else bytes(data)
        start = 0
        while (stop := data.find(_END, start)) >= 0:
            line, end = data[start:stop].split(b" "), stop + 2
            if line[0] in _WITH_REPLY:
                end += int(line[-1]) + 2
                if end > len(data):
                    break
            if not self._taken(line, data, stop + 2):
                await super().parse(data[start:end])
            start = end
        self._rest = data[start:]

    def _taken(self, line: list[bytes], data: bytes, start: int) -> bool:
        """Tell whether an operation is a message that is for us, and was taken."""
        words = _WITH_REPLY.get(line[0])
        if words is None or line[2] != self._sid:
            return False
        reply = line[3] if len(line) == words else b""
        body = start + (int(line[-2]) if line[0] == b"HMSG" else 0)
        self._take(line[1], reply, data[start:body], data[body : start + int(line[-1])])
        return True


def install(client: Client, sid: int, take: Take) -> None:
    """Have the messages of a subscription read by a tap, on a connection without traffic yet."""
    client._ps = Tap(client, sid, take)  # noqa: SLF001 - the client has no way in for this


async def acknowledge(client: Client, replies: Iterable[bytes]) -> None:
    """Answer many messages at once with nothing, which acknowledges them."""
    together = b"".join([b"PUB %b 0\r\n\r\n" % reply for reply in replies])
    if together and client.is_connected:  # otherwise they are delivered again
        await client._send_command(together)  # noqa: SLF001 - one write, not one for each
        await client._flush_pending()  # noqa: SLF001 - as publish does
