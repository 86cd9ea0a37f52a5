"""State of devices from the broker's durable stream."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import structlog
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
from nats.js.errors import APIError, NotFoundError

from drover.mqtt.accounts import PLATFORM, STATE_SUBJECT
from drover.mqtt.acknowledged import NEVER
from drover.mqtt.feed import (
    AGAIN_S,
    AT_QOS_1,
    LATE_S,
    MOST_IN_FLIGHT,
    Feed,
    arrived_ms,
    is_given_up,
)
from drover.mqtt.link import RELAYED
from drover.mqtt.streams import may_pass

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.client import Client
    from nats.js.api import StreamInfo

    from drover.mqtt.link import Link
    from drover.mqtt.replicas import Replicas
    from drover.ports.door import Done, Intake

STREAM: Final = "STATE"
CONSUMER: Final = "servers"

ELECTING_S: Final = 60.0
"""How long a start waits for the brokers of a cluster to agree on who leads."""

_PATTERN: Final = STATE_SUBJECT.format(application="*")
_FORMER: Final = "drover"
_LOG = structlog.get_logger("drover.mqtt")


class StateFeed:
    """Takes state from a stream of all applications, which keeps up to ``most_bytes``.

    ``since`` tells from when on (in milliseconds) reports at QoS 1 of an application are taken from
    where brokers acknowledge them; None where that is not known.
    """

    def __init__(
        self,
        link: Link,
        intake: Intake,
        replicas: Replicas,
        most_bytes: int,
        since: Callable[[str], float | None],
    ) -> None:
        self._link = link
        self._replicas = replicas
        self._most_bytes = most_bytes
        self._since = since
        self._client: Client | None = None
        self._intake = intake
        self._feed = Feed(lambda: intake.has_room, STREAM, CONSUMER, self._take, self._make_again)
        self.stop = self._feed.stop

    @property
    def held_back(self) -> int:
        """How often nothing was asked for because there was no room."""
        return self._feed.held_back

    async def prepare(self) -> bool:
        """Have a stream to take from, and tell whether several brokers keep it.

        Raises NatsError, TimeoutError when there is none.
        """
        platform = await self._link.client(PLATFORM)
        async with asyncio.timeout(ELECTING_S):
            while (found := await _prepared(platform, self._replicas, self._most_bytes)) is None:  # noqa: ASYNC110 - brokers do not tell when
                await asyncio.sleep(LATE_S)
        return found.config.num_replicas != 1

    async def start(self) -> None:
        """Begin to take; raises NatsError."""
        self._client = await self._link.open_another(PLATFORM)
        await self._feed.open(self._client)

    async def finish(self) -> None:
        """Tell the broker what has been stored since, and disconnect."""
        await self._feed.finish()
        if self._client is not None:
            await self._client.close()

    async def _make_again(self) -> None:
        """Have what the broker lost once more; raises NatsError, TimeoutError."""
        await _prepare(await self._link.client(PLATFORM), self._replicas, self._most_bytes)

    def _take(
        self, subject: bytes, place: bytes, headers: bytes, payload: bytes, done: Done
    ) -> bool:
        if RELAYED in headers:  # a server had it stored before it published it
            done()
            return True
        _, application_id, _, device_id, _ = subject.decode().split(".")
        if AT_QOS_1 in headers:
            since = self._since(application_id)
            if since is None:
                if not is_given_up(place):
                    return False
            elif since < NEVER and arrived_ms(place) >= since:
                done()
                return True
        self._intake.state(application_id, device_id, payload, arrived_ms(place), done)
        return True


async def _prepared(platform: Client, replicas: Replicas, most_bytes: int) -> StreamInfo | None:
    """Return the stream, None while it is not there: brokers that just met cannot say at once."""
    try:
        return await _prepare(platform, replicas, most_bytes)
    except (NatsTimeoutError, APIError) as error:
        if isinstance(error, APIError) and not may_pass(error):
            raise
        _LOG.warning("mqtt.waits", error=str(error))
        return None


async def _prepare(platform: Client, replicas: Replicas, most_bytes: int) -> StreamInfo:
    streams = platform.jetstream()
    found = await replicas.have(
        platform,
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
    return found
