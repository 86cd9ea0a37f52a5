"""A broker that could not write a report acknowledges no more of them, and is started anew."""

from __future__ import annotations

import asyncio
import time

import httpx
import psutil
import pytest

from examples.serving import serving
from tests.support.field import PATIENCE_S, Site, eventually

BEGAN_MS = int(time.time() * 1000) - 3_600_000
SETTINGS = {"roles": "api,mqtt", "workers": 1, "script_workers": 1}


def broker_of(running) -> psutil.Process | None:
    children = psutil.Process(running.process.pid).children(recursive=True)
    return next((each for each in children if each.name() == "nats-server"), None)


def figure(site: Site, name: str) -> float:
    lines = httpx.get(f"{site.serving.url}/metrics", timeout=PATIENCE_S).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


async def say(pump, number: int) -> None:
    await pump.client.publish(
        pump.state, b'{"data": {"level": %d}, "time": %d}' % (number, BEGAN_MS + number)
    )


@pytest.mark.timeout(300)
async def test_devices_are_sent_away_until_a_broker_that_could_not_write_is_another(tmp_path):
    with serving(str(tmp_path), **SETTINGS) as running:
        site = Site.new(running)
        device_id = site.device()
        pump = await site.connect(device_id)
        await say(pump, 1)
        await eventually(lambda: site.levels(device_id) == [1])

        before = broker_of(running)
        before.rlimit(psutil.RLIMIT_FSIZE, (1, 1))  # as a full disk would: nothing can be written
        await say(pump, 2)
        await pump.ends()
        assert figure(site, "drover_mqtt_full") == 1
        await eventually(lambda: broker_of(running) not in (None, before))

        again = await site.connect_again(device_id)
        assert figure(site, "drover_mqtt_full") == 0
        async with asyncio.timeout(PATIENCE_S):
            await say(again, 3)
        await eventually(lambda: {1, 3} <= set(site.levels(device_id)))
        await site.close()


async def test_more_may_be_promised_to_wait_than_the_disk_has_room_for(tmp_path):
    with serving(str(tmp_path), mqtt_backlog_mb=100_000_000, **SETTINGS) as running:
        site = Site.new(running)
        device_id = site.device()
        pump = await site.connect(device_id)
        await say(pump, 1)
        await eventually(lambda: site.levels(device_id) == [1])
        await site.close()
