"""Takes from the broker what devices do: comings, goings, messages that workflows wait for."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from msgspec import Struct
from nats.errors import Error as NatsError

from drover.model.errors import DroverError
from drover.model.instants import to_ms
from drover.model.topics import free_root, free_roots, is_filter, is_reserved
from drover.mqtt import tap
from drover.mqtt.accounts import PLATFORM, SAID_SUBJECT, STATE_SUBJECT, SYSTEM
from drover.mqtt.acknowledged import AcknowledgedFeeds
from drover.mqtt.feed import AT_LEAST_ONCE, PUBLISHED
from drover.mqtt.flushing import flush
from drover.mqtt.link import relay_of
from drover.mqtt.repeating import Repeating
from drover.mqtt.replicas import Replicas
from drover.mqtt.roll_call import RollCall
from drover.mqtt.said import SaidFeeds
from drover.mqtt.speakers import speaker_in, speaker_of
from drover.mqtt.state_feed import StateFeed
from drover.mqtt.subjects import subjects_of, to_topic
from drover.mqtt.subscriptions import end, finish, subscribe
from drover.ports.bus import Message, Relay
from drover.ports.door import Connection, Parting, Waited

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from drover.mqtt.connections import Connections
    from drover.mqtt.link import Link
    from drover.ports.door import Intake

LOOK_S: Final = 1.0
"""How often it is looked which topics workflows wait for."""

LONGEST_LOOK_S: Final = 5.0
"""How long a workflow that is saved is waited with until it is listened for."""

BROKERS_S: Final = 5.0
"""How often it is asked which brokers are there."""
ANSWER_S: Final = 1.0

CUT_S: Final = 0.5
"""How often it is looked whether connections lost their right."""

QUEUE: Final = "drover"
_QUEUE_OF: Final = "drover-{filter}"
"""Of filters: the broker gives each message to one of a queue, whichever filter it fits."""

_CAME: Final = "$SYS.ACCOUNT.*.CONNECT"
_WENT: Final = "$SYS.ACCOUNT.*.DISCONNECT"
_PING: Final = "$SYS.REQ.SERVER.PING"
_LOG = structlog.get_logger("drover.mqtt")


class BrokerIntake:
    """Feeds the server's intake from the broker, together with any number of other servers.

    State of up to ``most_bytes`` waits in the broker. With ``counts_reporters`` the intake is told
    of each report who published it, as it passes: the broker keeps no note of that.
    """

    def __init__(
        self,
        link: Link,
        intake: Intake,
        connections: Connections,
        most_bytes: int,
        *,
        counts_reporters: bool = False,
    ) -> None:
        self._link = link
        self._intake = intake
        self._connections = connections
        self._replicas = Replicas()
        self._acknowledged = AcknowledgedFeeds(link, intake, self._replicas)
        self._feed = StateFeed(link, intake, self._replicas, most_bytes, self._acknowledged.since)
        self._said = SaidFeeds(link, intake)
        self._waited: dict[tuple[Waited, bool], list[Subscription]] = {}
        self._hearing: dict[str, frozenset[str]] = {}
        self._counts_reporters = counts_reporters
        self._events: Client | None = None
        self._reporting: Client | None = None
        self._taking: list[Subscription] = []
        self._looking, self._asking, self._cutting = Repeating(), Repeating(), Repeating()
        self._calling, self._roll = Repeating(), RollCall(link, intake)
        self._recalling = Repeating()
        self._brokers: Sequence[str] = ()
        self._recalled = False
        """Whether it is known which applications the broker has from before."""
        self.cut = 0
        """Connections ended because their right was taken away."""

    @property
    def held_back(self) -> int:
        """How often state was left with the broker because too much waited for the store."""
        return self._feed.held_back + self._acknowledged.held_back + self._said.held_back

    async def start(self) -> None:
        """Begin to take; raises NatsError, TimeoutError."""
        in_cluster = await self._feed.prepare()
        await self._acknowledged.start(in_cluster=in_cluster)
        self._replicas.start()
        await self._feed.start()
        self._events = await self._link.open_another(SYSTEM)
        takes = {_CAME: self._came, _WENT: self._went}
        self._taking = await tap.install(self._events, takes, QUEUE)
        await flush(self._events)
        if self._counts_reporters:
            self._reporting = await self._link.open_another(PLATFORM)
            pattern = STATE_SUBJECT.format(application="*")
            self._taking += await tap.install(self._reporting, {pattern: self._reported}, QUEUE)
            await flush(self._reporting)
        await self._said.start()
        with contextlib.suppress(DroverError, NatsError, OSError):  # it is looked again in a moment
            await self._look()
        self._looking.start(self._look, LOOK_S)
        self._asking.start(self._ask_brokers, BROKERS_S)
        self._cutting.start(self._cut_revoked, CUT_S)
        self._calling.start(self._call_roll, BROKERS_S)
        self._recalling.start(self._recall, BROKERS_S)

    async def listening(self) -> None:
        """Return once what workflows wait for now is listened to here, or that takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_LOOK_S):
                await self._looking.now()

    async def stop(self) -> None:
        """Take nothing more than the broker has sent; other servers get it. Safe to call twice."""
        await self._replicas.stop()
        await self._acknowledged.stop()
        await self._feed.stop()
        asking = (self._asking, self._calling, self._recalling)
        for each in (*asking, self._looking, self._cutting):
            await each.stop()
        await self._said.stop()
        waited, self._waited = self._waited, {}
        await asyncio.gather(*(finish(each) for each in waited.values()))
        taking, self._taking = self._taking, []
        await end(taking)

    async def finish(self) -> None:
        """Tell the broker what has been stored since."""
        await self._acknowledged.finish()
        await self._feed.finish()
        await self._said.finish()
        clients = (self._events, self._reporting)
        self._events = self._reporting = None
        for client in clients:
            if client is not None:
                await client.close()

    # ------------------------------------------------------------------ topics workflows wait for

    async def _look(self) -> None:
        """Listen on what workflows wait for now, and no longer on what they do not."""
        self._said.mark()
        told = await self._intake.waited_for()
        await self._hear(told)
        await self._follow(told)
        wanted = {(each, self._is_heard(each)) for each in told if is_filter(each.topic_filter)}
        for waited, heard in wanted - self._waited.keys():
            with _going_on(waited.application_id):
                self._waited[waited, heard] = await self._listen(waited, heard)
        unheard = {waited for waited, _ in wanted - self._waited.keys()}
        for place in self._waited.keys() - wanted:
            if place[0] not in unheard:  # until it is listened to elsewhere
                await end(self._waited[place])
                del self._waited[place]
        self._said.settle()

    async def _follow(self, waited: Sequence[Waited]) -> None:
        """Take from streams what devices have acknowledged of what is waited for.

        That comes before it is listened to: what passes at QoS 1 is left to the stream then.
        """
        filters: dict[str, set[str]] = {each: set() for each in self._said.followed}
        for each in waited:
            if is_filter(each.topic_filter) and self._is_heard(each):
                filters.setdefault(each.application_id, set()).add(each.topic_filter)
        for application_id, those in filters.items():
            with _going_on(application_id):
                await self._said.follow(application_id, frozenset(those))

    async def _hear(self, waited: Sequence[Waited]) -> None:
        """Have the brokers bring what is waited for, application by application."""
        filters: dict[str, list[str]] = {each: [] for each in self._hearing}
        for application_id, topic_filter in waited:
            filters.setdefault(application_id, []).append(topic_filter)
        for application_id, those in filters.items():
            with _going_on(application_id):
                await self._hear_in(application_id, free_roots(those))

    async def _hear_in(self, application_id: str, roots: frozenset[str]) -> None:
        if self._hearing.get(application_id, frozenset()) == roots:
            return
        if roots or application_id in self._link.known:  # else it may be there no longer
            await self._link.hear(application_id, roots)
        self._hearing.pop(application_id, None)
        if roots:
            self._hearing[application_id] = roots

    def _is_heard(self, waited: Waited) -> bool:
        return self._link.hears(waited.application_id, free_root(waited.topic_filter))

    async def _listen(self, waited: Waited, heard: bool) -> list[Subscription]:  # noqa: FBT001 - half of a place
        """Listen where messages come with who published them, else in the application's account."""
        application_id, topic_filter = waited
        prefix = SAID_SUBJECT.format(application=application_id, subject="") if heard else ""

        queue = _queue_of(topic_filter)

        async def take(message: Msg) -> None:
            topic = to_topic(message.subject.removeprefix(prefix))
            kept = _is_kept(message) and self._said.takes(application_id, topic_filter)
            if not kept and not is_reserved(topic):
                told = Message(application_id, topic, message.data, _relay_of(message))
                self._intake.message(topic_filter, told)

        if not heard:
            return await self._link.listen(application_id, topic_filter, take, queue=queue)
        platform = await self._link.client(PLATFORM)
        subjects = [prefix + subject for subject in subjects_of(topic_filter)]
        return await subscribe(platform, subjects, take, queue)

    def _reported(self, subject: bytes, _reply: bytes, headers: bytes, _payload: bytes) -> None:
        speaker = speaker_in(headers)
        if speaker is not None:
            self._intake.spoke(subject.decode().split(".")[3], speaker)

    # ------------------------------------------------------------------ presence

    def _came(self, _subject: bytes, _reply: bytes, _headers: bytes, payload: bytes) -> None:
        event = _event_in(payload)
        if event is not None:
            self._intake.came(_connection(event))

    def _went(self, _subject: bytes, _reply: bytes, _headers: bytes, payload: bytes) -> None:
        event = _event_in(payload)
        if event is not None:
            self._intake.went(_connection(event), _parting(event))

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
        self._brokers = sorted(found)
        if found:
            await self._intake.servers(self._brokers)

    async def _call_roll(self) -> None:
        """Make up for what brokers told of while their events were not heard here."""
        if self._events is not None and self._events.is_connected:
            await self._roll.call(self._brokers, self._events.stats["reconnects"])

    async def _recall(self) -> None:
        """Learn which applications the broker has from before: some may have been deleted since."""
        if not self._recalled:
            await self._link.recall()
            self._recalled = True

    async def _cut_revoked(self) -> None:
        """End connections that lost their right, which the broker tells of by an event.

        Who connects again is refused. A broker that is away keeps nobody at others.
        """
        revoked = await self._intake.revoked(self._link.told)
        away: set[str] = set()
        for server, number in revoked.connections:
            if server not in away and not await self._is_cut(server, int(number)):
                away.add(server)
        for application_id in revoked.applications:
            with _going_on(application_id):
                await self._link.forget(application_id)

    async def _is_cut(self, server: str, number: int) -> bool:
        try:
            await self._connections.end(server, number)
        except (NatsError, OSError) as error:
            _LOG.warning("mqtt.waits", broker=server, error=str(error) or type(error).__name__)
            return False
        self.cut += 1
        return True


