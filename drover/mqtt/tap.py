"""Reads a connection to the broker faster than its client does, for the floods there are.

The client's own way costs some 15 microseconds for a message: patterns over the whole buffer, a
queue, a task that is woken. State of a fleet comes in tens of thousands a second, and a fleet that
comes back asks thousands of times a second, so their connections have this parser in place of the
client's. All else on such a connection is left to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from nats.protocol.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nats.aio.client import Client
    from nats.aio.subscription import Subscription

    Take = Callable[[bytes, bytes, bytes, bytes], None]
    """Is given subject, reply subject (empty for none), headers and payload of a message."""

_END: Final = b"\r\n"
_WITH_REPLY: Final = {b"MSG": 5, b"HMSG": 6}
"""How many words the line of a message has that can be answered; others have one less."""
_LOG = structlog.get_logger("drover.mqtt")


class Tap(Parser):
    """Gives the messages of subscriptions to whom ``takes`` names for their numbers.

    The client takes whatever is raised while it reads for a broken connection and reads no further:
    what cannot be taken is logged instead.
    """

    def __init__(self, client: Client, takes: Mapping[int, Take]) -> None:
        self.lost: list[Callable[[], None]] = []
        """What is called when the connection is lost, and each time that it is made again."""
        super().__init__(client)
        self._takes: dict[bytes, Take] = {}
        self.take_more(takes)

    def take_more(self, takes: Mapping[int, Take]) -> None:
        """Give the messages of more subscriptions to whom ``takes`` names."""
        self._takes |= {b"%d" % sid: take for sid, take in takes.items()}

    def reset(self) -> None:
        """Forget what came in part: the connection is lost, or a new one."""
        super().reset()
        self._rest = b""
        for each in self.lost:
            each()

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
        take = None if words is None else self._takes.get(line[2])
        if take is None:
            return False
        reply = line[3] if len(line) == words else b""
        body = start + (int(line[-2]) if line[0] == b"HMSG" else 0)
        try:
            take(line[1], reply, data[start:body], data[body : start + int(line[-1])])
        except Exception as error:  # noqa: BLE001 - one message must not end the reading of all others
            _LOG.error(
                "mqtt.not_taken", subject=line[1].decode(errors="replace"), error=repr(error)
            )
        return True


async def install(client: Client, takes: Mapping[str, Take], queue: str = "") -> list[Subscription]:
    """Subscribe, and have what comes read by a tap: the one there is.

    One that is new needs a connection without traffic yet.
    """
    found = [await client.subscribe(each, queue=queue, cb=_never) for each in takes]
    numbered = {each._id: takes[each.subject] for each in found}  # noqa: SLF001 - its number
    if isinstance(client._ps, Tap):  # noqa: SLF001 - the client has no way in for this
        client._ps.take_more(numbered)  # noqa: SLF001
    else:
        client._ps = Tap(client, numbered)  # noqa: SLF001
    return found


def tell_of_loss(client: Client, told: Callable[[], None]) -> None:
    """Have somebody told when a connection that a tap reads is lost."""
    client._ps.lost.append(told)  # type: ignore[attr-defined] # noqa: SLF001 - as above


async def acknowledge(client: Client, replies: Iterable[bytes]) -> None:
    """Answer many messages at once with nothing, which acknowledges them."""
    await answer(client, [(each, b"") for each in replies])


async def answer(client: Client, answers: Iterable[tuple[bytes, bytes]]) -> None:
    """Send answers together, each to its reply subject; they are dropped without a connection."""
    together = b"".join(
        [b"PUB %b %d\r\n%b\r\n" % (reply, len(body), body) for reply, body in answers]
    )
    if together and client.is_connected:  # otherwise what they answer comes again, or is given up
        await client._send_command(together)  # noqa: SLF001 - one write, not one for each
        await client._flush_pending()  # noqa: SLF001 - as publish does


async def _never(_message: object) -> None:
    """Take what the tap has taken before: nothing."""
