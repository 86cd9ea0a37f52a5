"""A server that stops or is killed and starts again hears all messages for workflows it acknowledged."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from itertools import count

import pytest

from drover.mqtt.device import ConnectionEnded, ConnectionRefused
from examples.serving import Serving, serving
from tests.support.field import PATIENCE_S, Connected, Site, eventually

SETTINGS = {
    "roles": "api,engine,scheduler,mqtt",
    "workers": 1,
    "script_workers": 1,
    "sweep_seconds": 0.5,
    "admin_password": "secret-of-tests-1",
}
SPEAKERS = 8
PAUSE_S = 0.01
"""Between two messages of a speaker, so that they are not too many to look at one by one."""

DECODE = {"source": "data", "destination": "working.said"}
KEEP = {"keyName": "n{{working.said}}", "valueType": "template", "value": "{{relayId}}"}
LISTENS = {
    "name": "keeps what is said",
    "triggers": [{"type": "mqttTopic", "key": "said/+", "config": {}, "outputIds": [["d"]]}],
    "nodes": [
        {"id": "d", "type": "JsonDecodeNode", "config": DECODE, "outputIds": [["k"]]},
        {"id": "k", "type": "StoreValueNode", "config": KEEP, "outputIds": [[]]},
    ],
}


async def come(site: Site, device_id: str) -> Connected:
    """Connect as a device does that was cut off: again and again."""
    while True:
        with suppress(OSError, ConnectionEnded, ConnectionRefused):
            return await site.connect(device_id)
        await asyncio.sleep(0.05)


async def speak(site: Site, device_id: str, numbers: count[int], said: set[int]) -> None:
    """Say numbers one after another, and note those that were acknowledged."""
    while True:
        pump = await come(site, device_id)
        with suppress(ConnectionEnded):
            while True:
                number = next(numbers)
                await pump.client.publish("said/number", json.dumps(number).encode())
                said.add(number)
                await asyncio.sleep(PAUSE_S)


def stop(running: Serving) -> None:
    """Stop a server as an operator does, and wait until it has ended."""
    running.process.terminate()
    running.process.wait(PATIENCE_S)


def kill(running: Serving) -> None:
    """End a server as a loss of power does."""
    running.process.kill()
    running.process.wait(PATIENCE_S)


def missing(site: Site, flow_id: str, said: set[int]) -> set[int]:
    """Return what was acknowledged and has not reached the workflow."""
    heard = site.get(f"flows/{flow_id}/storage")
    return {number for number in said if f"n{number}" not in heard}


@pytest.mark.parametrize("end", [stop, kill])
async def test_what_was_acknowledged_before_an_end_or_after_a_start_is_heard(tmp_path, end):
    numbers, said = count(), set()
    with serving(str(tmp_path), **SETTINGS) as running:
        site = Site.new(running)
        flow_id = site.post("flows", LISTENS)["id"]
        devices = [site.device() for _ in range(SPEAKERS)]
        await site.listens(await site.connect(devices[0]))
        speaking = [asyncio.create_task(speak(site, each, numbers, said)) for each in devices]
        await eventually(lambda: len(said) > 100)
        await asyncio.to_thread(end, running)
    before = len(said)

    with serving(str(tmp_path), **SETTINGS) as again:
        site.serving = again
        await eventually(lambda: len(said) > before + 100)
        for each in speaking:
            each.cancel()
        await asyncio.gather(*speaking, return_exceptions=True)
        async with asyncio.timeout(PATIENCE_S):
            while missing(site, flow_id, said):
                await asyncio.sleep(0.2)
        heard = site.get(f"flows/{flow_id}/storage")
        assert {heard[f"n{number}"] for number in said} <= {"", *devices}
        assert end is kill or "" not in heard.values()  # who said it
        await site.close()
