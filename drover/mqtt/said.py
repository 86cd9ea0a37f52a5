"""Messages at QoS 1 that workflows wait for, from the stream whose answer acknowledges them.

A message that only passes is lost with the server that was handed it and has not stored it. A
device hears of a message at QoS 1 (``PUBACK``) once its application's own stream has it, and there
it stays until a server has stored it.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, NamedTuple

from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from drover.model.topics import fits, free_root
from drover.mqtt import tap
from drover.mqtt.accounts import PLATFORM, SAID_SUBJECT
from drover.mqtt.feed import AGAIN_S, AT_QOS_1, MOST_IN_FLIGHT, Feed, arrived_ms, place_of
from drover.mqtt.flushing import flush
from drover.mqtt.overheard import Overheard, Said
from drover.mqtt.speakers import speaker_in
from drover.mqtt.streams import add_consumer
from drover.mqtt.subjects import is_within, subjects_of, to_subject, to_topic
from drover.mqtt.subscriptions import end
from drover.ports.bus import Message, Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from nats.aio.client import Client
    from nats.aio.subscription import Subscription
    from nats.js import JetStreamContext

    from drover.mqtt.link import Link
    from drover.ports.door import Done, Intake

    Fitting = Callable[[str], tuple[str, ...]]

CONSUMER: Final = "workflows"
STREAM: Final = "$MQTT_msgs"

MOST_SUBJECTS: Final = 100
"""Of a consumer; where filters are more, it takes all that begins as they do."""

MOST_WAITING: Final = 2000
"""Messages that wait here for who published them, or for a look at what workflows wait for."""

FINISHING_S: Final = 2.0
"""How long a server that stops goes on to take what its broker has kept by then."""

_LOOK_S: Final = 0.02
_MOST_TOPICS: Final = 4096
_PREFIX: Final = "$MQTT.msgs."
_PASSING: Final = SAID_SUBJECT.format(application="*", subject=">")


class SaidFeeds:
    """Takes such messages of all applications; each of them is handed to one server.

    Who published one is told as it passes, to all servers, because the stream does not tell it.
    """

    def __init__(self, link: Link, intake: Intake) -> None:
        self._link = link
        self._intake = intake
        self._overheard = Overheard()
        self._feeds: dict[str, SaidFeed] = {}
        self._passing: Client | None = None
        self._listening: list[Subscription] = []

    @property
    def followed(self) -> Collection[str]:
        """Applications of which messages are taken."""
        return tuple(self._feeds)

    @property
    def held_back(self) -> int:
        """How often nothing was asked for because there was no room."""
        return sum(each.held_back for each in self._feeds.values())

    async def start(self) -> None:
        """Begin to listen to what passes; raises NatsError, OSError."""
        self._passing = await self._link.open_another(PLATFORM)
        self._listening = await tap.install(self._passing, {_PASSING: self._passed})
        await flush(self._passing)

    async def stop(self) -> None:
        """Take what brokers have kept until now, and nothing more. Safe to call twice."""
        await asyncio.gather(*(each.finish_taking() for each in self._feeds.values()))
        listening, self._listening = self._listening, []
        await end(listening)

    async def finish(self) -> None:
        """Tell brokers what has been stored since, and disconnect."""
        for each in self._feeds.values():
            await each.finish()
        passing, self._passing = self._passing, None
        if passing is not None:
            await passing.close()

    def takes(self, application_id: str, topic_filter: str) -> bool:
        """Tell whether messages at QoS 1 for those who wait with a filter are taken here."""
        feed = self._feeds.get(application_id)
        return feed is not None and topic_filter in feed.filters

    async def follow(self, application_id: str, filters: frozenset[str]) -> None:
        """Take from now on what these filters fit, and no more. Raises DroverError, NatsError.

        Where there are none it is left for good the second time: another server may know better.
        """
        feed = self._feeds.get(application_id)
        if feed is not None and feed.is_closed:
            await self._feeds.pop(application_id).stop()
            feed = None
        if feed is None:
            if filters:
                client = await self._link.application(application_id)
                feed = SaidFeed(application_id, client, self._intake, self._overheard)
                await feed.open(filters)
                self._feeds[application_id] = feed
        elif filters or feed.filters:
            await feed.follow(filters)
        else:
            await self._feeds.pop(application_id).leave()

    def mark(self) -> None:
        """Note that it is looked now what workflows wait for."""
        for each in self._feeds.values():
            each.mark()

    def settle(self) -> None:
        """Decide on messages that came before that look, now that it is over."""
        for each in self._feeds.values():
            each.settle()

    def _passed(self, subject: bytes, _reply: bytes, headers: bytes, payload: bytes) -> None:
        if AT_QOS_1 not in headers:
            return
        _, application_id, rest = subject.decode(errors="replace").split(".", maxsplit=2)
        feed = self._feeds.get(application_id)
        if feed is None:
            return
        topic, speaker = to_topic(rest), speaker_in(headers)
        if speaker is not None:
            self._intake.spoke_on(application_id, topic, speaker)
        if feed.fitting(topic):
            self._overheard.note(Said(application_id, topic, hash(payload)), speaker)


def _fitting(filters: Iterable[str]) -> Fitting:
    """Return what finds the filters that a topic fits; the topics of a fleet are few."""

    @lru_cache(maxsize=_MOST_TOPICS)
    def fitting(topic: str) -> tuple[str, ...]:
        return tuple(each for each in filters if fits(each, topic))

    return fitting


class _Kept(NamedTuple):
    """A message of an application's stream."""

    topic: str
    place: bytes
    payload: bytes
    done: Done


