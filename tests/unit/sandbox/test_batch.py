"""A call, its slices, and who is blamed when a child ends."""

import asyncio

import msgspec
import pytest

from drover.ports.scripts import ScriptFailure, ScriptResult
from drover.sandbox import frames
from drover.sandbox.batch import Run, Slice, result_of


def call(*payloads: object) -> Run:
    return Run("return 1", payloads, 1.0, "")


def answer(item: int, body: bytes = b"1") -> frames.Record:
    return frames.Record(item, frames.VALUE, body, b"")


async def test_results_come_in_the_order_of_the_payloads():
    run = call("a", "b", "c")
    first, second = Slice(run, 2), Slice(run, 2)

    second.take(answer(0, b'"C"'))
    first.take(answer(1, b'"B"'))
    assert not run.done.done()
    first.take(answer(0, b'"A"'))

    assert [result.payload for result in await run.done] == ["A", "B", "C"]


async def test_the_first_result_of_an_item_stands():
    run = call("a")
    piece = Slice(run, 1)

    piece.take(answer(0, b"1"))
    piece.take(answer(0, b"2"))

    assert (await run.done)[0].payload == 1


async def test_a_slice_stops_at_its_number_and_at_its_size():
    assert Slice(call(*"abcdef"), 4).indexes == [0, 1, 2, 3]
    assert Slice(call("x" * 3_000_000, "x" * 3_000_000, "c"), 4).indexes == [0, 1]


async def test_a_payload_that_cannot_enter_is_answered_without_a_child():
    run = call("x" * 6_000_000)

    piece = Slice(run, 1)

    assert piece.indexes == []
    assert (await run.done)[0].payload.name == "PayloadTooLarge"


async def test_items_without_a_result_wait_again_in_front():
    run = call(*"abcde")
    piece = Slice(run, 3)
    piece.take(answer(1))

    piece.give_back()

    assert list(run.waiting) == [0, 2, 3, 4]


async def test_an_item_that_ran_out_of_time_is_answered_at_once():
    run = call("a", "b")
    piece = Slice(run, 2)

    piece.blame(1, timed_out=True)
    piece.give_back()

    assert run.results[1].payload == ScriptFailure("Timeout", "The script took too long")
    assert list(run.waiting) == [0]


@pytest.mark.parametrize("item", [0, None, 7], ids=["named", "unnamed", "nonsense"])
async def test_an_item_whose_child_died_is_tried_once_more(item):
    run = call("a", "b")

    for _ in range(2):
        piece = Slice(run, 2)
        assert piece.indexes == [0, 1]
        piece.blame(item, timed_out=False)
        piece.give_back()

    assert run.results[0].payload.name == "MemoryLimit"
    assert list(run.waiting) == [1]


async def test_an_error_of_ours_ends_the_call_and_later_results_change_nothing():
    run = call("a")
    piece = Slice(run, 1)

    run.fail(OSError("broken"))
    run.fail(OSError("again"))
    piece.take(answer(0))

    with pytest.raises(OSError, match="broken"):
        await run.done


async def test_a_cancelled_call_takes_results_without_harm():
    run = call("a")
    piece = Slice(run, 1)
    run.done.cancel()

    piece.take(answer(0))

    with pytest.raises(asyncio.CancelledError):
        await run.done


async def test_a_record_of_no_item_is_refused():
    with pytest.raises(ValueError, match="no item"):
        Slice(call("a"), 1).take(answer(1))


@pytest.mark.parametrize(
    "record",
    [
        frames.Record(0, frames.FAILURE, b"3", b""),
        frames.Record(0, frames.FAILURE, b"[1]", b""),
        frames.Record(0, frames.FAILURE, b"not json", b""),
        frames.Record(0, frames.VALUE, b"{", b""),
        frames.Record(0, frames.VALUE, b"1", b"3"),
        frames.Record(0, frames.VALUE, b"1", b"[3]"),
    ],
)
def test_a_record_that_no_child_of_ours_writes_is_refused(record):
    with pytest.raises(ValueError):
        result_of(record, ())


def test_a_result_may_be_undefined():
    assert result_of(frames.Record(0, frames.UNDEFINED, b"", b""), ()) == ScriptResult(
        msgspec.UNSET
    )


def test_a_result_nested_too_deeply_is_a_failure():
    deep = b"[" * 100_000 + b"]" * 100_000

    assert result_of(answer(0, deep), ()).payload.name == "RangeError"
