"""The program of a caged process: reads requests, runs scripts, writes records.

Started by `drover.sandbox.cage` as `python -I -c ...` with an empty environment. It imports the
standard library, the engine and neighbours that do the same, nothing else of Drover.
"""

import json
import mmap
import os
import time
from collections.abc import Iterator
from typing import Final

from drover.sandbox import frames, limits
from drover.sandbox.realms import Bench, Sources, Terms

FLUSH_BYTES: Final = 64 * 1024
QUANTUM_S: Final = 0.25
"""A request that took this long hands its unstarted items back, so that others get their turn."""


class Line:
    """The one connection of a caged process: its standard input and output."""

    def __init__(self, reader: int, writer: int) -> None:
        """Take the two descriptors (the same socket, as a rule)."""
        self._reader = reader
        self._writer = writer
        self._records: list[bytes] = []
        self._size = 0

    def requests(self) -> Iterator[bytes]:
        """Bodies of requests until the parent hangs up."""
        while head := self._read(frames.LENGTH.size):
            yield self._read(*frames.LENGTH.unpack(head))

    def _read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = os.read(self._reader, size - len(parts))
            if not part:
                return b""
            parts += part
        return bytes(parts)

    def add(self, record: bytes) -> None:
        """Queue a record; it leaves with the next flush."""
        self._records.append(record)
        self._size += len(record)
        if self._size >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is queued as one reply."""
        self._records.insert(0, frames.LENGTH.pack(self._size))
        rest = memoryview(b"".join(self._records))
        self._records, self._size = [], 0
        while rest:
            rest = rest[os.write(self._writer, rest) :]


def serve(bench: Bench, line: Line, progress: mmap.mmap, body: bytes) -> bool:
    """Answer one request; the progress page always names the item being run.

    False when the child should be given up: after a lack of memory its heap is in tatters.
    """
    header, items = frames.parse_request(body)
    terms = Terms(**json.loads(header))
    limits.allow_cpu(QUANTUM_S + terms.timeout_s + 1)
    ends = time.monotonic() + QUANTUM_S
    worn = False
    for index, item in enumerate(items):
        frames.PROGRESS.pack_into(progress, 0, index)
        outcome = bench.run(terms, item)
        line.add(frames.record(index, outcome.status, outcome.body, outcome.logs))
        worn = outcome.lacked_memory
        if worn or time.monotonic() >= ends:
            break
    frames.PROGRESS.pack_into(progress, 0, frames.END)
    line.add(frames.record(frames.END, frames.LEAVES if worn else frames.STAYS))
    line.flush()
    return not worn


def main(page: int, memory_bytes: int) -> None:
    """Lock the door, say so, and work until the parent hangs up."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    bench = Bench(Sources.read())
    progress = mmap.mmap(page, mmap.PAGESIZE)
    os.close(page)
    line = Line(0, 1)
    limits.enter(memory_bytes)
    line.flush()
    for body in line.requests():
        if not serve(bench, line, progress, body):
            break
    os._exit(0)  # nothing is left to tidy, and little is permitted
