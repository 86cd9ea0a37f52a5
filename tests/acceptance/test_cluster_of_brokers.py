"""Three brokers that the server does not run: one of them may be lost."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress

from drover.mqtt.accounts import PLATFORM
from drover.mqtt.device import ConnectionEnded, ConnectionRefused
from drover.mqtt.state_feed import STREAM
from examples.serving import serving
from tests.support.clusters import (
    KEY,
    Cluster,
    cluster,
    have_led,
    leader,
    linked,
    report_on,
)
from tests.support.field import PATIENCE_S, Site, eventually

BEGAN_MS = int(time.time() * 1000) - 3_600_000


async def reported(site: Site, device_id: str, number: int) -> None:
    """Report until a broker acknowledges it, on a new connection when one is lost."""
    body = json.dumps({"data": {"level": number}, "time": BEGAN_MS + number}).encode()
    async with asyncio.timeout(2 * PATIENCE_S):
        while True:
            with suppress(ConnectionEnded, ConnectionRefused, OSError, TimeoutError):
                pump = site.connected[-1] if site.connected else await site.connect(device_id)
                async with asyncio.timeout(5):
                    await pump.client.publish(pump.state, body)
                return
            if site.connected:
                site.connected.pop().client.abort()
            await asyncio.sleep(0.2)


async def lose(brokers: Cluster, site: Site, device_id: str) -> tuple[set[int], set[int]]:
    """Kill the broker that leads the stream of state while a device reports at another one.

    Returns what was acknowledged until another leads, and what was said twice.
    """
    async with linked(brokers.addresses) as link:
        await have_led(link, site.application_id, "$MQTT_msgs", "drover-1")
        await have_led(link, PLATFORM, STREAM, "drover-0")
        ends = asyncio.Event()
        reporting = asyncio.create_task(report_on(site, device_id, ends))
        await eventually(lambda: site.get(f"devices/{device_id}/compositeState"))
        brokers.kill(0)
        async with asyncio.timeout(2 * PATIENCE_S):
            while await leader(link, PLATFORM, STREAM) in (None, "drover-0"):
                await asyncio.sleep(0.1)
        ends.set()
        return await reporting


async def test_devices_and_servers_go_on_and_no_report_is_lost_with_one_of_three_brokers(tmp_path):
    with cluster(tmp_path) as brokers:
        await brokers.is_there(0, 1, 2)
        settings = {"roles": "api,mqtt", "nats": brokers.addresses, "mqtt_key": KEY}
        with serving(**settings, workers=1, script_workers=1) as server:
            site = Site.new(server)
            site.port = brokers.ports[0]
            device_id, other_id = site.device(), site.device()
            await reported(site, device_id, 1)
            await eventually(lambda: site.get(f"devices/{device_id}/compositeState"))

            site.port = brokers.ports[1]
            acknowledged, again = await lose(brokers, site, other_id)
            while site.connected:
                site.connected.pop().client.abort()
            for number in range(2, 12):
                await reported(site, device_id, number)

            await eventually(lambda: site.levels(device_id) == list(range(1, 12)))
            await eventually(lambda: acknowledged <= set(site.levels(other_id)))
            found = site.levels(other_id)
            assert {each for each in found if found.count(each) > 1} <= again
            pump = site.connected[-1]
            await pump.client.subscribe(pump.command)
            site.post(f"devices/{device_id}/command", {"name": "go"})
            assert json.loads((await pump.hears())[0][1])["name"] == "go"
            await site.close()
