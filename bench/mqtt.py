"""Devices over MQTT: how fast they connect, how fast their state is stored."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from bench.figures import Figure
from bench.servers import STORES, server_on
from drover.mqtt.device import DeviceClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.serving import Serving

CLIENTS = 200
WINDOW = 50
"""Messages of a device that are not acknowledged yet."""

PATIENCE_S = 300.0


def measure(*, quick: bool) -> Iterator[Figure]:
    """Measure on each store."""
    messages = 20 if quick else 500
    for store in STORES:
        with server_on(store, roles="api,engine,scheduler,mqtt", workers=1) as (server, _):
            connects, stored = asyncio.run(_ingest(server, messages))
        yield Figure(f"devices connect ({store})", connects, "/s", ">= 2,000")
        yield Figure(f"state of {CLIENTS} devices stored ({store})", stored, "/s", ">= 20,000")


async def _ingest(server: Serving, messages: int) -> tuple[float, float]:
    base = f"/applications/{server.application_id()}"
    attributes = [{"name": "level", "dataType": "number"}]
    bodies = [{"name": f"d{number}", "attributes": attributes} for number in range(CLIENTS)]
    server.client.post(f"{base}/devices/batch", {"devices": bodies})
    ids = [each["id"] for each in server.client.items(f"{base}/devices")]
    key = server.client.post(f"{base}/keys", {})
    address, secret = ("127.0.0.1", server.mqtt_port), (key["key"], key["secret"])

    began = time.perf_counter()
    clients = await asyncio.gather(
        *(DeviceClient.connect(address, device_id, secret) for device_id in ids)
    )
    connects = len(ids) / (time.perf_counter() - began)

    began = time.perf_counter()
    pairs = list(zip(ids, clients, strict=True))
    await asyncio.gather(*(_send(device_id, client, messages) for device_id, client in pairs))
    await _all_stored(server, base, messages)
    stored = CLIENTS * messages / (time.perf_counter() - began)
    for client in clients:
        client.close()
    return connects, stored


async def _send(device_id: str, client: DeviceClient, messages: int) -> None:
    topic, now_ms = f"losant/{device_id}/state", int(time.time() * 1000) - messages
    for start in range(0, messages, WINDOW):
        numbers = range(start, min(start + WINDOW, messages))
        bodies = [{"data": {"level": each + 1}, "time": now_ms + each} for each in numbers]
        await asyncio.gather(*(client.publish(topic, json.dumps(body).encode()) for body in bodies))


async def _all_stored(server: Serving, base: str, messages: int) -> None:
    """Wait until the newest value of every device is the last one it sent."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            page: Any = await asyncio.to_thread(
                server.client.get, f"{base}/devices/compositeState", perPage=CLIENTS
            )
            values = [each["compositeState"].get("level", {}) for each in page["items"]]
            if all(each.get("value") == messages for each in values):
                return
            await asyncio.sleep(0.1)
