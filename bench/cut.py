"""Thousands of live devices that lose their right at once: how soon all are gone, and who waits.

Devices of another application stay connected meanwhile and report over HTTP.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import httpx

from bench.children import Child
from bench.field import Devices
from bench.figures import Figure
from bench.mqtt import ROLES
from bench.servers import BATCH, STORES, server_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from examples.serving import Serving

FLEET: Final = 5_000
OTHERS: Final = 200
PATIENCE_S: Final = 90.0
PAUSE_S: Final = 0.02


class Fleet:
    """Connected devices of an application of their own."""

    def __init__(self, server: Serving, count: int) -> None:
        self.server = server
        made = server.client.post("/applications", {"name": "Works"})
        self.path = f"/applications/{made['id']}"
        attributes = [{"name": "level", "dataType": "number"}]
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            bodies = [{"name": f"d{number}", "attributes": attributes} for number in numbers]
            server.client.post(f"{self.path}/devices/batch", {"devices": bodies})
        self.ids = [each["id"] for each in server.client.items(f"{self.path}/devices")]
        self.key = server.client.post(f"{self.path}/keys", {})
        address = ("127.0.0.1", server.mqtt_port)
        self.devices = Child(Devices, address, (self.key["key"], self.key["secret"]))
        self.devices.do("connect", self.ids)

    def noted(self) -> int:
        """Return how many the server shows as connected."""
        query = '{"connectionStatus": {"$eq": "connected"}}'
        found = self.server.client.get(f"{self.path}/devices", perPage=1, query=query)
        return int(found["totalCount"])


def measure(*, quick: bool) -> Iterator[Figure]:
    """Take away the key of a fleet, then delete the application of another."""
    count = FLEET // 10 if quick else FLEET
    for store in STORES:
        with server_on(store, roles=ROLES, workers=1) as (server, _):
            others = Fleet(server, OTHERS)
            try:
                yield from _cut(server, store, others, count, _revoke)
                yield from _cut(server, store, others, count, _delete)
            finally:
                others.devices.close()


def _revoke(fleet: Fleet) -> None:
    fleet.server.client.delete(f"{fleet.path}/keys/{fleet.key['id']}")


def _delete(fleet: Fleet) -> None:
    fleet.server.client.delete(fleet.path)


def _cut(
    server: Serving, store: str, others: Fleet, count: int, how: Callable[[Fleet], None]
) -> Iterator[Figure]:
    fleet = Fleet(server, count)
    name = f"{count:,} devices, {how.__name__.strip('_')} ({store})"
    try:
        _wait(lambda: fleet.noted() == count)
        with _asked(server, others) as late_s:
            began = time.perf_counter()
            how(fleet)
            _wait(lambda: not fleet.devices.do("connected"))
            gone_s = time.perf_counter() - began
    finally:
        fleet.devices.close()
    if others.devices.do("connected") != OTHERS:
        raise RuntimeError("devices of another application were cut off")
    yield Figure(f"{name}: all gone", gone_s, "s", "<= 10")
    for what, each in late_s.items():
        yield Figure(f"{name}: longest wait for {what}", max(each) * 1000, "ms", "<= 500")


@contextmanager
def _asked(server: Serving, others: Fleet) -> Iterator[dict[str, list[float]]]:
    """Ask the server again and again meanwhile, and yield how long each answer took."""
    late_s: dict[str, list[float]] = {"health": [], "a report": []}
    ended = threading.Event()
    report = f"{others.path}/devices/{others.ids[0]}/state"

    def ask(what: str, method: str, path: str, body: Any) -> None:
        headers = {"Authorization": f"Bearer {server.client.token}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=PATIENCE_S) as client:
            while not ended.wait(PAUSE_S):
                began = time.perf_counter()
                client.request(method, path, json=body).raise_for_status()
                late_s[what].append(time.perf_counter() - began)

    asking = [
        threading.Thread(target=ask, args=("health", "GET", "/health", None)),
        threading.Thread(target=ask, args=("a report", "POST", report, {"data": {"level": 1}})),
    ]
    for each in asking:
        each.start()
    try:
        yield late_s
    finally:
        ended.set()
        for each in asking:
            each.join()


def _wait(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > ends:
            raise RuntimeError("not all devices were noted, or gone, in time")
        time.sleep(0.1)
