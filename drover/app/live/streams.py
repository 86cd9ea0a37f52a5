"""Streams of messages: each shown once and handed to all readers, the last ones kept for a while.

A reader that was cut off and names the last message it saw gets those that came since, as long
as they are kept. One that reads too slowly is ended, and keeps nobody else waiting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drover.ports.bus import Leave, Message

    Pick = Callable[[Message], Iterator[Message]]
    """Returns what of a message is for the readers."""

MOST_UNREAD: Final = 5000
MOST_UNREAD_BYTES: Final = 8_388_608
"""Messages, and bytes, that wait for one reader; with more its stream ends."""

MOST_KEPT: Final = 1000
MOST_KEPT_BYTES: Final = 1_048_576
"""Messages, and bytes, that are kept for readers who come back."""


class Reading(NamedTuple):
    """How a reader is shown messages, after how many seconds of silence it is told so.

    ``shown`` returns a message as it is sent, with an id; what has the same ``name`` is shown
    alike. ``last_id`` is that of the last message that the reader has seen, empty for none.
    """

    name: str
    shown: Callable[[str, Message], bytes]
    idle_s: float
    last_id: str = ""


class Stream:
    """What one reader is shown from now on, in order; None where nothing came for a while.

    All that has come is given together. Whoever opens one closes it, also when nothing was read.
    """

    def __init__(self, idle_s: float, closed: Callable[[Stream], None]) -> None:
        self._idle_s = idle_s
        self._closed = closed
        self._unread: list[bytes] = []
        self._unread_bytes = 0
        self._wake = asyncio.Event()
        self._ended = False
        self.cut = False
        """Whether it was ended because its reader was too slow."""

    def put(self, shown: bytes) -> None:
        """Take a message for the reader; one who is too far behind gets no more."""
        if self._ended:
            return
        self._unread.append(shown)
        self._unread_bytes += len(shown)
        if len(self._unread) > MOST_UNREAD or self._unread_bytes > MOST_UNREAD_BYTES:
            self._unread.clear()
            self.cut = self._ended = True
            self._closed(self)
        self._wake.set()

    def end(self) -> None:
        """End after what is unread."""
        self._ended = True
        self._wake.set()

    async def aclose(self) -> None:
        """Read no longer. Safe to call twice."""
        self._closed(self)

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes | None:
        if not self._unread and not self._ended:
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._idle_s):
                    await self._wake.wait()
        if self._unread:
            unread, self._unread, self._unread_bytes = self._unread, [], 0
            return b"".join(unread)
        if self._ended:
            raise StopAsyncIteration
        return None


class Watch:
    """The readers of one thing, and the last messages of it; ``token`` begins their ids."""

    def __init__(self, token: str, reading: Reading, pick: Pick | None) -> None:
        self._token = token
        self._shown = reading.shown
        self._pick = pick
        self._number = 0
        self._kept: deque[tuple[int, bytes]] = deque()
        self._kept_bytes = 0
        self.streams: set[Stream] = set()
        self.opening = asyncio.Lock()
        self.leave: Leave | None = None
        """What ends the listening; None before it has begun."""
        self.lingering: asyncio.TimerHandle | None = None
        """What ends the watch when nobody comes back; None while somebody reads."""

    def take(self, message: Message) -> None:
        """Show a message to all who read."""
        for each in (message,) if self._pick is None else self._pick(message):
            self._number += 1
            shown = self._shown(f"{self._token}-{self._number}", each)
            self._keep(shown)
            for stream in tuple(self.streams):  # one that is too slow leaves
                stream.put(shown)

    def add(self, stream: Stream, last_id: str) -> None:
        """Let a stream take part, from what comes after a message on if that is known."""
        token, _, number = last_id.rpartition("-")
        if token == self._token and number.isdecimal():
            for kept, shown in self._kept:
                if kept > int(number):
                    stream.put(shown)
        self.streams.add(stream)

    def _keep(self, shown: bytes) -> None:
        self._kept.append((self._number, shown))
        self._kept_bytes += len(shown)
        while len(self._kept) > MOST_KEPT or self._kept_bytes > MOST_KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft()[1])
