"""Messages on their way to the broker while it does not take any."""

from __future__ import annotations

import asyncio

from drover.mqtt import link
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
