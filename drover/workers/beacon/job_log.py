"""The lines of a job on their way to the server: numbered, in batches, in bounded memory."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from drover.client.task_records import LogLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MOST_WAITING: Final = 20_000
"""Lines that wait to be sent; the oldest are given up for newer ones, and a line says so."""

BATCH_LINES: Final = 500
BATCH_CHARACTERS: Final = 262_144

LINES_OF_A_PICKUP: Final = 1_000_000_000
"""Numbers of lines set apart for each time a job changes hands."""


CLOSE_S: Final = 300.0
"""So far this machine's clock may be from the server's and still tells the time of lines."""


def clock_by(
    taken_s: int | None,
    now_s: Callable[[], float] = time.time,
    steady_s: Callable[[], float] = time.monotonic,
) -> Callable[[], float]:
    """Return the clock for the lines of a job that the server handed out at a moment of its own.

    Where this machine's clock is far off, as on a box without a battery, the server's counts.
    """
    if taken_s is None or abs(now_s() - taken_s) <= CLOSE_S:
        return now_s
    ahead_s = taken_s - steady_s()
    return lambda: steady_s() + ahead_s


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
    numbers of a later ``fence`` are others: what the worker before has told stays. Where lines were
    given up there is one that says how many, with the number of the last of them.
    """

    def __init__(self, fence: int = 1, now_s: Callable[[], float] = time.time) -> None:
        self._waiting: deque[LogLine] = deque()
        self._next = max(fence - 1, 0) * LINES_OF_A_PICKUP + 1
        self._now_s = now_s
        self._refused = False
        self._lost = 0

    def __bool__(self) -> bool:
        """Tell whether lines wait."""
        return bool(self._waiting)

    def tell(self, line: str) -> None:
        """Add a line."""
        if self._refused:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._give_up_one()
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
            self._lost = 0

    def _give_up_one(self) -> None:
        self._waiting.popleft()  # the line that says so, once there is one
        oldest = self._waiting.popleft()
        self._lost += 1 if self._lost else 2
        told = f"[{self._lost} lines are missing here: they came faster than they could be sent]"
        self._waiting.appendleft(LogLine(seq=oldest.seq, line=told, time=oldest.time))

    def refused(self) -> None:
        """Give up all lines, those to come as well: the server wants no more of them."""
        self._refused = True
        self._waiting.clear()
