"""Whatever a job, a command or a disk holds, an agent makes something orderly of it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from drover.client.printable import printable
from drover.workers.beacon.output import LONGEST_LINE, Output
from drover.workers.beacon.tasks import KINDS, BadTask, task_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
TASKS = st.dictionaries(
    st.sampled_from(
        ["command", "cmd", "http", "python", "env", "cwd", "timeout", "method", "body", "name"]
    ),
    JSON,
)


@given(value=TASKS | JSON)
def test_any_value_is_a_task_or_a_reason_why_not(value):
    try:
        assert task_of(value, frozenset(KINDS)).name is not None
    except BadTask as error:
        assert str(error)


@given(parts=st.lists(st.binary(max_size=9000), max_size=8), tail=st.integers(1, 100))
def test_an_output_keeps_its_end_and_tells_storable_lines(parts, tail):
    lines = []
    output = Output(tail, 1_000_000, lines.append)

    for part in parts:
        output.feed(part)
    output.finish()

    whole = b"".join(parts)
    assert output.size == len(whole)
    assert output.tail == whole[-tail:].decode("utf-8", "replace").replace("\0", "\ufffd")
    assert all(len(line) <= LONGEST_LINE and "\n" not in line for line in lines)
    assert all(json.dumps(line).encode() and "\0" not in line for line in lines)


@given(text=st.text(alphabet=st.characters(exclude_characters="\r"), max_size=300))
def test_lines_told_are_the_lines_written(text):
    lines = []
    output = Output(10, 1_000_000, lines.append)

    for each in text.encode("utf-8", "replace"):
        output.feed(bytes([each]))
    output.finish()

    written = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd").split("\n")
    assert lines == (written if written[-1] else written[:-1])


@given(parts=st.lists(st.binary(max_size=3000), max_size=8), room=st.integers(1, 2000))
def test_no_more_than_a_line_beyond_its_limit_is_logged(parts, room):
    lines = []
    output = Output(10, room, lines.append)

    for part in parts:
        output.feed(part)
    output.finish()

    told = [line for line in lines if "is not logged" not in line]
    assert len(lines) - len(told) <= 1
    assert sum(len(line.encode()) + 1 for line in told[:-1]) < room


@given(text=st.text())
def test_a_printable_text_steers_nothing(text):
    assert all(each.isprintable() or each == "\t" for each in printable(text))
