"""The child's side of the line: what it reads, what it answers, when it stops."""

import itertools
import json
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from drover.sandbox import cage, child, frames, limits
from drover.sandbox.realms import Bench


class Wire:
    """Both ends of a child's line, in one process."""

    def __init__(self) -> None:
        self.to_child, self.from_child = os.pipe(), os.pipe()
        self.line = child.Line(self.to_child[0], self.from_child[1])

    def replies(self) -> Iterator[bytes]:
        os.close(self.from_child[1])
        with os.fdopen(self.from_child[0], "rb") as reader:
            while head := reader.read(frames.LENGTH.size):
                yield reader.read(*frames.LENGTH.unpack(head))

    def records(self) -> list[frames.Record]:
        return [record for reply in self.replies() for record in frames.parse_records(reply)]


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    for descriptor in (*made.to_child, *made.from_child):
        try:
            os.close(descriptor)
        except OSError:
            continue


@pytest.fixture
def progress() -> Iterator[mmap.mmap]:
    with mmap.mmap(-1, mmap.PAGESIZE) as page:
        yield page


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is no child: its processor time is nobody's business."""
    monkeypatch.setattr(limits, "allow_cpu", lambda _: None)


def body(script: str, payloads: list[bytes], **changes: object) -> bytes:
    header = {
        "script": script,
        "shapes": ["[]"],
        "tag": "~t",
        "shared": "",
        "few": False,
        "timeout_s": 2.0,
        "memory_bytes": 16 << 20,
        "output_bytes": 1000,
        "log_bytes": 1000,
    }
    items = [frames.Item(0, payload) for payload in payloads]
    return frames.request(json.dumps({**header, **changes}).encode(), items)[frames.LENGTH.size :]


def test_a_request_is_answered_item_by_item_and_closed(wire, progress, bench: Bench):
    stays = child.serve(bench, wire.line, progress, body("payload.b = 1", [b"{}", b'{"a":1}']))

    assert stays
    assert wire.records() == [
        (0, frames.VALUE, b'{"b":1}', b""),
        (1, frames.VALUE, b'{"a":1,"b":1}', b""),
        (frames.END, frames.STAYS, b"", b""),
    ]
    assert frames.PROGRESS.unpack_from(progress) == (frames.END,)


def test_a_request_that_takes_long_hands_the_rest_back(wire, progress, bench: Bench, monkeypatch):
    clock = itertools.count(0, child.QUANTUM_S * 0.6)
    monkeypatch.setattr(child.time, "monotonic", lambda: next(clock))

    child.serve(bench, wire.line, progress, body("return 1", [b"{}"] * 9))

    assert [record.item for record in wire.records()] == [0, 1, frames.END]


def test_a_child_leaves_after_a_lack_of_memory(wire, progress, bench: Bench):
    stays = child.serve(
        bench,
        wire.line,
        progress,
        body("for (;;) payload.push('x'.repeat(1e5) + payload.length)", [b"[]"] * 2),
    )

    assert not stays
    assert [(record.item, record.status) for record in wire.records()] == [
        (0, frames.FAILURE),
        (frames.END, frames.LEAVES),
    ]


def test_a_large_answer_leaves_in_parts(wire, progress, bench: Bench, monkeypatch):
    monkeypatch.setattr(child, "FLUSH_BYTES", 100)

    child.serve(bench, wire.line, progress, body("return 'x'.repeat(60)", [b"{}"] * 4))

    parts = [list(frames.parse_records(reply)) for reply in wire.replies()]
    assert [len(part) for part in parts] == [2, 2, 1]


def test_requests_are_read_until_the_parent_hangs_up(wire):
    os.write(wire.to_child[1], frames.request(b"one", []) + frames.request(b"two", [])[:6])
    os.close(wire.to_child[1])

    assert list(wire.line.requests()) == [frames.request(b"one", [])[4:], b""]


def test_a_child_loads_nothing_of_drover_but_what_it_needs():
    report = "print(*sorted(m for m in sys.modules if m.startswith(('drover', 'msgspec', 'asyncio', 'quickjs'))))"
    program = cage._PROGRAM.replace("main(int(page), int(memory_bytes))", report)
    command = [sys.executable, "-I", "-c", program, "0", "0", *cage._folders()]

    printed = subprocess.run(command, capture_output=True, text=True, check=True)

    assert printed.stdout.split() == [
        "drover",
        "drover.sandbox",
        "drover.sandbox.child",
        "drover.sandbox.frames",
        "drover.sandbox.limits",
        "drover.sandbox.realms",
        "drover.sandbox.syscalls",
    ]
