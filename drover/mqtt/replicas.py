"""Streams that fewer brokers keep than should, because one was away when they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from nats.errors import Error as NatsError

from drover.mqtt.repeating import Repeating
from drover.mqtt.streams import keep, lacks_keepers

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.api import StreamConfig, StreamInfo

LOOK_S: Final = 5.0
"""How often it is looked whether there is a third broker."""

_LOG = structlog.get_logger("drover.mqtt")


class Replicas:
    """Has streams kept by three brokers as soon as there are so many.

    Each is looked at by every server that has it made: whoever comes second finds it done.
    """

    def __init__(self) -> None:
        self._lacking: dict[tuple[Client, str], StreamConfig] = {}
        self._looking = Repeating()
        self.stop = self._looking.stop

    def start(self) -> None:
        """Begin to look."""
        self._looking.start(self.look, LOOK_S)

    async def have(self, client: Client, wanted: StreamConfig) -> StreamInfo:
        """Have a stream in the account of a connection, on as many brokers as can.

        Raises NatsError.
        """
        found = await keep(client.jetstream(), wanted)
        before = self._lacking.pop((client, str(wanted.name)), None)
        if lacks_keepers(found):
            self._lacking[client, str(wanted.name)] = wanted
        if lacks_keepers(found) != (before is not None):
            keepers = found.config.num_replicas
            _LOG.warning("mqtt.keepers", stream=wanted.name, brokers=keepers)
        return found

    async def look(self) -> None:
        """Have streams that lack a broker kept by one more, until there is none for one of them.

        That one is tried last the next time: others may find what it does not.
        """
        for (client, name), wanted in list(self._lacking.items()):
            if client.is_closed:  # its application is gone
                del self._lacking[client, name]
                continue
            try:
                found = await self.have(client, wanted)
            except (NatsError, OSError) as error:
                _LOG.warning("mqtt.waits", stream=name, error=str(error) or type(error).__name__)
                continue
            if lacks_keepers(found):
                return
