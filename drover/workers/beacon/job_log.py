"""The lines of a job on their way to the server: numbered, in batches, in bounded memory."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from drover.client.task_records import LogLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MOST_WAITING: Final = 5000
"""Lines that wait for a server that is away; the oldest are given up for newer ones."""

BATCH_LINES: Final = 500
BATCH_CHARACTERS: Final = 262_144

LINES_OF_A_PICKUP: Final = 1_000_000_000
"""Numbers of lines set apart for each time a job changes hands."""


def batches(lines: Iterable[LogLine]) -> Iterator[list[LogLine]]:
    """Yield lines in their order, as many at a time as a server takes."""
    chosen: list[LogLine] = []
    characters = 0
    for line in lines:
        characters += len(line.line)
        if chosen and (len(chosen) >= BATCH_LINES or characters > BATCH_CHARACTERS):
            yield chosen
            chosen, characters = [], len(line.line)
        chosen.append(line)
    if chosen:
        yield chosen


class JobLog:
    """Lines that were told and are not yet accepted.

    A line keeps its number when it is sent again, so that the server passes over what it has. The
    numbers of a later ``fence`` are others: what the worker before has told stays.
    """

    def __init__(self, fence: int = 1, now_s: Callable[[], float] = time.time) -> None:
        self._waiting: deque[LogLine] = deque()
        self._next = max(fence - 1, 0) * LINES_OF_A_PICKUP + 1
        self._now_s = now_s
        self._refused = False

    def __bool__(self) -> bool:
        """Tell whether lines wait."""
        return bool(self._waiting)

    def tell(self, line: str) -> None:
        """Add a line."""
        if self._refused:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
        self._waiting.append(LogLine(seq=self._next, line=line, time=int(self._now_s())))
        self._next += 1

    def batch(self) -> Sequence[LogLine]:
        """Return the lines to send next; they wait until they are accepted."""
        return next(batches(self._waiting), [])

    def left(self) -> list[LogLine]:
        """Return all lines that wait."""
        return list(self._waiting)

    def accepted(self, batch: Sequence[LogLine]) -> None:
        """Forget the lines of a batch."""
        while self._waiting and self._waiting[0].seq <= batch[-1].seq:
            self._waiting.popleft()

    def refused(self) -> None:
        """Give up all lines, those to come as well: the server wants no more of them."""
        self._refused = True
        self._waiting.clear()
