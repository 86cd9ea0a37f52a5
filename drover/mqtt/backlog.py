"""State that waits in the broker's stream, and what is done before there is no room for more.

The broker acknowledges a report whether its stream has room or not. So devices are sent away while
the stream is nearly full: who is not connected is not told that a report was taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from drover.mqtt.accounts import PLATFORM
from drover.mqtt.repeating import Repeating
from drover.mqtt.state_feed import STREAM

if TYPE_CHECKING:
    from drover.mqtt.connections import Connections
    from drover.mqtt.link import Link
    from drover.mqtt.soundness import Soundness

FULL: Final = 0.9
ROOM_AGAIN: Final = 0.7
"""Shares of the stream from which on devices are sent away, and let in again."""

LOOK_S: Final = 0.5
_LOG = structlog.get_logger("drover.mqtt")


class Backlog:
    """Watches how much state waits."""

    def __init__(self, link: Link, connections: Connections, most_bytes: int) -> None:
        self._link = link
        self._connections = connections
        self._most_bytes = most_bytes
        self._too_much = False
        self.soundness: Soundness | None = None
        """Of a broker of this machine: whether it can keep anything."""
        self._watching = Repeating()
        self.stop = self._watching.stop
        self.waiting_bytes = 0
        """What waited when it was last looked."""

    @property
    def full(self) -> bool:
        """Whether devices are sent away."""
        return self._too_much or (self.soundness is not None and not self.soundness.keeps)

    def start(self) -> None:
        """Begin to watch."""
        self._watching.start(self.look, LOOK_S)

    async def look(self) -> None:
        """See how much waits, and send devices away when it is too much.

        Raises NatsError, OSError.
        """
        if self.soundness is not None:
            await self.soundness.look()
        try:
            streams = (await self._link.client(PLATFORM)).jetstream()
            self.note((await streams.stream_info(STREAM)).state.bytes)
        finally:  # a broker that cannot write may not answer either
            if self.full:
                for application_id in self._link.known:
                    await self._connections.end_those_of(application_id)

    def note(self, waiting_bytes: int) -> None:
        """Take how much waits."""
        self.waiting_bytes = waiting_bytes
        share = waiting_bytes / self._most_bytes
        too_much = share >= (ROOM_AGAIN if self._too_much else FULL)
        if too_much != self._too_much:
            event = "mqtt.full" if too_much else "mqtt.room_again"
            _LOG.warning(event, waiting_bytes=waiting_bytes)
        self._too_much = too_much
