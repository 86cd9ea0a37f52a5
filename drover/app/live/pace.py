"""How often devices may speak and come, where that is limited: counted by each server.

One that speaks too often, on one topic or in all, is sent away and kept out for a while, longer
each time: the device whose connection it is, whichever device it speaks for.
Losant-compatible behaviour, section 6: there 30 messages on a topic, 300 of a connection, and 300
new connections of an application, in 15 seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from drover.app.access.throttle import Rule, Window
from drover.model.errors import TooMany, Unavailable, reached

if TYPE_CHECKING:
    from drover.ports.clock import Clock

WINDOW_MS: Final = 15_000
FIRST_MS: Final = 30_000
LONGEST_MS: Final = 3_600_000
"""How long a device is kept out at first, and at most; each time twice as long."""

LEAVING_MS: Final = 20_000
"""How long connections of one that is sent away are ended: it may just have come.

Shorter than any is kept out.
"""

IN_ALL: Final = 10
"""So many times as much as on one topic may be said over one connection."""

MOST_BARRED: Final = 10_000
"""Devices that are remembered; the longest unseen is forgotten first."""

TOLD_EVERY: Final = 1000
"""Of so many that are sent away one is logged; all are counted."""

_MESSAGES: Final = "mqtt_messages_in_15_seconds"
_LOG = structlog.get_logger("drover.live")


class _Bar(NamedTuple):
    """Until when a device is kept out, and for how long that is."""

    until_ms: int
    length_ms: int


class Pace:
    """Counts messages by topic and speaker, connections by application; limits of 0 are none."""

    def __init__(self, clock: Clock, messages: int = 0, connections: int = 0) -> None:
        self._clock = clock
        self._messages = Window(clock, Rule(messages, WINDOW_MS)) if messages else None
        self._spoken = Window(clock, Rule(IN_ALL * messages, WINDOW_MS)) if messages else None
        self._comings = Window(clock, Rule(connections, WINDOW_MS)) if connections else None
        self._bars: dict[str, _Bar] = {}
        self.sent_away = 0
        """Times that a device was sent away because it spoke too often."""

    def said(self, topic: str, speaker: str, *, heard_by: str = "") -> None:
        """Count what a device says on a topic; where it is too much, the device is sent away.

        What several hear is counted for each of them, ``heard_by``, by itself.
        """
        if self._messages is None or self._spoken is None:
            return
        one, all_of_it = f"{heard_by} {topic}", f"{heard_by} {speaker}"
        if self._messages.wait_ms(one) or self._spoken.wait_ms(all_of_it):
            self._send_away(speaker)
            return
        self._messages.add(one)
        self._spoken.add(all_of_it)

    def _send_away(self, device_id: str) -> None:
        if not self._keep_out(device_id):  # what it said before it was gone
            return
        self.sent_away += 1
        if self.sent_away % TOLD_EVERY == 1:
            _LOG.info("live.too_often", device=device_id, so_far=self.sent_away)

    def _keep_out(self, device_id: str) -> bool:
        """Keep a device out for a while; tell whether it was not kept out already."""
        now_ms = self._clock.monotonic_ms()
        last = self._bars.pop(device_id, None)
        if last is not None and last.until_ms > now_ms:
            self._bars[device_id] = last
            return False
        recently = last is not None and last.until_ms + LONGEST_MS > now_ms
        length_ms = min(2 * last.length_ms, LONGEST_MS) if last and recently else FIRST_MS
        self._bars[device_id] = _Bar(now_ms + length_ms, length_ms)
        if len(self._bars) > MOST_BARRED:
            del self._bars[next(iter(self._bars))]
        return True

    def published(self, application_id: str, topic: str) -> None:
        """Count what is published on a topic over HTTP; raises TooMany."""
        if self._messages is None:
            return
        name = f"{application_id}/{topic}"
        if wait_ms := self._messages.wait_ms(name):
            message = f"At most so many messages on '{topic}' in {WINDOW_MS // 1000} seconds"
            raise reached(_MESSAGES, TooMany(message, retry_after_s=-(-wait_ms // 1000)))
        self._messages.add(name)

    def comes(self, application_id: str, device_id: str) -> None:
        """Count a device that connects; raises Unavailable for one that may not come now."""
        bar = self._bars.get(device_id)
        if bar is not None and bar.until_ms > self._clock.monotonic_ms():
            raise Unavailable("The device said too much and is kept out for a while")
        if self._comings is None:
            return
        if self._comings.wait_ms(application_id):
            raise Unavailable("Too many devices of the application connect")
        self._comings.add(application_id)

    def leaving(self) -> list[str]:
        """Return the devices that were sent away a moment ago."""
        since_ms = self._clock.monotonic_ms() - LEAVING_MS
        bars = self._bars.items()
        return [each for each, bar in bars if bar.until_ms - bar.length_ms > since_ms]
