"""State of devices from the broker's durable stream, never more of it than there is room for."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError, ServiceUnavailableError

from drover.mqtt import tap
from drover.mqtt.accounts import PLATFORM, STATE_SUBJECT
from drover.mqtt.flushing import flush
from drover.mqtt.streams import keep

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.subscription import Subscription

    from drover.mqtt.link import Link
    from drover.ports.door import Intake

STREAM: Final = "STATE"
CONSUMER: Final = "servers"
MOST_IN_FLIGHT: Final = 50_000
"""Messages of state that are handed to servers and not stored yet."""

AGAIN_S: Final = 30.0
"""When state that a server has not stored is handed to another."""

AT_A_TIME: Final = 2000
BYTES_AT_A_TIME: Final = 4_194_304
"""Messages, and bytes, that are asked for together; the next are asked for when these are there."""

PATIENCE_S: Final = 5.0
"""How long a question stays open at the broker; it is asked again then."""

ELECTING_S: Final = 60.0
"""How long a start waits for the brokers of a cluster to agree on who leads."""

_PATTERN: Final = STATE_SUBJECT.format(application="*")
_NEXT: Final = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{CONSUMER}"
_SHORT_PLACE: Final = 9
"""Words of a place in a stream of the same domain."""

_LATE_S: Final = 2.0
_FORMER: Final = "drover"
_LOG = structlog.get_logger("drover.mqtt")


class StateFeed:
    """Asks for state as long as the intake has room, and acknowledges what is stored.

    Any number of servers share the stream, which keeps up to ``most_bytes``; each message goes to
    one of them.
    """

    def __init__(self, link: Link, intake: Intake, most_bytes: int) -> None:
        self._link = link
        self._most_bytes = most_bytes
        self._intake = intake
        self._client: Client
        self._inbox = ""
        self._taking: Subscription | None = None
        self._stored: list[bytes] = []
        self._wake = asyncio.Event()
        self._due = asyncio.Event()
        self._drained = asyncio.Event()
        self._wanted = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.held_back = 0
        """How often nothing was asked for because there was no room."""

    async def start(self) -> None:
        """Begin to take; raises NatsError, TimeoutError when there is no stream to take from."""
        platform = await self._link.client(PLATFORM)
        async with asyncio.timeout(ELECTING_S):
            while not await _prepared(platform, self._most_bytes):  # noqa: ASYNC110 - brokers do not tell when
                await asyncio.sleep(_LATE_S)
        self._client = await self._link.open_another(PLATFORM)
        self._inbox = self._client.new_inbox()
        (self._taking,) = await tap.install(self._client, {self._inbox: self._take})
        self._tasks = [
            asyncio.create_task(self._acknowledge()),
            asyncio.create_task(self._ask_on()),
        ]

    async def stop(self) -> None:
        """Take nothing more; other servers get it. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        taking, self._taking = self._taking, None
        if taking is not None:
            with contextlib.suppress(NatsError):
                await taking.unsubscribe()

    async def finish(self) -> None:
        """Tell the broker what has been stored since, and disconnect."""
        if self._tasks:
            with contextlib.suppress(NatsError, OSError):
                await self._acknowledge_all()
                await flush(self._client)
            await self._client.close()

    def _take(self, subject: bytes, reply: bytes, _headers: bytes, payload: bytes) -> None:
        if not reply:  # the broker says why nothing more comes of this question
            self._wanted = 0
            self._due.set()
            return
        _, application_id, _, device_id, _ = subject.decode().split(".")
        self._wanted -= 1
        if self._wanted <= 0:
            self._due.set()
        done = partial(self._done, reply)
        self._intake.state(application_id, device_id, payload, _arrived_ms(reply), done)

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
                await self._client.publish(_NEXT, question, reply=self._inbox)
                async with asyncio.timeout(PATIENCE_S + _LATE_S):
                    await self._due.wait()
            except TimeoutError:  # the answer was lost with a connection
                continue
            except (NatsError, OSError) as error:
                _LOG.warning("mqtt.waits", error=str(error) or type(error).__name__)
                await asyncio.sleep(_LATE_S)

    async def _room(self) -> None:
        while not self._intake.has_room:
            self._drained.clear()
            await self._drained.wait()

    async def _acknowledge(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._acknowledge_all()

    async def _acknowledge_all(self) -> None:
        stored, self._stored = self._stored, []
        await tap.acknowledge(self._client, stored)


def _arrived_ms(reply: bytes) -> int:
    """Return when the broker took a message, which its place in the stream tells.

    That is ``$JS.ACK.STREAM.CONSUMER.DELIVERIES.PLACE.PLACE.NANOSECONDS.PENDING``, or the same with
    domain and account before the stream.
    """
    parts = reply.split(b".")
    return int(parts[7 if len(parts) == _SHORT_PLACE else 9]) // 1_000_000


async def _prepared(platform: Client, most_bytes: int) -> bool:
    """Tell whether the stream is there: brokers that have just met cannot say for a while."""
    try:
        await _prepare(platform, most_bytes)
    except (NatsTimeoutError, ServiceUnavailableError) as error:
        _LOG.warning("mqtt.waits", error=str(error))
        return False
    return True


async def _prepare(platform: Client, most_bytes: int) -> None:
    streams = platform.jetstream()
    await keep(
        streams,
        StreamConfig(
            name=STREAM,
            subjects=[_PATTERN],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            max_bytes=most_bytes,
            discard=DiscardPolicy.NEW,  # what was acknowledged stays
        ),
    )
    with contextlib.suppress(NotFoundError):  # an earlier version had messages pushed to it
        await streams.delete_consumer(STREAM, _FORMER)
    await streams.add_consumer(
        STREAM,
        ConsumerConfig(
            durable_name=CONSUMER,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=AGAIN_S,
            max_ack_pending=MOST_IN_FLIGHT,
        ),
    )
