"""What is done again and again goes on after whatever happens to it, until it is stopped."""

from __future__ import annotations

import asyncio

import pytest

from drover.model.errors import Unavailable
from drover.mqtt.repeating import Repeating, end_all


@pytest.mark.parametrize("error", [Unavailable("away"), OSError("gone"), KeyError("a fault")])
async def test_it_goes_on_after_a_time_that_failed(error):
    times: list[int] = []
    third = asyncio.Event()

    async def act() -> None:
        times.append(1)
        if len(times) == 1:
            raise error
        if len(times) == 3:
            third.set()

    repeating = Repeating()
    repeating.start(act, 0)
    async with asyncio.timeout(60):
        await third.wait()
    await repeating.stop()
    done = len(times)
    await asyncio.sleep(0)

    assert len(times) == done


async def test_it_may_be_stopped_in_the_middle_before_it_began_and_twice():
    begun, ended = asyncio.Event(), []

    async def act() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    repeating = Repeating()
    await repeating.stop()
    repeating.start(act, 0)
    async with asyncio.timeout(60):
        await begun.wait()
    await repeating.stop()
    await repeating.stop()

    assert ended == [True]


async def test_what_loses_a_cancel_ends_all_the_same():
    begun, repeating = asyncio.Event(), Repeating()

    async def act() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return  # as a wait whose answer has come at that moment does

    repeating.start(act, 3600)
    await begun.wait()

    async with asyncio.timeout(60):
        await repeating.stop()
        await repeating.stop()


async def test_nothing_to_end_takes_no_time_and_failures_are_no_matter():
    async def fail() -> None:
        raise OSError

    failing = asyncio.create_task(fail())

    await end_all([])
    await end_all([failing])

    assert failing.done()


async def test_who_asks_has_it_done_before_its_time_and_shares_that_with_others():
    times: list[int] = []
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def act() -> None:
        times.append(1)
        begun.set()
        await goes_on.wait()

    repeating = Repeating()
    await repeating.now()  # nothing runs: nobody waits for ever
    repeating.start(act, 3600)
    async with asyncio.timeout(60):
        await begun.wait()
        asked = [asyncio.create_task(repeating.now()) for _ in range(3)]
        given_up = asyncio.create_task(repeating.now())
        await asyncio.sleep(0)
        given_up.cancel()
        goes_on.set()
        await asyncio.gather(*asked)

        assert len(times) == 2

        goes_on.clear()
        asked = [asyncio.create_task(repeating.now())]
        await asyncio.sleep(0)
        await repeating.stop()
        await asyncio.gather(*asked)
