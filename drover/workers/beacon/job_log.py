"""The lines of a job on their way to the server: numbered, in batches, in bounded memory."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

MOST_WAITING: Final = 5000
"""Lines that wait for a server that is away; the oldest are given up for newer ones."""

BATCH_LINES: Final = 500
BATCH_CHARACTERS: Final = 262_144


class Batch(NamedTuple):
    """Lines to send; ``first`` is the number of the first one, None while that is not known.

    ``place`` is which line of this log it is, counted from 0.
    """

    lines: list[str]
    first: int | None
    place: int


class JobLog:
    """Lines that were told and are not yet accepted.

    A line keeps its number when it is sent again, so that the server passes over what it has.
    Only the first lines have none where somebody else may have begun the log (``begun``).
    """

    def __init__(self, *, begun: bool = False) -> None:
        self._waiting: deque[str] = deque()
        self._place = 0
        self._before: int | None = None if begun else 1
        self._refused = False

    def __bool__(self) -> bool:
        """Tell whether lines wait."""
        return bool(self._waiting)

    def tell(self, line: str) -> None:
        """Add a line."""
        if self._refused:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._drop()
        self._waiting.append(line)

    def batch(self) -> Batch:
        """Return the lines to send next; they wait until they are accepted."""
        chosen: list[str] = []
        characters = 0
        for line in self._waiting:
            characters += len(line)
            if chosen and (len(chosen) >= BATCH_LINES or characters > BATCH_CHARACTERS):
                break
            chosen.append(line)
        first = None if self._before is None else self._before + self._place
        return Batch(chosen, first, self._place)

    def accepted(self, batch: Batch, last: int) -> None:
        """Forget the lines of a batch; the log now goes as far as number ``last``."""
        end = batch.place + len(batch.lines)
        if self._before is None:
            self._before = last + 1 - end
        while self._waiting and self._place < end:
            self._drop()

    def refused(self) -> None:
        """Give up all lines, those to come as well: the server wants no more of them."""
        self._refused = True
        self._waiting.clear()

    def _drop(self) -> None:
        self._waiting.popleft()
        self._place += 1
