"""Devices over MQTT: how fast what they report is stored, and what they publish is heard."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psutil

from bench import counting
from bench.children import Child
from bench.field import Devices
from bench.figures import Figure
from bench.readers import Readers
from bench.servers import BATCH, STORES, server_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.serving import Serving

ROLES: Final = "api,engine,scheduler,mqtt"
REPORTING: Final = 200
READERS: Final = 100
SPEED: Final = 1000
"""Messages a second that are read."""

PATIENCE_S: Final = 90.0


def measure(*, quick: bool) -> Iterator[Figure]:
    """Measure on each store; what does not depend on the store on SQLite alone."""
    for store in STORES:
        with devices_on(store, REPORTING) as (server, devices, ids):
            yield from _ingestion(server, devices, ids, messages=50 if quick else 500, store=store)
            if store == "sqlite":
                yield _delivery(server, devices, seconds=2 if quick else 10)


@contextmanager
def devices_on(store: str, count: int) -> Iterator[tuple[Serving, Child, list[str]]]:
    """Yield a server, a process with devices that are not connected yet, and their ids."""
    with server_on(store, roles=ROLES, workers=1, mqtt_topics="bench,jobs") as (server, _):
        base = f"/applications/{server.application_id()}"
        attributes = [{"name": "level", "dataType": "number"}]
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            bodies = [{"name": f"d{number}", "attributes": attributes} for number in numbers]
            server.client.post(f"{base}/devices/batch", {"devices": bodies})
        ids = [each["id"] for each in server.client.items(f"{base}/devices")]
        key = server.client.post(f"{base}/keys", {})
        devices = Child(Devices, ("127.0.0.1", server.mqtt_port), (key["key"], key["secret"]))
        try:
            yield server, devices, ids
        finally:
            devices.close()


def _ingestion(
    server: Serving, devices: Child, ids: list[str], *, messages: int, store: str
) -> Iterator[Figure]:
    """Report at QoS 1, until the newest value of every device is the last one it sent."""
    devices.do("connect", ids)
    before_s = _processor_s(server)
    began, _ = devices.do("report", messages)
    path = f"/applications/{server.application_id()}/devices/compositeState"
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        page: Any = server.client.get(path, perPage=len(ids))
        values = [each["compositeState"].get("level", {}) for each in page["items"]]
        if all(each.get("value") == messages for each in values):
            break
        time.sleep(0.1)
    else:
        raise RuntimeError("not all state was stored")
    stored = len(ids) * messages / (time.time() - began)
    yield Figure(f"state of {len(ids)} devices stored ({store})", stored, "/s", ">= 20,000")
    each_s = (_processor_s(server) - before_s) / (len(ids) * messages)
    name = f"share of it that counts payloads ({store}; {each_s * 1e6:.0f} us a message)"
    yield Figure(name, 100 * counting.seconds_for_each() / each_s, "%", "<= 3")


def _processor_s(server: Serving) -> float:
    """Return the processor time of the server itself, without its broker and workers."""
    taken = psutil.Process(server.process.pid).cpu_times()
    return float(taken.user + taken.system)


def _delivery(server: Serving, devices: Child, *, seconds: int) -> Figure:
    """Publish from a device, and read with many readers."""
    host, port = server.url.removeprefix("http://").split(":")
    readers = Child(Readers, host, int(port), server.client.token)
    try:
        base = f"/applications/{server.application_id()}"
        readers.do("open", f"{base}/mqttSubscriptionStream?topic=bench/moments", READERS)
        devices.do("speak", "bench/moments", SPEED * seconds, SPEED)
        read, _, late_ms = readers.do("delays", SPEED * seconds)
    finally:
        readers.close()
    if read != READERS * SPEED * seconds:
        raise RuntimeError(f"{read} of {READERS * SPEED * seconds} messages were read")
    name = f"published to read by {READERS}, at {SPEED:,} messages/s, p99"
    return Figure(name, late_ms, "ms", "<= 50")
