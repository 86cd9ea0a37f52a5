"""State that brokers of a cluster acknowledge, from the stream whose answer acknowledges it.

A device hears of a report at QoS 1 (``PUBACK``) once its application's stream of messages has it.
The stream of state, which is another, may take nothing at that moment: brokers elect who leads it.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from drover.model.errors import DroverError
from drover.mqtt.accounts import OWN_ACCOUNTS, SYSTEM
from drover.mqtt.feed import AGAIN_S, MOST_IN_FLIGHT, Feed, arrived_ms
from drover.mqtt.repeating import Repeating
from drover.mqtt.roster import accounts_at, name_of
from drover.mqtt.streams import OF_DEVICES, OF_SESSIONS, add_consumer, lacks_keepers

if TYPE_CHECKING:
    from collections.abc import Collection

    from nats.aio.client import Client
    from nats.js import JetStreamContext
    from nats.js.api import ConsumerInfo, StreamInfo

    from drover.mqtt.link import Link
    from drover.mqtt.replicas import Replicas
    from drover.ports.door import Done, Intake

CONSUMER: Final = "servers"
LOOK_S: Final = 2.0
"""How often it is looked which applications there are."""

SETTLING_MS: Final = 5000
"""How long after it was made a consumer may miss reports, where devices report already.

What comes in that time is taken twice rather than not at all. It happens once for an application,
when an installation is brought to a version that has consumers.
"""

NEVER: Final = math.inf
_PATTERN: Final = "$MQTT.msgs.losant.*.state"
_SINCE: Final = "since"


class AcknowledgedFeeds:
    """Takes state at QoS 1 from each application's own stream, where several brokers keep it."""

    def __init__(self, link: Link, intake: Intake, replicas: Replicas) -> None:
        self._link = link
        self._replicas = replicas
        self._intake = intake
        self._in_cluster = False
        self._since: dict[str, float] = {}
        self._feeds: dict[str, tuple[Client, Feed]] = {}
        self._seen: set[str] = set()
        """Accounts that were looked at: those of applications that are gone are not again."""
        self._looking = Repeating()

    @property
    def held_back(self) -> int:
        """How often nothing was asked for because there was no room."""
        return sum(feed.held_back for _, feed in self._feeds.values())

    def since(self, application_id: str) -> float | None:
        """Return from when on (ms) reports are taken here, None where that is not known yet."""
        return self._since.get(application_id) if self._in_cluster else NEVER

    async def start(self, *, in_cluster: bool) -> None:
        """Take up all applications that there are and will be, if brokers form a cluster."""
        self._in_cluster = in_cluster
        if in_cluster:
            self._link.prepare_with(self._take_up)
            with suppress(NatsError, OSError):  # it is looked again
                await self.look()
            self._looking.start(self.look, LOOK_S)

    async def stop(self) -> None:
        """Take nothing more; other servers get it. Safe to call twice."""
        if self._in_cluster:
            self._link.prepare_with(None)
        await self._looking.stop()
        for _, feed in self._feeds.values():
            await feed.stop()

    async def finish(self) -> None:
        """Tell brokers what has been stored since."""
        for _, feed in self._feeds.values():
            await feed.finish()

    async def look(self) -> None:
        """Take up applications that are new here, and leave those that are gone.

        Raises NatsError, OSError.
        """
        for application_id, (client, feed) in list(self._feeds.items()):
            if client.is_closed:
                await feed.stop()
                del self._feeds[application_id], self._since[application_id]
        for account in await self._accounts():
            if application_id := await self._name_of(account):
                with suppress(DroverError):  # it is tried again
                    await self._link.ensure(application_id)
                    self._seen.add(account)

    async def _accounts(self) -> Collection[str]:
        """Return accounts that brokers know and that were not looked at."""
        system = await self._link.client(SYSTEM)
        own = {self._link.account(each) for each in OWN_ACCOUNTS}
        listed = await accounts_at(system)
        return [each for each in listed if each not in self._seen and each not in own]

    async def _name_of(self, account: str) -> str:
        """Return whose account it is; nothing when it is gone."""
        return await name_of(await self._link.client(SYSTEM), account)

    async def _take_up(self, application_id: str, client: Client, messages: StreamInfo) -> None:
        """Take state of an application from its stream of messages; raises NatsError."""
        if lacks_keepers(messages):
            await self._admit(client)
        stream = str(messages.config.name)
        keep = partial(self._keep, application_id, client, stream)
        await keep()
        if application_id not in self._feeds:
            take = partial(self._take, application_id)
            feed = Feed(lambda: self._intake.has_room, stream, CONSUMER, take, keep)
            self._feeds[application_id] = client, feed
            await feed.open(client)

    async def _keep(self, application_id: str, client: Client, stream: str) -> None:
        """Have a consumer, also where the broker lost it; raises NatsError."""
        self._since[application_id] = await _kept_since(client.jetstream(), stream)

    async def _admit(self, client: Client) -> None:
        """Have all streams that devices need, which the broker itself would not make now."""
        for each in (*OF_DEVICES, *OF_SESSIONS):
            await self._replicas.have(client, each)

    def _take(
        self,
        application_id: str,
        subject: bytes,
        place: bytes,
        _headers: bytes,
        payload: bytes,
        done: Done,
    ) -> bool:
        device_id = subject.decode().split(".")[3]
        self._intake.state(application_id, device_id, payload, arrived_ms(place), done)
        return True


async def _kept_since(streams: JetStreamContext, stream: str) -> float:
    """Have a consumer of the state there; return from when on (ms) it is handed all."""
    try:
        found = await streams.consumer_info(stream, CONSUMER)
    except NotFoundError:
        messages = await streams.stream_info(stream)
        fresh = messages.state.last_seq == 0  # then no device has reported yet
        since = 0 if fresh else int(time.time() * 1000) + SETTLING_MS
        found = await add_consumer(streams, stream, _consumer(since))
    return _since_of(found)


def _consumer(since_ms: int) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=CONSUMER,
        filter_subject=_PATTERN,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=AGAIN_S,
        max_ack_pending=MOST_IN_FLIGHT,
        metadata={_SINCE: str(since_ms)},
    )


def _since_of(consumer: ConsumerInfo) -> float:
    return float((consumer.config.metadata or {}).get(_SINCE, 0))
