"""Lines of the log are written by a thread, in their order, and hold nobody up."""

from __future__ import annotations

import os

import pytest

from drover.server import gathered_lines
from drover.server.gathered_lines import GatheredLines


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb") as writer:
        yield reader, writer


def test_lines_are_written_in_their_order_and_none_is_left_at_the_end(pipe):
    reader, writer = pipe
    lines = GatheredLines(writer.fileno())

    for number in range(1000):
        lines.write(f"{number}\n")
        lines.flush()
    lines.close()

    writer.close()
    assert reader.read().decode().split() == [str(number) for number in range(1000)]


def test_lines_arrive_though_nothing_ends(pipe):
    reader, writer = pipe
    lines = GatheredLines(writer.fileno())

    lines.write("heard\n")

    assert reader.readline() == b"heard\n"
    lines.write("again \ud800\n")
    assert reader.readline() == b"again \\ud800\n"
    lines.close()


def test_a_log_that_nobody_reads_holds_nobody_up_and_says_what_was_lost(pipe, monkeypatch):
    reader, writer = pipe
    monkeypatch.setattr(gathered_lines, "MOST_LINES", 100)
    monkeypatch.setattr(gathered_lines, "_ENDING_S", 0.01)
    lines = GatheredLines(writer.fileno())
    long = "x" * 10_000 + "\n"

    for _ in range(300):  # more than the pipe and the lines that may wait can hold
        lines.write(long)
    lines.close()

    os.set_blocking(reader.fileno(), False)
    text = b""
    while b"lost" not in text:
        text += reader.read() or b""
    told = text.splitlines()[-1]
    lost = int(told.split()[0])
    assert lost >= 300 - 100 - 100
    assert text.count(long.encode()) + lost == 300


def test_a_log_that_cannot_be_written_is_no_failure_of_the_server(pipe):
    reader, writer = pipe
    lines = GatheredLines(writer.fileno())
    reader.close()

    lines.write("to nobody\n")
    lines.close()

    assert lines._lost == 1
