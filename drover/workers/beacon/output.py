"""What a task writes: the end of it is kept for the result, its lines go into the job's log."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

from drover.workers.beacon.results import clean

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_LINE: Final = 4096
"""Characters of one line of the log; what is longer becomes several."""

MOST_LINES: Final = 9_900
"""Lines of one task that go into the log: those of ten such tasks fit into the log of a job."""


class Output:
    """The output of one task, in memory that does not grow with it.

    ``tell`` is called with each line until ``log_bytes`` or ``MOST_LINES`` of them were told.
    """

    def __init__(self, tail_bytes: int, log_bytes: int, tell: Callable[[str], None]) -> None:
        self.size = 0
        self._tail = bytearray()
        self._tail_bytes = tail_bytes
        self._room = self._log_bytes = log_bytes
        self._lines_left = MOST_LINES
        self._tell = tell
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line = ""

    @property
    def tail(self) -> str:
        """The end of the output; the first character may have lost its half."""
        return clean(bytes(self._tail[-self._tail_bytes :]).decode("utf-8", "replace"))

    def feed(self, data: bytes) -> None:
        """Take what was written."""
        self.size += len(data)
        self._tail += data
        if len(self._tail) > 2 * self._tail_bytes:
            del self._tail[: -self._tail_bytes]
        if self._room > 0:
            self._split(self._decoder.decode(data))

    def finish(self) -> None:
        """Tell the last line, which nothing may have ended."""
        if self._room > 0:
            self._split(self._decoder.decode(b"", final=True))
        if self._line and self._room > 0:
            self._pass_on(self._line)
        self._line = ""

    def _split(self, text: str) -> None:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._pass_on(line)
        while len(self._line) > LONGEST_LINE:
            self._pass_on(self._line[:LONGEST_LINE])
            self._line = self._line[LONGEST_LINE:]

    def _pass_on(self, line: str) -> None:
        line = line.removesuffix("\r")
        for start in range(0, max(len(line), 1), LONGEST_LINE):
            if self._room <= 0:
                return
            piece = clean(line[start : start + LONGEST_LINE])
            self._room -= len(piece.encode()) + 1
            self._lines_left -= 1
            self._tell(piece)
            if self._room <= 0:
                self._tell(f"[what follows is not logged: more than {self._log_bytes} bytes]")
            elif not self._lines_left:
                self._room = 0
                self._tell(f"[what follows is not logged: more than {MOST_LINES:,} lines]")
