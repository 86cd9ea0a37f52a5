"""Connections to the broker: one to each of the server's accounts, and to applications in use."""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
import nats
import structlog
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError

from drover.model.errors import Unavailable
from drover.mqtt.accounts import CALLOUT, OWN_ACCOUNTS, PLATFORM, SYSTEM
from drover.mqtt.flushing import flush
from drover.mqtt.repeating import end_all
from drover.mqtt.roster import accounts_at, name_of
from drover.mqtt.streams import OF_DEVICES, keep, remove_all
from drover.mqtt.subjects import subjects_of, to_subject, to_topic
from drover.mqtt.subscriptions import end, subscribe
from drover.ports.bus import Message, Relay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription
    from nats.js.api import StreamInfo

    from drover.mqtt.accounts import Keyring
    from drover.ports.bus import Leave, Sink

    Greet = Callable[[str, Client], Awaitable[None]]
    """Is given an application's id, and the connection to its account."""

    Prepared = Callable[[str, Client, StreamInfo], Awaitable[None]]
    """Is given an application's id, the connection to its account and its stream of messages."""

RELAY: Final = "Drover-Relay"
"""The header that tells who published, where it was no device."""

RELAYED: Final = f"\r\n{RELAY}:".encode()
"""What is among the headers of such a message, which no device can write."""

MOST_LEAVING: Final = 10_000
"""Messages that wait to be sent; with more, while the broker is away, later ones are dropped."""

ROOM_S: Final = 5.0
"""How long who publishes many waits at most until half of that is free."""

PENDING_BYTES: Final = 16_777_216
REQUEST_S: Final = 10.0
LOOKING_S: Final = 1.0
"""How long it is looked whether streams are there that were there before."""
QUIET_S: Final = 10.0
"""How long nothing more is logged of connections that fail."""

_UPDATE: Final = "$SYS.REQ.CLAIMS.UPDATE"
_DELETE: Final = "$SYS.REQ.CLAIMS.DELETE"
_OF_THE_BROKER: Final = ("$", "_INBOX.", "_R_.")
"""How subjects begin on which the broker, and the server with it, do their own work."""

_LIVE: Final = "live.{application}.{subject}"
_LOG = structlog.get_logger("drover.mqtt")
_FAILURES: Final = (NatsError, OSError, TimeoutError)


class _Refused(Unavailable):
    """The broker is there, and does not take an account as it is."""


