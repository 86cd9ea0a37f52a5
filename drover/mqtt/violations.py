"""What devices try that is not theirs, as the broker of this machine tells it in its log.

The broker drops a message on a topic that is not the device's own, and grants no filter beyond
them, without a word to anybody else: its log is the only place to learn of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from pathlib import Path

LOOK_S: Final = 1.0
"""How often new lines of the log are looked at."""

MOST_BYTES: Final = 1_048_576
"""Of the log that are looked at together; the rest waits for the next time."""

TOLD_EVERY: Final = 1000
"""Of so many one is logged; all are counted."""

_MARK: Final = b" Violation - "
_LONGEST: Final = 300
_LOG = structlog.get_logger("drover.mqtt")


class Violations:
    """Counts them, in what a log gains from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = log.stat().st_size if log.exists() else 0
        self._watching: asyncio.Task[None] | None = None
        self.count = 0
        """Messages that were dropped, and subscriptions that were not granted."""

    def start(self) -> None:
        """Begin to watch the log."""
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Watch no longer. Safe to call twice, and before start."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def look(self) -> None:
        """Look at what the log has gained; one that became shorter was begun anew."""
        with self._log.open("rb") as log:
            if log.seek(0, 2) < self._at:
                self._at = 0
            log.seek(self._at)
            whole, end, _ = log.read(MOST_BYTES).rpartition(b"\n")
        self._at += len(whole) + len(end)
        for line in whole.split(b"\n"):
            if _MARK in line:
                self._note(line)

    def _note(self, line: bytes) -> None:
        self.count += 1
        if self.count % TOLD_EVERY == 1:
            told = line[:_LONGEST].decode(errors="replace")
            _LOG.info("mqtt.not_theirs", broker=told, so_far=self.count)

    async def _watch(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.look)
            except OSError as error:
                _LOG.debug("mqtt.log_away", error=str(error))
            await asyncio.sleep(LOOK_S)
