"""What is done again and again ends when it is stopped, also where a cancel of it is lost."""

from __future__ import annotations

import asyncio

from drover.mqtt.repeating import Repeating, end_all


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
