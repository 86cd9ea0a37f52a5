"""Messages from a stream of the broker, never more of them than there is room for."""

from __future__ import annotations

import asyncio
import contextlib
import re
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from nats.errors import Error as NatsError

from drover.mqtt import tap
from drover.mqtt.flushing import flush
from drover.mqtt.repeating import end_all

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client
    from nats.aio.subscription import Subscription

    from drover.ports.door import Done

    Take = Callable[[bytes, bytes, bytes, bytes, Done], bool]
    """Is given subject, place, headers and payload of a message, and what to call at its end.

    False says that the message shall be handed out again later.
    """
    Act = Callable[[], Awaitable[None]]
AT_A_TIME: Final = 2000
BYTES_AT_A_TIME: Final = 4_194_304
"""Messages, and bytes, that are asked for together; the next are asked for when these are there."""

PATIENCE_S: Final = 5.0
"""How long a question stays open at the broker; it is asked again then."""

LATE_S: Final = 2.0
"""How long to wait after something failed, and for an answer beyond its time."""

ROOM_S: Final = 0.2
"""How soon it is looked again whether there is room, and asked again whoever leads now."""

AGAIN_S: Final = 30.0
"""When state that a server has not stored is handed to another."""

MOST_IN_FLIGHT: Final = 50_000
"""Messages of a stream that are handed to servers and not stored yet."""

MOST_DELIVERIES: Final = 30
"""How often a message is handed out again, a second apart, before it is taken as it is."""

PUBLISHED: Final = "Nmqtt-Pub"
AT_LEAST_ONCE: Final = "1"
AT_QOS_1: Final = f"\r\n{PUBLISHED}:{AT_LEAST_ONCE}\r\n".encode()
"""What the broker writes on messages of devices that wait for an acknowledgement."""

_ASKED_AGAIN: Final = re.compile(rb"NATS/1\.0 4(08|09 (Message Size|Batch Completed))")
"""How the broker says that nothing more comes of a question, and another may be asked at once."""

_ALL_CAME: Final = re.compile(
    rb"NATS/1\.0 409 Batch Completed\r\n.*Nats-Pending-Messages: 0\r", re.DOTALL
)
"""How it says that as many came as were asked for: they are counted, so the next was asked then."""

_GONE: Final = re.compile(rb"NATS/1\.0 (503|404|409 Consumer Deleted)")
"""How it says that nobody answers: who leads is being elected, or there is no such consumer."""

_LATER: Final = b'-NAK {"delay": 1000000000}'
_NEXT: Final = "$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
_SHORT_PLACE: Final = 9
"""Words of a place in a stream of the same domain."""

_LOG = structlog.get_logger("drover.mqtt")


