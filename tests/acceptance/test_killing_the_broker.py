"""What a broker acknowledged is kept, though the broker or the server is killed meanwhile."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import suppress

import psutil
import pytest

from drover.mqtt.device import ConnectionEnded
from examples.serving import serving
from tests.support.field import Site, eventually

BEGAN_MS = int(time.time() * 1000) - 3_600_000
"""The moment of the first report; each has one of its own, so that none replaces another."""

SETTINGS = {
    "roles": "api,engine,scheduler,mqtt",
    "workers": 1,
    "script_workers": 1,
    "sweep_seconds": 0.5,
}


def broker_of(running) -> psutil.Process | None:
    children = psutil.Process(running.process.pid).children(recursive=True)
    return next((each for each in children if each.name() == "nats-server"), None)


def is_another(broker: psutil.Process | None, before: psutil.Process) -> bool:
    return broker is not None and broker.pid != before.pid


async def report(
    site: Site,
    device_id: str,
    numbers: range,
    acknowledged: list[int],
    goes_on: asyncio.Event | None = None,
) -> None:
    """Report numbers one after another, each until it is acknowledged.

    The second half waits for ``goes_on``.
    """
    pump = await site.connect_again(device_id)
    for number in numbers:
        if goes_on is not None and number >= len(numbers) // 2:
            await goes_on.wait()
        while number not in acknowledged:
            body = {"data": {"level": number}, "time": BEGAN_MS + number}
            try:
                async with asyncio.timeout(5):
                    await pump.client.publish(pump.state, json.dumps(body).encode())
                acknowledged.append(number)
            except (ConnectionEnded, TimeoutError):
                pump = await site.connect_again(device_id)


def connected(site: Site, device_id: str) -> int:
    return site.get(f"devices/{device_id}")["connectionInfo"]["connected"]


async def test_a_killed_broker_comes_back_and_has_lost_nothing_it_acknowledged():
    with serving(**SETTINGS) as running:
        site = Site.new(running)
        device_id, acknowledged = site.device(), []
        goes_on = asyncio.Event()
        reporting = asyncio.create_task(report(site, device_id, range(200), acknowledged, goes_on))
        await eventually(lambda: len(acknowledged) == 100)
        goes = await site.connect(site.device())
        await eventually(lambda: connected(site, goes.id) == 1)

        before = broker_of(running)
        assert before is not None
        goes_on.set()
        await asyncio.sleep(0)  # so that a report is on its way
        before.kill()
        async with asyncio.timeout(90):
            await reporting

        await eventually(lambda: is_another(broker_of(running), before))
        await eventually(lambda: set(site.levels(device_id)) == set(range(200)))
        await eventually(lambda: connected(site, goes.id) == 0)
        await eventually(lambda: connected(site, device_id) == 1)
        pump = site.connected[-1]
        await pump.client.subscribe(pump.command)
        site.post(f"devices/{device_id}/command", {"name": "go"})
        assert json.loads((await pump.hears())[0][1])["name"] == "go"
        await site.close()


@pytest.mark.slow
async def test_a_killed_server_takes_up_what_its_broker_acknowledged(tmp_path):
    with serving(str(tmp_path), **SETTINGS, admin_password="secret-of-tests-1") as running:
        site = Site.new(running)
        device_id, acknowledged = site.device(), []
        reporting = asyncio.create_task(report(site, device_id, range(10_000), acknowledged))
        await eventually(lambda: len(acknowledged) > 100)

        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
        reporting.cancel()
        with suppress(asyncio.CancelledError):
            await reporting
        for each in site.connected:
            each.client.abort()

    with serving(str(tmp_path), **SETTINGS, admin_password="secret-of-tests-1") as again:
        site = Site(again, site.application_id, site.key)
        await eventually(lambda: set(site.levels(device_id)) >= set(acknowledged))
        await eventually(lambda: connected(site, device_id) == 0)
