"""Takes what the broker brings; see ``drover.ports.door.Intake``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.live.inbox import SaidOn, SaidState
from drover.app.live.topic_triggers import MQTT_TRIGGER
from drover.ports.door import Waited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.app.live.inbox import Inbox
    from drover.app.live.presence import PresenceBook
    from drover.ports.bus import Message
    from drover.ports.door import Connection, Done, Parting
    from drover.ports.store import Session, Store


class LiveIntake:
    """Puts state and messages into the inbox, comings and goings into the book."""

    def __init__(self, store: Store, inbox: Inbox, book: PresenceBook) -> None:
        self._store = store
        self._inbox = inbox
        self._book = book

    @property
    def has_room(self) -> bool:
        """Whether more state may be handed over."""
        return self._inbox.has_room

    def state(self, application_id: str, device_id: str, payload: bytes, done: Done) -> None:
        """Take what a device reports; ``done`` is called once it is stored."""
        self._inbox.put(SaidState(application_id, device_id, payload, done))

    def message(self, topic_filter: str, message: Message) -> None:
        """Take a message that workflows wait for."""
        self._inbox.offer(SaidOn(topic_filter, message))

    def came(self, connection: Connection) -> None:
        """Note that a device is connected."""
        self._book.came(connection)

    def went(self, connection: Connection, parting: Parting) -> None:
        """Note that a device is connected no longer."""
        self._book.went(connection, parting)

    async def servers(self, alive: Sequence[str]) -> None:
        """Note which brokers are there: devices of others are connected no longer."""
        await self._book.servers(alive)

    async def waited_for(self) -> Sequence[Waited]:
        """Return all filters that workflows wait for."""

        async def look(session: Session) -> Sequence[tuple[str, str]]:
            return await session.flows.all_keys(MQTT_TRIGGER)

        return [Waited(*each) for each in await self._store.read(look)]
