"""Reports from a stream of the broker, never more of them than there is room for."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from nats.errors import Error as NatsError

from drover.mqtt import tap
from drover.mqtt.flushing import flush
from drover.mqtt.repeating import end_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.client import Client
    from nats.aio.subscription import Subscription

    from drover.ports.door import Intake

    Sort = Callable[[bytes, bytes, bytes], tuple[str, str] | bool]
    """Is given subject, place and headers of a message; returns whose report it is.

    That is application and device, True for none (it is done with), False for one that shall be
    handed out again later.
    """
AT_A_TIME: Final = 2000
BYTES_AT_A_TIME: Final = 4_194_304
"""Messages, and bytes, that are asked for together; the next are asked for when these are there."""

PATIENCE_S: Final = 5.0
"""How long a question stays open at the broker; it is asked again then."""

LATE_S: Final = 2.0
"""How long to wait after something failed, and for an answer beyond its time."""

ROOM_S: Final = 0.2
"""How soon it is looked again whether there is room."""

AGAIN_S: Final = 30.0
"""When state that a server has not stored is handed to another."""

MOST_IN_FLIGHT: Final = 50_000
"""Messages of a stream that are handed to servers and not stored yet."""

MOST_DELIVERIES: Final = 30
"""How often a message is handed out again, a second apart, before it is taken as it is."""

_LATER: Final = b'-NAK {"delay": 1000000000}'
_NEXT: Final = "$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
_SHORT_PLACE: Final = 9
"""Words of a place in a stream of the same domain."""

_LOG = structlog.get_logger("drover.mqtt")


class Feed:
    """Asks for reports as long as the intake has room, and acknowledges what is stored.

    Any number of servers share a stream; each message goes to one of them.
    """

    def __init__(self, intake: Intake, stream: str, consumer: str, sort: Sort) -> None:
        self._intake = intake
        self._sort = sort
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
        self._tasks: list[asyncio.Task[None]] = []
        self.held_back = 0
        """How often nothing was asked for because there was no room."""

    async def open(self, client: Client) -> None:
        """Begin to take over a connection; raises NatsError."""
        self._client = client
        self._inbox = client.new_inbox()
        (self._taking,) = await tap.install(client, {self._inbox: self._take})
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
            self._wanted = 0
            self._due.set()
            return
        self._wanted -= 1
        if self._wanted <= 0:
            self._due.set()
        whose = self._sort(subject, reply, headers)
        if isinstance(whose, tuple):
            done = partial(self._done, reply)
            self._intake.state(*whose, payload, arrived_ms(reply), done)
        elif whose:
            self._done(reply)
        else:
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
            if not self._intake.has_room:
                self.held_back += 1
                await self._room()
            self._wanted = AT_A_TIME
            self._due.clear()
            try:
                await self._client.publish(self._next, question, reply=self._inbox)
                async with asyncio.timeout(PATIENCE_S + LATE_S):
                    await self._due.wait()
            except TimeoutError:  # the answer was lost with a connection
                continue
            except (NatsError, OSError) as error:
                _LOG.warning("mqtt.waits", error=str(error) or type(error).__name__)
                await asyncio.sleep(LATE_S)

    async def _room(self) -> None:
        while not self._intake.has_room:
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


def is_given_up(place: bytes) -> bool:
    """Tell whether a message has been handed out again often enough."""
    parts = place.split(b".")
    return int(parts[4 if len(parts) == _SHORT_PLACE else 6]) > MOST_DELIVERIES