class SaidFeed:
    """Takes such messages of one application."""

    def __init__(
        self, application_id: str, client: Client, intake: Intake, overheard: Overheard
    ) -> None:
        self._application_id = application_id
        self._client = client
        self._intake = intake
        self._overheard = overheard
        self._feed = Feed(self._has_room, STREAM, CONSUMER, self._take, self._make_again)
        self._older: list[_Kept] = []
        self._newer: list[_Kept] = []
        self._taken = 0
        self.filters: frozenset[str] = frozenset()
        self.fitting = _fitting(())
        """Returns those filters that a topic fits."""
        self.finish = self._feed.finish
        self.stop = self._feed.stop

    @property
    def is_closed(self) -> bool:
        """Whether the application was forgotten."""
        return self._client.is_closed

    @property
    def held_back(self) -> int:
        """How often nothing was asked for because there was no room."""
        return self._feed.held_back

    async def open(self, filters: frozenset[str]) -> None:
        """Begin to take what these filters fit; raises NatsError."""
        await self.follow(filters)
        await self._feed.open(self._client)

    async def follow(self, filters: frozenset[str]) -> None:
        """Take what these filters fit; the stream hands out what only others fit no more."""
        if filters == self.filters:
            return
        self.fitting = _fitting(filters)  # what comes at once is known
        if filters:
            await _consume(self._client.jetstream(), _consumer(filters))
        self.filters = filters

    async def leave(self) -> None:
        """Take nothing more, and have the broker keep nothing more for servers."""
        await self.stop()
        with contextlib.suppress(NotFoundError):
            await self._client.jetstream().delete_consumer(STREAM, CONSUMER)

    async def finish_taking(self) -> None:
        """Take what the broker has kept until now, as far as it comes in time, and no more."""
        with contextlib.suppress(NatsError, OSError):
            async with asyncio.timeout(FINISHING_S):
                found = await self._client.jetstream().consumer_info(STREAM, CONSUMER)
                wanted = self._taken + (found.num_pending or 0)
                while self._taken < wanted or self._overheard.waiting:  # noqa: ASYNC110 - a moment, once
                    await asyncio.sleep(_LOOK_S)
        await self.stop()

    def mark(self) -> None:
        """Note that it is looked now what workflows wait for."""
        self._older += self._newer
        self._newer = []

    def settle(self) -> None:
        """Decide on messages that fitted no filter known here when the last look began."""
        older, self._older = self._older, []
        for each in older:
            if not self._handed(each):
                each.done()

    async def _make_again(self) -> None:
        """Have the broker hand out messages again that lost what it had kept."""
        if self.filters:
            await _consume(self._client.jetstream(), _consumer(self.filters))

    def _has_room(self) -> bool:
        waiting = self._overheard.waiting + len(self._older) + len(self._newer)
        return self._intake.has_room and waiting < MOST_WAITING

    def _take(
        self, subject: bytes, place: bytes, _headers: bytes, payload: bytes, done: Done
    ) -> bool:
        self._taken += 1
        topic = to_topic(subject.decode(errors="replace").removeprefix(_PREFIX))
        kept = _Kept(topic, place, payload, done)
        if not self._handed(kept):
            self._newer.append(kept)  # another server may have been told of a filter that fits
        return True

    def _handed(self, kept: _Kept) -> bool:
        """Hand a message over once it is told who published it; False where no filter fits it."""
        filters = self.fitting(kept.topic)
        if filters:
            said = Said(self._application_id, kept.topic, hash(kept.payload))
            told = partial(self._hand, kept, filters)
            self._overheard.ask(said, told, arrived_ms(kept.place))
        return bool(filters)

    def _hand(self, kept: _Kept, filters: tuple[str, ...], speaker: str | None) -> None:
        relay = None if speaker is None else Relay(speaker, "device")
        message = Message(self._application_id, kept.topic, kept.payload, relay)
        self._intake.heard(filters, message, place_of(kept.place), kept.done)


def subjects_for(filters: Collection[str]) -> list[str]:
    """Return subjects of a stream of messages that take what filters fit; none takes another's."""
    subjects = {each for topic_filter in filters for each in subjects_of(topic_filter)}
    if len(subjects) > MOST_SUBJECTS:
        roots = {to_subject(root) for each in filters if (root := free_root(each)) is not None}
        subjects = roots | {f"{root}.>" for root in roots}
    widest = (
        each
        for each in subjects
        if not any(other != each and is_within(each, other) for other in subjects)
    )
    return sorted(_PREFIX + each for each in widest)


async def _consume(streams: JetStreamContext, wanted: ConsumerConfig) -> None:
    """Have the stream keep what a consumer wants, whether that is there or not."""
    try:
        await streams.consumer_info(STREAM, CONSUMER)
    except NotFoundError:
        await add_consumer(streams, STREAM, wanted)
    else:
        await streams.add_consumer(STREAM, wanted)


def _consumer(filters: Collection[str]) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=CONSUMER,
        filter_subjects=subjects_for(filters),
        deliver_policy=DeliverPolicy.NEW,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=AGAIN_S,
        max_ack_pending=MOST_IN_FLIGHT,
    )
