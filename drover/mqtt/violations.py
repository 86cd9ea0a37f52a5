"""What devices try that is not theirs, or is no MQTT, as the broker of this machine logs it.

The broker drops a message on a topic that is not the device's own, grants no filter beyond them,
and ends connections over which no MQTT comes that it serves, without a word to anybody else: its
log is the only place to learn of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from drover.mqtt.repeating import Repeating

if TYPE_CHECKING:
    from pathlib import Path

LOOK_S: Final = 1.0
"""How often new lines of the log are looked at."""

MOST_BYTES: Final = 1_048_576
"""Of the log that are looked at together; the rest waits for the next time."""

TOLD_EVERY: Final = 1000
"""Of so many one is logged; all are counted."""

_MARK: Final = b" Violation - "
_ERROR: Final = b"[ERR]"
_OVER_MQTT: Final = b" - mid"
_NOT_MALFORMED: Final = (
    b" authentication error",
    b" connection closed",
    b" TLS handshake error: EOF",
)
"""What the broker logs as an error too.

Devices refused, those that went while they waited, and who came and went without a word, as
probes do that only look whether somebody listens.
"""

_LONGEST: Final = 300
_LOG = structlog.get_logger("drover.mqtt")


class Violations:
    """Counts them, in what a log gains from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = log.stat().st_size if log.exists() else 0
        self._watching = Repeating()
        self.stop = self._watching.stop
        self.count = 0
        """Messages that were dropped, and subscriptions that were not granted."""
        self.malformed = 0
        """Connections that were ended for what came over them."""

    def start(self) -> None:
        """Begin to watch the log."""
        self._watching.start(self._look, LOOK_S)

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
                self.count += 1
                _tell("mqtt.not_theirs", line, self.count)
            elif _is_malformed(line):
                self.malformed += 1
                _tell("mqtt.malformed", line, self.malformed)

    async def _look(self) -> None:
        try:
            await asyncio.to_thread(self.look)
        except OSError as error:
            _LOG.debug("mqtt.log_away", error=str(error))


def _is_malformed(line: bytes) -> bool:
    """Tell whether the broker says of a device's connection that it cannot go on with it."""
    return (
        _ERROR in line and _OVER_MQTT in line and not any(each in line for each in _NOT_MALFORMED)
    )


def _tell(event: str, line: bytes, so_far: int) -> None:
    if so_far % TOLD_EVERY == 1:
        told = line[:_LONGEST].decode(errors="replace")
        _LOG.info(event, broker=told, so_far=so_far)
