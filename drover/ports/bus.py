"""Live messages between devices, servers and people watching: hints, never the only copy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol

from drover.model.errors import Unavailable

MOST_MESSAGE_BYTES: Final = 262_144
"""Of what is published together, with who published it: no larger message is taken anywhere."""


class Relay(NamedTuple):
    """Who published a message, where that is known; ``depth`` counts workflows in a chain."""

    id: str
    type: str
    depth: int = 0


class Message(NamedTuple):
    """What was published on a topic of one application."""

    application_id: str
    topic: str
    payload: bytes
    relay: Relay | None = None


Sink = Callable[[Message], None]
"""Takes a message; must not wait, and must not raise."""

Leave = Callable[[], Awaitable[None]]
"""Ends a subscription. Safe to call twice."""


class Bus(Protocol):
    """Takes messages of an application to whoever listens, on this server or another.

    Topics that begin with ``$`` are between servers: no device or person hears them.
    """

    @property
    def ready(self) -> bool:
        """Whether messages are taken anywhere now."""
        ...

    def publish(self, message: Message) -> None:
        """Hand a message to all who listen now; nobody else will get it."""
        ...

    async def room(self) -> None:
        """Wait, for a moment at most, until messages published before are on their way.

        Who publishes many waits so in between: what is too much at once is dropped.
        """
        ...

    async def subscribe(self, application_id: str, topic_filter: str, sink: Sink) -> Leave:
        """Listen from now on; returns what ends it. Raises Unavailable."""
        ...


class Silence:
    """A bus on which nobody listens: for servers without live messages."""

    ready = False

    def publish(self, message: Message) -> None:
        """Drop it."""

    async def room(self) -> None:
        """Go on: nothing is on its way."""

    async def subscribe(self, _application_id: str, _topic_filter: str, _sink: Sink) -> Leave:
        """Refuse: nothing would ever come."""
        raise Unavailable("This server has no broker for live messages")
