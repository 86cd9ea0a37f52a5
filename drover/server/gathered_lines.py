"""A log that no request waits for: its lines are gathered, and written by a thread of their own."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Final

GATHERED_S: Final = 0.02
"""How long lines are gathered before they are written together."""

MOST_LINES: Final = 20_000
"""Lines that may wait while nobody reads the log; more are counted and not kept."""

_ENDING_S: Final = 2.0


class GatheredLines:
    """The file that a logger writes lines to.

    Written one by one, each line lets another thread have the interpreter, which the event loop
    then waits for: that took a fifth of the requests of beacons. A process that is killed loses the
    lines of the last moments; one that ends, by whatever exception, none after ``close``.
    """

    def __init__(self, descriptor: int) -> None:
        """Write to an open file descriptor, which stays the caller's."""
        self._descriptor = descriptor
        self._lines: deque[str] = deque()
        self._lost = 0
        self._some = threading.Event()
        self._ending = threading.Event()
        self._writer = threading.Thread(target=self._run, name="log", daemon=True)
        self._writer.start()

    def write(self, line: str) -> None:
        """Add a line, with its end."""
        if len(self._lines) >= MOST_LINES:
            self._lost += 1
            return
        self._lines.append(line)
        if not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        """Do nothing: lines are written soon by themselves."""

    def close(self) -> None:
        """Write what there is; a log that nobody reads is waited for a little."""
        self._ending.set()
        self._some.set()
        self._writer.join(_ENDING_S)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._some.wait()
            self._ending.wait(GATHERED_S)
            self._some.clear()
            self._write_all()

    def _write_all(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if self._lost:
            lines.append(f"{self._lost} lines of the log were lost: nobody read it\n")
            self._lost = 0
        rest = memoryview("".join(lines).encode(errors="backslashreplace"))
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            self._lost += len(lines)  # a full disk, or a reader that went away
