"""A broker that stops is not waited for longer than it takes to close its streams."""

from __future__ import annotations

import asyncio

from drover.mqtt.accounts import CALLOUT, Keyring
from drover.mqtt.broker import Broker, Ports, find_binary
from drover.mqtt.callout import SUBJECT
from drover.mqtt.device import connect_packet
from drover.mqtt.link import Link

KEYS = Keyring(b"secret")
PATIENCE_S = 60


async def test_devices_about_which_nobody_answers_do_not_hold_up_the_end_of_their_broker(tmp_path):
    broker = Broker(KEYS, Ports(host="127.0.0.1", clients=0, mqtt=0), tmp_path, find_binary())
    await broker.start()
    link, asked = Link(), asyncio.Event()
    await link.open(KEYS, [broker.url])
    deciding = await link.client(CALLOUT)

    async def hear(_question):
        asked.set()

    await deciding.subscribe(SUBJECT, cb=hear)
    await deciding.flush()
    _, device = await asyncio.open_connection("127.0.0.1", broker.ports.mqtt)
    device.write(connect_packet("d" * 24, "key", "secret"))
    async with asyncio.timeout(PATIENCE_S):
        await asked.wait()

    await link.close()
    await broker.stop()

    device.close()
    log = (tmp_path / "log").read_text()
    assert "JetStream Shutdown" in log
    assert "Server Exiting" not in log
