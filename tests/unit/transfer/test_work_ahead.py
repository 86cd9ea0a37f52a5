"""Work that a thread does ahead: in order, with its errors, and over when nobody wants it."""

from __future__ import annotations

import asyncio
import itertools
import threading

import pytest

from drover.app.transfer.ahead import DEPTH, Ahead


async def all_of(ahead):
    found = []
    while (item := await ahead.next()) is not None:
        found.append(item)
    return found


async def test_items_come_in_their_order():
    ahead = Ahead(iter(range(1, 50)))

    assert await all_of(ahead) == list(range(1, 50))
    ahead.close()


def test_a_thread_without_a_loop_waits_for_them_itself():
    ahead = Ahead(iter("abc"))
    steps = all_of(ahead).__await__()

    with pytest.raises(StopIteration) as end:
        next(steps)

    assert end.value.value == ["a", "b", "c"]


async def test_what_goes_wrong_is_raised_where_items_are_taken():
    def items():
        yield 1
        raise ValueError("no more")

    ahead = Ahead(items())

    assert await ahead.next() == 1
    with pytest.raises(ValueError, match="no more"):
        await ahead.next()


async def test_no_more_is_made_once_nobody_wants_it():
    made, over = itertools.count(), threading.Event()

    def items():
        try:
            for number in made:
                yield number + 1
        finally:
            over.set()

    ahead = Ahead(items())
    assert await ahead.next() == 1
    ahead.close()

    assert await asyncio.to_thread(over.wait, 60)
    assert next(made) <= 2 * DEPTH + 4
