"""Takes what devices say from the broker: state from a durable stream, the rest as it comes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from nats.errors import Error as NatsError
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from drover.model.errors import DroverError
from drover.model.instants import to_ms
from drover.mqtt.accounts import PLATFORM, STATE_SUBJECT, SYSTEM
from drover.mqtt.link import relay_of
from drover.mqtt.subjects import to_topic
from drover.ports.bus import Message
from drover.ports.door import Connection, Parting, Waited

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from drover.mqtt.link import Link
    from drover.ports.door import Intake

STREAM: Final = "STATE"
MOST_KEPT_BYTES: Final = 4_294_967_296
"""Bytes of state that wait in the broker while no server takes it."""

MOST_IN_FLIGHT: Final = 20_000
"""Messages of state that are handed to servers and not stored yet."""

AGAIN_S: Final = 30.0
"""When state that a server has not stored is handed to another."""

LOOK_S: Final = 1.0
"""How often it is looked which topics workflows wait for."""

BROKERS_S: Final = 5.0
"""How often it is asked which brokers are there."""
ANSWER_S: Final = 1.0

QUEUE: Final = "drover"
_DELIVERED: Final = "deliver.state"
_CAME: Final = "$SYS.ACCOUNT.*.CONNECT"
_WENT: Final = "$SYS.ACCOUNT.*.DISCONNECT"
_PING: Final = "$SYS.REQ.SERVER.PING"
_LOG = structlog.get_logger("drover.mqtt")


class BrokerIntake:
    """Feeds the server's intake from the broker, together with any number of other servers."""

    def __init__(self, link: Link, intake: Intake) -> None:
        self._link = link
        self._intake = intake
        self._stored: list[str] = []
        self._wake = asyncio.Event()
        self._waited: dict[Waited, list[Subscription]] = {}
        self._taking: list[Subscription] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to take; raises NatsError."""
        platform, system = await self._link.client(PLATFORM), await self._link.client(SYSTEM)
        await self._take_state(platform)
        self._taking.append(await system.subscribe(_CAME, queue=QUEUE, cb=self._came))
        self._taking.append(await system.subscribe(_WENT, queue=QUEUE, cb=self._went))
        await system.flush()
        self._tasks = [
            asyncio.create_task(self._acknowledge(platform)),
            asyncio.create_task(self._repeat(self._look, LOOK_S)),
            asyncio.create_task(self._repeat(self._ask_brokers, BROKERS_S)),
        ]

    async def stop(self) -> None:
        """Take nothing more; other servers get it. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        taking, self._taking = self._taking, []
        for subscription in taking:
            with contextlib.suppress(NatsError):
                await subscription.unsubscribe()

    async def finish(self) -> None:
        """Tell the broker what has been stored since."""
        with contextlib.suppress(NatsError):
            platform = await self._link.client(PLATFORM)
            await self._acknowledge_all(platform)
            await platform.flush()

    # ------------------------------------------------------------------ state

    async def _take_state(self, platform: Client) -> None:
        streams = platform.jetstream()
        await streams.add_stream(
            StreamConfig(
                name=STREAM,
                subjects=[STATE_SUBJECT.format(application="*")],
                retention=RetentionPolicy.WORK_QUEUE,
                storage=StorageType.FILE,
                max_bytes=MOST_KEPT_BYTES,
            )
        )
        await streams.add_consumer(
            STREAM,
            ConsumerConfig(
                durable_name=QUEUE,
                deliver_subject=_DELIVERED,
                deliver_group=QUEUE,
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=AGAIN_S,
                max_ack_pending=MOST_IN_FLIGHT,
            ),
        )
        taking = await platform.subscribe(
            _DELIVERED,
            queue=QUEUE,
            cb=self._state,
            pending_msgs_limit=-1,
            pending_bytes_limit=-1,
        )
        self._taking.append(taking)

    async def _state(self, message: Msg) -> None:
        _, application_id, _, device_id, _ = message.subject.split(".")
        reply = message.reply

        def done() -> None:
            self._stored.append(reply)
            self._wake.set()

        self._intake.state(application_id, device_id, message.data, done)

    async def _acknowledge(self, platform: Client) -> None:
        while True:
            self._wake.clear()
            await self._acknowledge_all(platform)
            await self._wake.wait()

    async def _acknowledge_all(self, platform: Client) -> None:
        stored, self._stored = self._stored, []
        for reply in stored:
            await platform.publish(reply)

    # ------------------------------------------------------------------ topics workflows wait for

    async def _look(self) -> None:
        """Listen on what workflows wait for now, and no longer on what they do not."""
        wanted = set(await self._intake.waited_for())
        for each in self._waited.keys() - wanted:
            for subscription in self._waited.pop(each):
                await subscription.unsubscribe()
        for each in wanted - self._waited.keys():
            self._waited[each] = await self._listen(each)

    async def _listen(self, waited: Waited) -> list[Subscription]:
        application_id, topic_filter = waited

        async def take(message: Msg) -> None:
            topic = to_topic(message.subject)
            told = Message(application_id, topic, message.data, relay_of(message))
            self._intake.message(topic_filter, told)

        return await self._link.listen(application_id, topic_filter, take, queue=QUEUE)

    # ------------------------------------------------------------------ presence

    async def _came(self, message: Msg) -> None:
        connection = _connection(msgspec.json.decode(message.data))
        if connection is not None:
            self._intake.came(connection)

    async def _went(self, message: Msg) -> None:
        event = msgspec.json.decode(message.data)
        connection = _connection(event)
        if connection is not None:
            self._intake.went(connection, _parting(event))

    async def _ask_brokers(self) -> None:
        """Ask which brokers are there; with no answer at all nothing is concluded."""
        system = await self._link.client(SYSTEM)
        inbox = system.new_inbox()
        found: set[str] = set()

        async def take(message: Msg) -> None:
            found.add(msgspec.json.decode(message.data)["server"]["id"])

        subscription = await system.subscribe(inbox, cb=take)
        await system.publish(_PING, reply=inbox)
        await asyncio.sleep(ANSWER_S)
        await subscription.unsubscribe()
        if found:
            await self._intake.servers(sorted(found))

    async def _repeat(self, act: Any, seconds: float) -> None:
        while True:
            try:
                await act()
            except (NatsError, DroverError, OSError) as error:
                _LOG.warning("mqtt.waits", error=str(error) or type(error).__name__)
            await asyncio.sleep(seconds)


def _connection(event: Mapping[str, Any]) -> Connection | None:
    """Return the device's connection that an event of the broker is about, if it is one."""
    client = event["client"]
    parts = str(client.get("user", "")).split(".")
    if client.get("client_type") != "mqtt" or len(parts) != len(("application", "device", "key")):
        return None
    return Connection(
        application_id=parts[0],
        device_id=parts[1],
        server=event["server"]["id"],
        number=client["id"],
        address=client.get("host", ""),
        began_ms=_ms(client["start"]),
    )


def _parting(event: Mapping[str, Any]) -> Parting:
    return Parting(
        ended_ms=_ms(event["client"]["stop"]),
        reason=event.get("reason", ""),
        messages_from=event["received"]["msgs"],
        messages_to=event["sent"]["msgs"],
    )


def _ms(text: str) -> int:
    return to_ms(text)
