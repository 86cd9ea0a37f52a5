"""Who published messages that come from a stream as well, which does not tell it.

The broker tells who published a message only as it passes from one account to another (see
``drover.mqtt.speakers``). What it keeps in a stream is the same message without that.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    Told = Callable[[str | None], None]
    """Is given the device that published a message, None where that is not known."""

WAIT_S: Final = 1.0
"""How long a message waits for who published it: it passes before it is kept, mostly."""

REMEMBER_S: Final = 90.0
"""How long it is remembered who published a message: three times as long as until it comes again
from a server that was lost."""

MOST_REMEMBERED: Final = 50_000


class Said(NamedTuple):
    """What tells a message from others; who publishes the same twice is told twice."""

    application_id: str
    topic: str
    payload: int
    """Its hash."""


class _Known(NamedTuple):
    at_s: float
    speaker: str | None


class Overheard:
    """Brings together messages that pass with those that are kept, whichever comes first."""

    def __init__(self) -> None:
        self._since_ms = time.time() * 1000
        self._known: dict[Said, deque[_Known]] = {}
        self._order: deque[tuple[float, Said]] = deque()
        self._asking: dict[Said, deque[Told]] = {}
        self.waiting = 0
        """Messages that wait for who published them."""

    def note(self, said: Said, speaker: str | None) -> None:
        """Take note of a message that passes: of who published it, if that is told."""
        if asking := self._asking.get(said):
            self._answer(said, asking[0], speaker)
            return
        now_s = asyncio.get_running_loop().time()
        self._known.setdefault(said, deque()).append(_Known(now_s, speaker))
        self._order.append((now_s, said))
        self._forget(now_s - REMEMBER_S)

    def ask(self, said: Said, told: Told, arrived_ms: int) -> None:
        """Tell who published a message that is kept since then, at once or in a moment.

        What was kept before anybody listened here is not waited for.
        """
        if known := self._known.get(said):
            speaker = known.popleft().speaker
            if not known:
                del self._known[said]
            told(speaker)
            return
        if arrived_ms < self._since_ms:
            told(None)
            return
        self._asking.setdefault(said, deque()).append(told)
        self.waiting += 1
        asyncio.get_running_loop().call_later(WAIT_S, partial(self._give_up, said, told))

    def _give_up(self, said: Said, told: Told) -> None:
        if told in self._asking.get(said, ()):
            self._answer(said, told, None)

    def _answer(self, said: Said, told: Told, speaker: str | None) -> None:
        asking = self._asking[said]
        asking.remove(told)
        if not asking:
            del self._asking[said]
        self.waiting -= 1
        told(speaker)

    def _forget(self, before_s: float) -> None:
        """Forget what passed before a moment, and the oldest where there is too much."""
        while self._order:
            at_s, said = self._order[0]
            if at_s >= before_s and len(self._order) <= MOST_REMEMBERED:
                return
            del self._order[0]
            known = self._known.get(said, deque())
            while known and known[0].at_s <= at_s:
                known.popleft()
            if not known:
                self._known.pop(said, None)