class Link:
    """The bus over a broker; see ``drover.ports.bus.Bus``. It is silent until it is opened."""

    def __init__(self) -> None:
        self._keys: Keyring
        self._servers: list[str] = []
        self._clients: dict[str, Client] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._known: set[str] = set()
        self._told: set[str] = set()
        """Applications that the broker has, or may have: to be forgotten once they are gone."""
        self._gone: set[str] = set()
        self._complete: set[str] = set()
        self._making: dict[str, asyncio.Task[bool]] = {}
        self._heard: dict[str, frozenset[str]] = {}
        self._leaving: asyncio.Queue[Message] = asyncio.Queue(MOST_LEAVING)
        self._has_room = asyncio.Event()
        self._pumping: asyncio.Task[None] | None = None
        self.greet: Greet | None = None
        """Is given each connection to an application's account before anybody uses it.

        It may have it read in another way.
        """
        self._prepared: Prepared | None = None
        self.decides_again: Callable[[], Awaitable[None]] | None = None
        """Is called when the broker can ask about devices again after it could not."""
        self.roots: Callable[[str], Awaitable[frozenset[str]]] | None = None
        """Tells which first levels of topics workflows of an application wait for."""
        self._failures = 0
        self.failure = ""
        """Why the newest connection failed."""
        self._quiet_until_s = 0.0
        self.dropped = 0
        """Messages that were dropped because too many waited to be sent."""
        self.not_sent = 0
        """Messages that the broker did not take, or that were too large for it."""

    @property
    def listens(self) -> bool:
        """Whether what devices say is heard: not while the connection for that is away."""
        platform = self._clients.get(PLATFORM)
        return platform is not None and platform.is_connected

    @property
    def ready(self) -> bool:
        """Whether it is open."""
        return self._pumping is not None

    async def open(self, keys: Keyring, servers: Sequence[str]) -> None:
        """Connect; raises OSError and NatsError when no broker answers."""
        self._keys, self._servers = keys, list(servers)
        await self.client(PLATFORM)
        await self._tell_of_platform()
        self._pumping = asyncio.create_task(self._pump())

    async def close(self) -> None:
        """End all connections. Safe to call twice, and when it is not open."""
        pumping, self._pumping = self._pumping, None
        tasks = [*self._making.values(), *([] if pumping is None else [pumping])]
        await end_all(tasks)
        clients, self._clients = self._clients, {}
        await asyncio.gather(*(each.close() for each in clients.values()), return_exceptions=True)

    async def client(self, account: str) -> Client:
        """Return the connection to an account: one of the server's own, or an application's."""
        if found := self._clients.get(account):
            return found
        async with self._opening.setdefault(account, asyncio.Lock()):
            if found := self._clients.get(account):
                return found
            opened = await self._connected(account)
            if account not in OWN_ACCOUNTS and self.greet is not None:
                await self._greet(self.greet, account, opened)
            self._clients[account] = opened
            return opened

    async def _greet(self, greet: Greet, application_id: str, opened: Client) -> None:
        """Have a connection read as it shall be, before anybody else uses it."""
        try:
            await greet(application_id, opened)
        except BaseException:
            await opened.close()
            raise

    async def open_another(self, account: str) -> Client:
        """Return a connection of its own to an account, which the caller closes.

        Raises OSError and NatsError when no broker answers.
        """
        return await self._connected(account)

    async def application(self, application_id: str) -> Client:
        """Return the connection to an application's account, which is made known before."""
        await self.ensure(application_id)
        return await self.client(application_id)

    async def ensure(self, application_id: str) -> None:
        """Make an application's account known to the broker; no connection of others is touched.

        It is done once for all who need it at the same time, who share its failure as well. Raises
        Unavailable, and at once for one that is gone: the broker lets nobody into it any more.
        """
        if application_id in self._gone:
            raise Unavailable("The application is gone")
        while application_id not in self._known:
            making = self._making.get(application_id)
            if making is None:
                making = asyncio.create_task(self._make(application_id))
                self._making[application_id] = making
            # one who waits no longer does not end it for others
            if not await asyncio.shield(making):
                return

    def prepare_with(self, prepared: Prepared | None) -> None:
        """Have applications prepared by somebody else as well, also those that are known already.

        That is done before this server lets in a device of them.
        """
        self._prepared = prepared
        self._known.clear()
        self._complete.clear()
        self._making.clear()

    async def _make(self, application_id: str) -> bool:
        """Make an application known and count it as that, unless the broker may have lost it.

        Both are done in one: who found this done, and the application not known, would ask again
        and again without a pause in between. Tells whether all of it was looked at.
        """
        counts = looked = False
        try:
            looked = await self._make_known(application_id)
        finally:
            if self._making.get(application_id) is asyncio.current_task():
                del self._making[application_id]
                counts = looked
        if counts:
            self._known.add(application_id)
        return looked

    async def _make_known(self, application_id: str) -> bool:
        """Make an account known, and tell whether it was looked at all that belongs to it."""
        roots = await self._roots(application_id)
        await self._declare(application_id, roots)
        looked = await self._provide(application_id)
        if (now := await self._roots(application_id)) != roots:
            await self._declare(application_id, now)  # it may be another server's, told before
        return looked

    async def _provide(self, application_id: str) -> bool:
        """Make what belongs to an application; False where it was there before, and nobody tells.

        Brokers of a cluster that lost one of them say nothing of streams for some seconds. Devices
        that were there are let in meanwhile.
        """
        if application_id not in self._complete:
            await self._prepare(application_id)
            self._complete.add(application_id)
            return True
        try:
            async with asyncio.timeout(LOOKING_S):
                await self._prepare(application_id)
        except (Unavailable, TimeoutError):
            return False
        return True

    def hears(self, application_id: str, root: str | None) -> bool:
        """Tell whether messages on topics with this first level are brought to the platform."""
        return root in self._heard.get(application_id, ())

    async def hear(self, application_id: str, roots: frozenset[str]) -> None:
        """Have messages on topics with these first levels, and no others, brought to the platform.

        There they come with who published them. Where the broker refuses these levels, none are
        brought. Raises Unavailable.
        """
        await self.ensure(application_id)
        if self._heard.get(application_id) != roots:
            await self._declare(application_id, roots)

    async def _roots(self, application_id: str) -> frozenset[str]:
        return frozenset() if self.roots is None else await self.roots(application_id)

    async def _declare(self, application_id: str, roots: frozenset[str]) -> None:
        """Make an account known; without the levels where the broker does not take those."""
        self._told.add(application_id)
        try:
            await self._update(self._keys.application_claims(application_id, roots))
        except _Refused as error:
            if not roots:
                raise
            _LOG.warning("mqtt.refused", application=application_id, error=error.message)
            roots = frozenset()
            await self._update(self._keys.application_claims(application_id, roots))
        self._heard[application_id] = roots

    async def _tell_of_platform(self) -> None:
        """Make known what the platform takes: a broker run elsewhere may know it from before."""
        try:
            await self._update(self._keys.platform_claims())
        except Unavailable as error:
            _LOG.warning("mqtt.waits", error=error.message)

    async def _update(self, claims: str) -> None:
        system = await self.client(SYSTEM)
        try:
            answer = await system.request(_UPDATE, claims.encode(), timeout=REQUEST_S)
        except MaxPayloadError as error:
            raise _Refused("The broker takes no account of this size") from error
        except _FAILURES as error:
            raise Unavailable("The broker does not answer") from error
        told = msgspec.json.decode(answer.data)
        if "error" in told:
            raise _Refused(f"The broker refused an account: {told['error']}")

    def account(self, application_id: str) -> str:
        """Return the name by which brokers know an application."""
        return self._keys.account(application_id).public

    @property
    def known(self) -> Collection[str]:
        """Applications whose accounts this server made known."""
        return tuple(self._known)

    @property
    def told(self) -> Collection[str]:
        """Applications that the broker has, also from before, and was not told to forget."""
        return tuple(self._told)

    async def recall(self) -> None:
        """Learn which applications the broker has from before; raises NatsError, TimeoutError."""
        system = await self.client(SYSTEM)
        own = {self.account(each) for each in OWN_ACCOUNTS}
        for account in await accounts_at(system):
            if account not in own and (application_id := await name_of(system, account)):
                self._told.add(application_id)

    async def _prepare(self, application_id: str) -> None:
        """Make the streams of an application's devices, before the first of them connects."""
        try:
            async with asyncio.timeout(REQUEST_S):  # a client tries for ever where it is refused
                client = await self.client(application_id)
            streams = client.jetstream()
            *_, messages = [await keep(streams, each) for each in OF_DEVICES]
            if self._prepared is not None:
                await self._prepared(application_id, client, messages)
        except _FAILURES as error:
            raise Unavailable("The broker does not answer") from error

    async def forget(self, application_id: str) -> None:
        """Have the broker forget an application's account, which ends all its connections.

        It is for good: who says something in it later is not waited for.
        """
        self._gone.add(application_id)
        self._known.discard(application_id)
        self._complete.discard(application_id)
        self._making.pop(application_id, None)
        self._heard.pop(application_id, None)
        await self._empty(application_id)
        self._opening.pop(application_id, None)
        system = await self.client(SYSTEM)
        claims = self._keys.farewell_claims(application_id)
        await system.request(_DELETE, claims.encode(), timeout=REQUEST_S)
        self._told.discard(application_id)

    async def _empty(self, application_id: str) -> None:
        """Take away an account's streams; not where another server has had it forgotten."""
        client = self._clients.pop(application_id, None)
        system = await self.client(SYSTEM)
        try:
            async with asyncio.timeout(REQUEST_S):  # a client tries for ever where it is refused
                if client is None and await name_of(system, self.account(application_id)):
                    client = await self._connected(application_id)
                if client is not None:
                    await remove_all(client)
        except _FAILURES as error:
            reason = str(error) or type(error).__name__
            _LOG.warning("mqtt.streams_left", application=application_id, error=reason)
        finally:
            if client is not None:
                await client.close()

    def publish(self, message: Message) -> None:
        """Hand a message to all who listen now."""
        if not self.ready:
            return
        try:
            self._leaving.put_nowait(message)
        except asyncio.QueueFull:
            if not self.dropped:
                _LOG.warning("mqtt.dropped", topic=message.topic, waiting=MOST_LEAVING)
            self.dropped += 1

    async def room(self) -> None:
        """Wait, for a moment at most, until messages published before are on their way."""
        if self._is_half_empty():
            return
        self._has_room.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(ROOM_S):
                await self._has_room.wait()

    def _is_half_empty(self) -> bool:
        return self._leaving.qsize() <= self._leaving.maxsize // 2

    async def subscribe(self, application_id: str, topic_filter: str, sink: Sink) -> Leave:
        """Listen from now on; raises Unavailable."""
        if not self.ready:
            raise Unavailable("This server has no broker for live messages")

        async def take(message: Msg) -> None:
            sink(_message(application_id, message))

        async def take_live(message: Msg) -> None:
            sink(Message(application_id, topic_filter, message.data))

        try:
            if topic_filter.startswith("$"):
                subject = _live_subject(application_id, topic_filter)
                found = [await (await self.client(PLATFORM)).subscribe(subject, cb=take_live)]
                await flush(self._clients[PLATFORM])
            else:
                found = await self.listen(application_id, topic_filter, take)
        except _FAILURES as error:
            raise Unavailable("The broker does not answer") from error
        return lambda: end(found)

    async def listen(
        self,
        application_id: str,
        topic_filter: str,
        take: Callable[[Msg], Awaitable[None]],
        queue: str = "",
    ) -> list[Subscription]:
        """Subscribe in an application's account; with a queue, one server gets each message.

        What the broker says there to itself, as only filters that begin with a wildcard fit, is no
        message.
        """

        async def take_messages(message: Msg) -> None:
            if not message.subject.startswith(_OF_THE_BROKER):
                await take(message)

        client = await self.application(application_id)
        return await subscribe(client, subjects_of(topic_filter), take_messages, queue)

    async def _connected(self, account: str) -> Client:
        user = self._keys.user(account)
        return await nats.connect(
            self._servers,
            name=f"drover {account}",
            user_jwt_cb=lambda: bytearray(self._keys.user_claims(account).encode()),
            signature_cb=lambda nonce: base64.b64encode(user.pair.sign(nonce.encode())),
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.2,
            ping_interval=20,
            pending_size=PENDING_BYTES,
            reconnected_cb=partial(self._again, account),
            error_cb=self._failed,
        )

    async def _failed(self, error: Exception) -> None:
        """Log why connections fail: with a broker away each does so several times a second."""
        self._failures += 1
        self.failure = str(error) or type(error).__name__
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + QUIET_S
            _LOG.warning("mqtt.broker", error=self.failure, so_far=self._failures)

    async def _again(self, account: str) -> None:
        """Forget what the broker was told: it may be another one, or have lost it.

        An application's connection says so of that application alone: those of hundreds come back
        one after the other, and each would have all others made known once more.
        """
        if account not in OWN_ACCOUNTS:
            self._known.discard(account)
            self._making.pop(account, None)
            return
        self._known.clear()
        self._making.clear()
        if account == PLATFORM:
            await self._tell_of_platform()
        if account == CALLOUT and self.decides_again is not None:
            await self.decides_again()

    async def _pump(self) -> None:
        while True:
            message = await self._leaving.get()
            if self._is_half_empty():
                self._has_room.set()
            try:
                await self._send(message)
            except (Unavailable, *_FAILURES) as error:
                self.not_sent += 1
                _LOG.warning("mqtt.not_sent", topic=message.topic, error=str(error))

    async def _send(self, message: Message) -> None:
        if message.topic.startswith("$"):
            subject = _live_subject(message.application_id, message.topic)
            await self._clients[PLATFORM].publish(subject, message.payload)
            return
        headers: dict[str, Any] | None = None
        if message.relay is not None:
            headers = {RELAY: msgspec.json.encode(message.relay).decode()}
        client = await self.application(message.application_id)
        await client.publish(to_subject(message.topic), message.payload, headers=headers)


def relay_of(message: Msg) -> Relay | None:
    """Return who published a message, None for a device."""
    told = (message.headers or {}).get(RELAY)
    return None if told is None else msgspec.json.decode(told, type=Relay)


def _message(application_id: str, message: Msg) -> Message:
    return Message(application_id, to_topic(message.subject), message.data, relay_of(message))


def _live_subject(application_id: str, topic: str) -> str:
    return _LIVE.format(application=application_id, subject=to_subject(topic.removeprefix("$")))