@contextlib.contextmanager
def _going_on(application_id: str) -> Iterator[None]:
    """Have what fails for one application tried again later, and not hold up all others."""
    try:
        yield
    except (DroverError, NatsError, OSError) as error:
        reason = str(error) or type(error).__name__
        _LOG.warning("mqtt.waits", application=application_id, error=reason)


class _Server(Struct):
    id: str


class _Device(Struct):
    id: int
    start: str
    user: str = ""
    client_type: str = ""
    host: str = ""
    stop: str = ""


class _Moved(Struct, frozen=True):
    msgs: int = 0


class _Event(Struct):
    """What the broker tells of a connection; the rest is passed over."""

    server: _Server
    client: _Device
    reason: str = ""
    received: _Moved = _Moved()
    sent: _Moved = _Moved()


def _queue_of(topic_filter: str) -> str:
    """Return a name for the servers that listen with one filter; it holds no odd character."""
    return _QUEUE_OF.format(filter=hashlib.sha256(topic_filter.encode()).hexdigest()[:32])


def _is_kept(message: Msg) -> bool:
    """Tell whether a message is in its application's stream as well: one at QoS 1."""
    return (message.headers or {}).get(PUBLISHED) == AT_LEAST_ONCE


def _relay_of(message: Msg) -> Relay | None:
    """Return who published a message: a server in somebody's name, or a device where it is told."""
    told = relay_of(message)
    if told is not None:
        return told
    device_id = speaker_of(message.headers)
    return None if device_id is None else Relay(device_id, "device")


def _event_in(payload: bytes) -> _Event | None:
    """Return the event, if it is about a device's connection."""
    try:
        event = msgspec.json.decode(payload, type=_Event)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        _LOG.warning("mqtt.not_understood")
        return None
    named = event.client.user.count(".") == len(("application", "device", "key")) - 1
    return event if named and event.client.client_type == "mqtt" else None


def _connection(event: _Event) -> Connection:
    client = event.client
    application_id, device_id, key_id = client.user.split(".")
    return Connection(
        application_id=application_id,
        device_id=device_id,
        server=event.server.id,
        number=client.id,
        address=client.host,
        began_ms=to_ms(client.start),
        key_id=key_id,
    )


def _parting(event: _Event) -> Parting:
    return Parting(
        ended_ms=to_ms(event.client.stop),
        reason=event.reason,
        # The broker counts from the device's side.
        messages_from=event.sent.msgs,
        messages_to=event.received.msgs,
    )
