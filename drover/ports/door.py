"""What the broker's side asks of the server: who may connect, and where what they say goes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from drover.model.errors import DroverError
    from drover.ports.bus import Message

Done = Callable[[], None]
"""Called once a message is stored, or there was nothing to store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who wants to connect: what they call themselves, and from where."""

    client_id: str
    username: str
    password: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A device that may connect, and the topics (as filters) that it may use."""

    application_id: str
    device_id: str
    key_id: str
    may_publish: Sequence[str]
    may_subscribe: Sequence[str]
    not_publish: Sequence[str] = ()
    not_subscribe: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A device's connection to the broker: ``server`` and ``number`` name it there."""

    application_id: str
    device_id: str
    server: str
    number: int
    address: str
    began_ms: int
    key_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """How a connection ended.

    ``heard`` is not set where no broker told of it: it counts only where it is news then.
    """

    ended_ms: int
    reason: str
    messages_from: int
    messages_to: int
    heard: bool = True


class Missed(NamedTuple):
    """Connections of which a broker lists others than are noted: newer ones, and fewer."""

    came: Sequence[Connection]
    went: Sequence[Connection]


class Waited(NamedTuple):
    """A filter that workflows of an application wait for messages on."""

    application_id: str
    topic_filter: str


class Revoked(NamedTuple):
    """What is to be cut off: connections by broker and number there, and whole applications."""

    connections: Sequence[tuple[str, str]] = ()
    applications: Sequence[str] = ()


class Door(Protocol):
    """Decides about devices that want to connect."""

    async def admit_all(self, visitors: Sequence[Visitor]) -> Sequence[Admitted | DroverError]:
        """Return for each the device with its rights, or why it may not: Unauthorized, TooMany.

        Raises Unavailable where nobody can be looked at.
        """
        ...


class Intake(Protocol):
    """Takes what comes from devices."""

    @property
    def has_room(self) -> bool:
        """Whether more state may be handed over; what waits to be stored has bounds."""
        ...

    def state(
        self, application_id: str, device_id: str, payload: bytes, arrived_ms: int, done: Done
    ) -> None:
        """Take what a device reports, which came when; ``done`` is called once it is stored."""
        ...

    def spoke(self, device_id: str, speaker: str) -> None:
        """Note who reports for a device: itself or its gateway."""
        ...

    def message(self, topic_filter: str, message: Message) -> None:
        """Take a message that workflows wait for."""
        ...

    def heard(self, filters: Sequence[str], message: Message, place: str, done: Done) -> None:
        """Take a message that workflows wait for with these filters.

        It comes again until ``done`` is called, and counts once: ``place`` names it among those of
        its application.
        """
        ...

    def spoke_on(self, application_id: str, topic: str, speaker: str) -> None:
        """Note who published a message that is, or was, taken otherwise."""
        ...

    def came(self, connection: Connection) -> None:
        """Note that a device is connected."""
        ...

    def went(self, connection: Connection, parting: Parting) -> None:
        """Note that a device is connected no longer."""
        ...

    async def missed(self, server: str, there: Sequence[Connection]) -> Missed:
        """Tell how those that are there at a broker differ from those that are noted.

        Some came and are newer than what is noted of their devices; others are noted, and not
        there.
        """
        ...

    async def servers(self, alive: Sequence[str]) -> None:
        """Note which brokers are there: devices of others are connected no longer."""
        ...

    async def revoked(self, known: Collection[str]) -> Revoked:
        """Return what has lost its right to be there, of the applications ``known`` to brokers."""
        ...

    async def waited_for(self) -> Sequence[Waited]:
        """Return all filters that workflows wait for."""
        ...
