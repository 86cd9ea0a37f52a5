"""What passes between the server and its workers."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from drover.ports.runner import RunRecord
from drover.workers import frames


def reader_of(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


async def test_a_message_is_read_as_it_was_packed():
    done = frames.told([RunRecord(ok=True, paths_completed=2)] * 3, 7)

    body = await frames.read(reader_of(frames.pack(done)))

    assert frames.FROM_WORKER.decode(body) == done


async def test_a_frame_that_is_cut_off_or_too_long_ends_the_stream():
    packed = frames.pack(frames.told([RunRecord(ok=True)], 1))

    with pytest.raises(EOFError):
        await frames.read(reader_of(packed[:-1]))
    with pytest.raises(EOFError):
        await frames.read(reader_of(frames.LENGTH.pack(frames.LONGEST + 1)))


def test_records_that_say_something_come_back_as_they_were_and_in_their_places():
    failed = RunRecord(ok=False, paths_failed=1, error={"error": {"name": "E", "message": "m"}})
    debugged = RunRecord(ok=True, paths_completed=1, debug=[{"message": "here"}])
    plain = RunRecord(ok=True, paths_completed=1, wall_time_ms=2.0)

    done = frames.told([plain, failed, plain, debugged], 3)
    records = frames.records_of(
        msgspec.msgpack.decode(msgspec.msgpack.encode(done), type=frames.Done)
    )

    assert records == [plain, failed, plain, debugged]


def test_a_batch_of_which_every_record_is_special_is_told_whole():
    failed = RunRecord(ok=False, paths_failed=1)

    assert frames.records_of(frames.told([failed, failed], 1)) == [failed, failed]


HUGE = 2**80
HALF = "\ud83d"


def deep(levels: int) -> dict:
    value: dict = {}
    for _ in range(levels):
        value = {"v": value}
    return value


def test_values_are_mended_where_that_can_be_done_and_left_out_where_it_cannot():
    values = [{"a": 1}, {"n": HUGE, HALF: [HALF]}, {"none": object()}, deep(100_000), {"b": 2}]

    sound, refused = frames.mended(values)

    assert sound == [{"a": 1}, {"n": float(HUGE), "\ufffd": ["\ufffd"]}, {"b": 2}]
    assert list(refused) == [2, 3]
    assert "TypeError" in refused[2]
    placed = frames.with_refusals(sound, refused)
    assert [placed[0], placed[1], placed[4]] == sound
    assert [each["error"]["type"] for each in placed[2:4]] == ["Validation"] * 2


def test_a_record_that_holds_what_no_frame_can_carry_is_mended():
    error = {"error": {"name": "Error", "message": HALF}, "nodeId": "n"}
    debug = [{"payload": HUGE}, {"payload": object()}]
    record = RunRecord(ok=False, paths_failed=1, error=error, debug=debug)

    mended = frames.mended_record(record)

    frames.pack(frames.told([mended], 1))
    assert mended.debug == [{"payload": float(HUGE)}]
    assert mended.error["error"] == {"name": "Error", "message": "\ufffd"}
    assert (mended.ok, mended.paths_failed) == (False, 1)
