"""Hints between servers that share a PostgreSQL: something was stored that others may wait for.

One connection of its own listens and tells. A hint is no promise: what is stored is found without
it at the next look, so one that is lost (the connection breaks, a server ends) costs only time.

It is told after the commit, not within: PostgreSQL lets one transaction that notifies commit at a
time, and would so undo the group commit of all others.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import structlog

from drover.store.postgres_transaction import FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHANNEL: Final = "drover_hints"
"""The channel of ``NOTIFY``; the payload is the topic."""

REST_S: Final = 0.02
"""What comes within so long after a hint is told together."""

PROOF_S: Final = 20.0
"""How often it is made sure that the connection lives."""

LONGEST_PAUSE_S: Final = 10.0
"""After so long at most a broken connection is made anew."""

_FIRST_PAUSE_S: Final = 0.2
_COMMAND_S: Final = 10.0
_NOTIFY: Final = "SELECT pg_notify($1, topic) FROM unnest($2::text[]) AS topic"
_LOG: Final = structlog.get_logger("drover.store")


class PostgresHints:
    """Tells other servers of topics and hears what they tell; ``run`` goes on until cancelled."""

    def __init__(self, url: str, topics: Mapping[str, Callable[[], None]]) -> None:
        """Use the database at ``url``; ``topics`` are called when others tell of them."""
        self._url = url
        self._topics = topics
        self._told: set[str] = set()
        self._wanted = asyncio.Event()
        self.listening = asyncio.Event()
        """Set while hints are heard."""

    def tell(self, topic: str) -> None:
        """Tell other servers soon; raises nothing."""
        self._told.add(topic)
        self._wanted.set()

    async def run(self) -> None:
        """Listen and tell; make the connection anew whenever it breaks."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self._serve()
            except (*FAILURES, TimeoutError) as error:
                _LOG.warning("hints_lost", error=str(error) or type(error).__name__)
            if self.listening.is_set():
                self.listening.clear()
                pause_s = _FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _serve(self) -> None:
        connection = await asyncpg.connect(
            self._url,
            timeout=_COMMAND_S,
            command_timeout=_COMMAND_S,
            server_settings={"application_name": "drover hints"},
        )
        try:
            connection.add_termination_listener(lambda _: self._wanted.set())
            await connection.add_listener(CHANNEL, self._hear)
            self.listening.set()
            for hear in self._topics.values():
                hear()  # what was told while nobody listened
            while not connection.is_closed():
                await self._tell(connection)
        finally:
            connection.terminate()

    async def _tell(self, connection: Any) -> None:
        """Tell what there is to tell, once there is something or the connection is to be proved."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PROOF_S):
                await self._wanted.wait()
        self._wanted.clear()
        told, self._told = self._told, set()
        await connection.execute(_NOTIFY, CHANNEL, sorted(told))
        await asyncio.sleep(REST_S)

    def _hear(self, connection: Any, pid: int, _channel: str, topic: object) -> None:
        hear = self._topics.get(str(topic))
        if hear is not None and pid != connection.get_server_pid():
            hear()
