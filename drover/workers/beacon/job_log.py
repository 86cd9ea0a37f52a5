"""The lines of a job on their way to the server: numbered, in batches, in bounded memory."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from msgspec import structs

from drover.client.task_records import LogLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MOST_WAITING: Final = 20_000
"""Lines that wait to be sent; the oldest are given up for newer ones, and a line says so."""

MOST_CHARACTERS: Final = 4 * 1024 * 1024
"""Characters of the lines that wait to be sent, held to in the same way."""

MOST_LINES: Final = 99_900
"""Lines that are told of a job each time it changes hands; a server takes 100,000 in all."""

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
        self._sent: list[LogLine] = []
        self._unsent: deque[LogLine] = deque()
        self._lost = 0
        self._last_lost: LogLine | None = None
        self._characters = 0
        self._room = MOST_LINES
        self._closed = False
        self._next = max(fence - 1, 0) * LINES_OF_A_PICKUP + 1
        self._now_s = now_s

    def __bool__(self) -> bool:
        """Tell whether lines wait."""
        return bool(self._sent or self._unsent or self._lost)

    def tell(self, line: str) -> None:
        """Add a line."""
        if self._closed:
            return
        if self._room == 0:
            self._closed = True
            line = f"[what follows is not logged: more than {MOST_LINES:,} lines of this job]"
        self._room -= 1
        self._unsent.append(LogLine(seq=self._next, line=line, time=int(self._now_s())))
        self._next += 1
        self._characters += len(line)
        while self._unsent and self._are_too_many():
            self._give_up_one()

    def batch(self) -> Sequence[LogLine]:
        """Return the lines to send next, the same ones again until they are accepted."""
        if not self._sent:
            self._sent = next(batches(self._told()), [])
            for _ in range(len(self._sent) - bool(self._lost)):
                self._characters -= len(self._unsent.popleft().line)
            self._lost, self._last_lost = 0, None
        return self._sent

    def left(self) -> list[LogLine]:
        """Return all lines that wait."""
        return [*self._sent, *self._told()]

    def accepted(self) -> None:
        """Forget the lines that were sent."""
        self._sent = []

    def refused(self) -> None:
        """Give up all lines, those to come as well: the server wants no more of them."""
        self._closed = True
        self._sent = []
        self._unsent.clear()
        self._lost, self._last_lost = 0, None

    def _are_too_many(self) -> bool:
        waiting = len(self._sent) + len(self._unsent)
        return waiting > MOST_WAITING or self._characters > MOST_CHARACTERS

    def _give_up_one(self) -> None:
        self._room += bool(self._lost)  # the first makes room for the line that tells of them
        self._lost += 1
        self._last_lost = self._unsent.popleft()
        self._characters -= len(self._last_lost.line)

    def _told(self) -> Iterator[LogLine]:
        """Yield what was not sent: where lines were given up, the one that says so comes first."""
        if self._last_lost is not None:
            lines = "line is" if self._lost == 1 else "lines are"
            told = f"[{self._lost} {lines} missing here: they came faster than they could be sent]"
            yield structs.replace(self._last_lost, line=told)
        yield from self._unsent
