"""Messages on their way to the broker while it does not take any."""

from __future__ import annotations

import asyncio

from nats.errors import MaxPayloadError
from structlog.testing import capture_logs

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


async def test_what_the_broker_does_not_take_is_counted_and_holds_up_nothing(monkeypatch):
    bus, sent = Link(), asyncio.Event()

    async def send(message):
        if not message.payload:
            raise MaxPayloadError
        sent.set()

    monkeypatch.setattr(bus, "_send", send)
    bus._pumping = asyncio.create_task(bus._pump())
    for payload in (b"", b"", b"1"):
        bus.publish(Message("a" * 24, "topic", payload))
    await sent.wait()

    assert bus.not_sent == 2
    await bus.close()


async def test_of_connections_that_fail_together_one_is_logged_and_all_are_counted(monkeypatch):
    bus = Link()
    with capture_logs() as logged:
        for _ in range(5):
            await bus._failed(ConnectionRefusedError("refused"))
        monkeypatch.setattr(bus, "_quiet_until_s", 0.0)
        await bus._failed(ConnectionRefusedError())

    assert [(each["error"], each["so_far"]) for each in logged] == [
        ("refused", 1),
        ("ConnectionRefusedError", 6),
    ]


async def test_who_publishes_many_waits_until_there_is_room(monkeypatch):
    monkeypatch.setattr(link, "MOST_LEAVING", 4)
    bus, sent, may_send = Link(), [], asyncio.Event()

    async def send(message):
        await may_send.wait()
        sent.append(message)

    monkeypatch.setattr(bus, "_send", send)
    bus._pumping = asyncio.create_task(bus._pump())
    for number in range(4):
        bus.publish(Message("a" * 24, f"topic/{number}", b""))
    waiting = asyncio.create_task(bus.room())
    done, _ = await asyncio.wait([waiting], timeout=0)
    may_send.set()
    await waiting
    for number in range(4, 6):
        bus.publish(Message("a" * 24, f"topic/{number}", b""))
    await bus.room()

    assert (len(done), bus.dropped) == (0, 0)
    await bus.close()


async def test_nobody_waits_for_ever_for_a_broker_that_takes_nothing(monkeypatch):
    monkeypatch.setattr(link, "MOST_LEAVING", 1)
    monkeypatch.setattr(link, "ROOM_S", 0)
    bus = Link()
    bus._pumping = asyncio.create_task(asyncio.Event().wait())
    bus.publish(Message("a" * 24, "topic", b""))

    await asyncio.wait_for(bus.room(), 60)

    assert not bus._is_half_empty()
    await bus.close()


async def test_who_decides_on_devices_is_told_when_the_broker_is_back():
    bus, told = Link(), []

    async def tell():
        told.append(1)

    bus.decides_again = tell
    await bus._again("a" * 24)
    await bus._again(CALLOUT)

    assert told == [1]
