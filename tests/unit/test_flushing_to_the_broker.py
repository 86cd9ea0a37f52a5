"""What was sent has reached the broker when a flush is over, whatever the client's own does."""

from __future__ import annotations

import asyncio

import nats
import pytest
from nats.errors import ConnectionClosedError, FlushTimeoutError

from drover.mqtt.flushing import flush

HELLO = b'INFO {"server_id":"x","version":"2.11.0","headers":true,"max_payload":1048576}\r\n'


class Broker:
    """The broker's side of one connection: answers pings, and notes all lines in their order."""

    def __init__(self):
        self.lines = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def talk(self, reader, writer):
        writer.write(HELLO)
        while line := await reader.readline():
            self.lines.append(line.split(b" ")[0].strip())
            if line == b"PING\r\n":
                await self.answers.wait()
                writer.write(b"PONG\r\n")
        writer.close()


async def test_a_subscription_is_with_the_broker_before_it_is_asked_whether_all_is():
    broker = Broker()
    server = await asyncio.start_server(broker.talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = await nats.connect(f"nats://127.0.0.1:{port}")
    before = len(broker.lines)

    for _ in range(20):
        await client.subscribe("t.a")
        await flush(client)

    assert broker.lines[before:] == [b"SUB", b"PING"] * 20
    await client.close()
    server.close()


async def test_an_answer_that_comes_too_late_ends_nothing():
    broker = Broker()
    server = await asyncio.start_server(broker.talk, "127.0.0.1", 0)
    client = await nats.connect(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    broker.answers.clear()
    with pytest.raises(FlushTimeoutError):
        await flush(client, 0.01)

    broker.answers.set()
    async with asyncio.timeout(60):
        await flush(client)

    await client.close()
    with pytest.raises(ConnectionClosedError):
        await flush(client)
    server.close()
