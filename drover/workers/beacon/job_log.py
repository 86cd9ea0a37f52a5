"""The lines of a job on their way to the server: numbered, in batches, in bounded memory."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from drover.client.task_records import LogLine

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_WAITING: Final = 5000
"""Lines that wait for a server that is away; the oldest are given up for newer ones."""

BATCH_LINES: Final = 500
BATCH_CHARACTERS: Final = 262_144


class JobLog:
    """Lines that were told and are not yet accepted; ``first`` is the number of the first one.

    A line keeps its number when it is sent again, so that the server can pass over what it has.
    """

    def __init__(self, first: int = 1, now_s: Callable[[], float] = time.time) -> None:
        self._waiting: deque[LogLine] = deque()
        self._next = first
        self._now_s = now_s

    def __bool__(self) -> bool:
        """Tell whether lines wait."""
        return bool(self._waiting)

    def tell(self, line: str) -> None:
        """Add a line."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
        self._waiting.append(LogLine(seq=self._next, line=line, time=int(self._now_s())))
        self._next += 1

    def batch(self) -> list[LogLine]:
        """Return the lines to send next; they wait until they are accepted."""
        chosen: list[LogLine] = []
        characters = 0
        for line in self._waiting:
            characters += len(line.line)
            if chosen and (len(chosen) >= BATCH_LINES or characters > BATCH_CHARACTERS):
                break
            chosen.append(line)
        return chosen

    def accepted(self, batch: list[LogLine]) -> None:
        """Forget the lines of a batch."""
        last = batch[-1].seq if batch else 0
        while self._waiting and self._waiting[0].seq <= last:
            self._waiting.popleft()
