"""Messages on their way to the broker while it does not take any."""

from __future__ import annotations

import asyncio

from drover.mqtt import link
from drover.mqtt.accounts import CALLOUT
from drover.mqtt.link import Link
from drover.ports.bus import Message


async def test_no_more_messages_wait_for_the_broker_than_may(monkeypatch):
    monkeypatch.setattr(link, "MOST_LEAVING", 2)
    bus = Link()
    bus._pumping = asyncio.create_task(asyncio.Event().wait())

    for number in range(3):
        bus.publish(Message("a" * 24, f"topic/{number}", b""))

    assert [bus._leaving.get_nowait().topic for _ in range(bus._leaving.qsize())] == [
        "topic/0",
        "topic/1",
    ]
    await bus.close()


async def test_who_decides_on_devices_is_told_when_the_broker_is_back():
    bus, told = Link(), []

    async def tell():
        told.append(1)

    bus.decides_again = tell
    await bus._again("a" * 24)
    await bus._again(CALLOUT)

    assert told == [1]
