"""Persistent sessions are not given: who asks for one is cut off.

The broker cannot be told to refuse them, and its question whether a device may connect does not
tell what kind of session it asks for. But it writes each session down when it begins, as a message
that can be listened to. Losant-compatible behaviour, section 6.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from nats.errors import Error as NatsError

from drover.mqtt import tap
from drover.mqtt.flushing import flush

if TYPE_CHECKING:
    from nats.aio.client import Client

    from drover.mqtt.connections import Connections

WRITTEN_DOWN: Final = "$MQTT.sess.>"
"""Where the broker writes sessions down, in each application's account."""

QUEUE: Final = "drover"
TOLD_EVERY: Final = 1000
"""Of so many that are cut off one is logged; all are counted."""

_CLEAN: Final = b'"clean":true'
_LOG = structlog.get_logger("drover.mqtt")


class Sessions:
    """Looks at the sessions of applications, together with any number of other servers."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._tasks: set[asyncio.Task[None]] = set()
        self.refused = 0
        """Devices cut off because they asked for a persistent session."""

    async def watch(self, application_id: str, client: Client) -> None:
        """Look at sessions of an application from now on, over a connection nobody uses yet."""

        # Each device that connects has its session written down, so this is read as fast as can be.
        def take(_subject: bytes, _reply: bytes, _headers: bytes, session: bytes) -> None:
            if _CLEAN not in session:
                device_id = str(msgspec.json.decode(session)["id"])
                task = asyncio.create_task(self._refuse(application_id, device_id))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        await tap.install(client, {WRITTEN_DOWN: take}, QUEUE)
        await flush(client)

    async def _refuse(self, application_id: str, device_id: str) -> None:
        self.refused += 1
        if self.refused % TOLD_EVERY == 1:
            _LOG.info("mqtt.persistent_session", device=device_id, so_far=self.refused)
        try:
            await self._connections.end_those_of(application_id, mqtt_client=device_id)
        except (NatsError, OSError) as error:  # the broker is gone, and the session with it
            _LOG.warning("mqtt.waits", error=str(error) or type(error).__name__)
