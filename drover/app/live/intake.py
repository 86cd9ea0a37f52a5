"""Takes what the broker brings; see ``drover.ports.door.Intake``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.app.live.inbox import SaidOn, SaidState
from drover.app.live.topic_triggers import MQTT_TRIGGER
from drover.kinds.application import KIND as APPLICATION
from drover.model.topics import free_roots, state_topic
from drover.ports.door import Revoked, Waited
from drover.ports.jobs import Place

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from drover.app.live.inbox import Inbox
    from drover.app.live.pace import Pace
    from drover.app.live.presence import PresenceBook
    from drover.ports.access import Revisions
    from drover.ports.bus import Message
    from drover.ports.door import Connection, Done, Missed, Parting
    from drover.ports.store import Session, Store


LOOKS: Final = 40
"""How often it is looked for revoked connections after access changed."""

_AT_A_TIME: Final = 1000


class LiveIntake:
    """Puts state and messages into the inbox, comings and goings into the book."""

    def __init__(
        self, store: Store, revisions: Revisions, inbox: Inbox, book: PresenceBook, pace: Pace
    ) -> None:
        self._pace = pace
        self._store = store
        self._revisions = revisions
        self._seen_revision = -1
        self._looks = 0
        self._inbox = inbox
        self._book = book

    @property
    def has_room(self) -> bool:
        """Whether more state may be handed over."""
        return self._inbox.has_room

    def state(
        self, application_id: str, device_id: str, payload: bytes, arrived_ms: int, done: Done
    ) -> None:
        """Take what a device reports, which came when; ``done`` is called once it is stored."""
        self._inbox.put(SaidState(application_id, device_id, payload, done, arrived_ms))

    def spoke(self, device_id: str, speaker: str) -> None:
        """Count what is reported for a device against who reports it."""
        self._pace.said(state_topic(device_id), speaker)

    def message(self, topic_filter: str, message: Message) -> None:
        """Take a message that workflows wait for."""
        relay = message.relay
        if relay is not None and relay.type == "device":
            topic = f"{message.application_id}/{message.topic}"
            self._pace.said(topic, relay.id, heard_by=topic_filter)
        self._inbox.offer(SaidOn((topic_filter,), message))

    def heard(self, filters: Sequence[str], message: Message, place: str, done: Done) -> None:
        """Take a message that comes again until it is stored.

        Who says too much is counted as it passes: what has waited counts against nobody.
        """
        self._inbox.put(SaidOn(filters, message, Place(message.application_id, place), done))

    def spoke_on(self, application_id: str, topic: str, speaker: str) -> None:
        """Count a message on a free topic against who published it."""
        self._pace.said(f"{application_id}/{topic}", speaker)

    def came(self, connection: Connection) -> None:
        """Note that a device is connected."""
        self._book.came(connection)

    def went(self, connection: Connection, parting: Parting) -> None:
        """Note that a device is connected no longer."""
        self._book.went(connection, parting)

    async def missed(self, server: str, there: Sequence[Connection]) -> Missed:
        """Return connections that are there and not noted, and those noted and not there."""
        return await self._book.missed(server, there)

    async def servers(self, alive: Sequence[str]) -> None:
        """Note which brokers are there: devices of others are connected no longer."""
        await self._book.servers(alive)

    async def revoked(self, known: Collection[str]) -> Revoked:
        """Return what has lost its right to be there, for good or for a while.

        Looked for only for a while after access changed, or somebody spoke too often: those that
        come meanwhile are refused, but one that was let in just before is noted a moment later.
        While there are more than are returned at a time it is not over.
        """
        leaving = self._pace.leaving()
        revision = await self._revisions.current()
        if revision != self._seen_revision:
            self._seen_revision, self._looks = revision, LOOKS
        sent_away = await self._sent_away(leaving) if leaving else []
        if not self._looks:
            return Revoked(sent_away)
        self._looks -= 1

        async def look(session: Session) -> Revoked:
            connections = await session.presence.revoked(_AT_A_TIME)
            if len(connections) == _AT_A_TIME:
                self._looks = LOOKS
            gone = await session.resources.absent(APPLICATION, "", sorted(known))
            return Revoked([*sent_away, *connections], gone)

        return await self._store.read(look)

    async def _sent_away(self, leaving: Sequence[str]) -> list[tuple[str, str]]:
        """Return the connections of devices that are to leave."""
        found = await self._store.read(
            lambda session: session.presence.connections_of(leaving, _AT_A_TIME)
        )
        return list(found)

    async def roots(self, application_id: str) -> frozenset[str]:
        """Return the first levels of topics that workflows of an application wait for."""

        async def look(session: Session) -> Sequence[str]:
            return await session.flows.keys(application_id, MQTT_TRIGGER)

        return free_roots(await self._store.read(look))

    async def waited_for(self) -> Sequence[Waited]:
        """Return all filters that workflows wait for."""

        async def look(session: Session) -> Sequence[tuple[str, str]]:
            return await session.flows.all_keys(MQTT_TRIGGER)

        return [Waited(*each) for each in await self._store.read(look)]
