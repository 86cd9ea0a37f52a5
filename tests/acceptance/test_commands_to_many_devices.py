"""A command to more devices than messages may wait for the broker of a real server."""

from __future__ import annotations

import asyncio

import httpx

from drover.mqtt.link import MOST_LEAVING
from examples.serving import serving
from tests.support.field import Site

ROLES = "api,engine,scheduler,mqtt"
COUNT = MOST_LEAVING + 1500
TOGETHER = 5000
HALL = {"tags": [{"key": "hall", "value": "1"}]}


async def test_a_command_to_very_many_devices_is_kept_for_each_and_reaches_the_last():
    with serving(roles=ROLES, workers=1, script_workers=1) as server:
        site = Site.new(server)
        for start in range(0, COUNT, TOGETHER):
            some = [{"name": "d", **HALL} for _ in range(min(TOGETHER, COUNT - start))]
            site.post("devices/batch", {"devices": some})
        last = await site.connect(site.device(**HALL))
        await last.client.subscribe(last.command)

        site.post("devices/command", {"name": "stop", "deviceTags": [{"key": "hall"}]})

        assert b'"name":"stop"' in (await last.hears())[0][1]
        assert len(site.get(f"devices/{last.id}/command", limit=10)) == 1
        shown = await asyncio.to_thread(httpx.get, f"{server.url}/metrics")
        assert "drover_mqtt_unsent_total 0" in shown.text
        await site.close()