class Feed:
    """Asks for messages as long as there is room for them, and acknowledges what is stored.

    Any number of servers share a stream; each message goes to one of them. Where nobody answers,
    ``revive`` is to make the stream and its consumer again, if they are not there.
    """

    def __init__(
        self,
        has_room: Callable[[], bool],
        stream: str,
        consumer: str,
        take: Take,
        revive: Act,
    ) -> None:
        self._has_room = has_room
        self._take_one = take
        self._revive = revive
        self._next = _NEXT.format(stream=stream, consumer=consumer)
        self._client: Client
        self._inbox = ""
        self._taking: Subscription | None = None
        self._stored: list[bytes] = []
        self._later: list[bytes] = []
        self._wake = asyncio.Event()
        self._due = asyncio.Event()
        self._drained = asyncio.Event()
        self._wanted = 0
        self._refusal = b""
        self._tasks: list[asyncio.Task[None]] = []
        self.held_back = 0
        """How often nothing was asked for because there was no room."""

    async def open(self, client: Client) -> None:
        """Begin to take over a connection; raises NatsError."""
        self._client = client
        self._inbox = client.new_inbox()
        (self._taking,) = await tap.install(client, {self._inbox: self._take})
        tap.tell_of_loss(client, self._due.set)  # what was asked is forgotten with the connection
        self._tasks = [
            asyncio.create_task(self._acknowledge()),
            asyncio.create_task(self._ask_on()),
        ]

    async def stop(self) -> None:
        """Take nothing more; other servers get it. Safe to call twice."""
        await end_all(self._tasks)
        taking, self._taking = self._taking, None
        if taking is not None:
            with contextlib.suppress(NatsError):
                await taking.unsubscribe()

    async def finish(self) -> None:
        """Tell the broker what has been stored since."""
        if self._tasks:
            with contextlib.suppress(NatsError, OSError):
                await self._acknowledge_all()
                await flush(self._client)

    def _take(self, subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> None:
        if not reply:  # the broker says why nothing more comes of this question
            if _ALL_CAME.match(headers):
                return
            self._refusal = b"" if _ASKED_AGAIN.match(headers) else headers
            self._wanted = 0
            self._due.set()
            return
        self._wanted -= 1
        if self._wanted <= 0:
            self._due.set()
        if not self._take_one(subject, reply, headers, payload, partial(self._done, reply)):
            self._later.append(reply)
            self._wake.set()

    def _done(self, reply: bytes) -> None:
        self._stored.append(reply)
        self._wake.set()
        self._drained.set()

    async def _ask_on(self) -> None:
        asked = {
            "batch": AT_A_TIME,
            "max_bytes": BYTES_AT_A_TIME,
            "expires": int(PATIENCE_S * 1_000_000_000),
        }
        question = msgspec.json.encode(asked)
        while True:
            if not self._has_room():
                self.held_back += 1
                await self._room()
            while not self._client.is_connected:  # noqa: ASYNC110 - that is told to its owner alone
                await asyncio.sleep(ROOM_S)
            self._wanted = AT_A_TIME
            self._due.clear()
            try:
                await self._client.publish(self._next, question, reply=self._inbox)
                async with asyncio.timeout(PATIENCE_S + LATE_S):
                    await self._due.wait()
                if self._refusal:
                    await self._bear_refusal()
            except TimeoutError:  # the answer was lost with a connection
                continue
            except (NatsError, OSError) as error:
                _LOG.warning("mqtt.waits", error=str(error) or type(error).__name__)
                await asyncio.sleep(LATE_S)

    async def _bear_refusal(self) -> None:
        """Do not ask without a pause; where nobody answers, have what is asked made again."""
        refusal, self._refusal = self._refusal, b""
        if not _GONE.match(refusal):  # another broker leads from now on
            await asyncio.sleep(ROOM_S)
            return
        _LOG.warning("mqtt.waits", error=refusal.decode(errors="replace").strip())
        await asyncio.sleep(LATE_S)
        await self._revive()

    async def _room(self) -> None:
        while not self._has_room():
            self._drained.clear()
            with contextlib.suppress(TimeoutError):  # what other feeds took is not told here
                async with asyncio.timeout(ROOM_S):
                    await self._drained.wait()

    async def _acknowledge(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._acknowledge_all()

    async def _acknowledge_all(self) -> None:
        stored, self._stored = self._stored, []
        later, self._later = self._later, []
        await tap.acknowledge(self._client, stored)
        await tap.answer(self._client, [(each, _LATER) for each in later])


def arrived_ms(place: bytes) -> int:
    """Return when the broker took a message, which its place in the stream tells.

    That is ``$JS.ACK.STREAM.CONSUMER.DELIVERIES.PLACE.PLACE.NANOSECONDS.PENDING``, or the same with
    domain and account before the stream.
    """
    parts = place.split(b".")
    return int(parts[7 if len(parts) == _SHORT_PLACE else 9]) // 1_000_000


def place_of(place: bytes) -> str:
    """Return what names a message of a stream: its number there, and when the broker took it (ns).

    A stream that was lost and made again begins to count anew.
    """
    parts = place.split(b".")
    first = 5 if len(parts) == _SHORT_PLACE else 7
    return f"{parts[first].decode()}.{parts[first + 2].decode()}"


def is_given_up(place: bytes) -> bool:
    """Tell whether a message has been handed out again often enough."""
    parts = place.split(b".")
    return int(parts[4 if len(parts) == _SHORT_PLACE else 6]) > MOST_DELIVERIES
