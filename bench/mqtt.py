"""Devices over MQTT: how fast they connect, report, are heard and answer, and what they cost."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psutil

from bench.children import Child
from bench.field import Devices
from bench.figures import Figure
from bench.readers import Readers
from bench.servers import BATCH, STORES, make_job, server_on
from drover.model.instants import to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.serving import Serving

ROLES: Final = "api,engine,scheduler,mqtt"
REPORTING: Final = 200
FLEET: Final = 10_000
READERS: Final = 100
SPEED: Final = 1000
"""Messages a second that are read."""

PATIENCE_S: Final = 90.0
_MEBI: Final = 1_048_576


def measure(*, quick: bool) -> Iterator[Figure]:
    """Measure on each store; what does not depend on the store on SQLite alone."""
    for store in STORES:
        with _field(store, REPORTING) as (server, devices, ids):
            yield _ingestion(server, devices, ids, messages=50 if quick else 500, store=store)
            if store == "sqlite":
                yield _delivery(server, devices, seconds=2 if quick else 10)
    with _field("sqlite", FLEET // 10 if quick else FLEET) as (server, devices, ids):
        yield from _fleet(server, devices, ids)


@contextmanager
def _field(store: str, count: int) -> Iterator[tuple[Serving, Child, list[str]]]:
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
) -> Figure:
    """Report at QoS 1, until the newest value of every device is the last one it sent."""
    devices.do("connect", ids)
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
    return Figure(f"state of {len(ids)} devices stored ({store})", stored, "/s", ">= 20,000")


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


def _fleet(server: Serving, devices: Child, ids: list[str]) -> Iterator[Figure]:
    before = _memory(server)
    seconds = devices.do("connect", ids)
    yield Figure(f"{len(ids):,} devices connect", len(ids) / seconds, "/s", ">= 2,000")
    _all_noted(server, len(ids))
    grown = (_memory(server) - before) / _MEBI
    yield Figure(f"{len(ids):,} idle connections add to memory", grown, "MB", "")
    yield Figure("memory of all processes then", _memory(server) / _MEBI, "MB", "<= 300")

    job = _command_job(server)
    time.sleep(2)  # servers look every second which topics workflows wait for
    devices.do("answer_commands", "jobs/replies/{device}")
    execution = server.client.post(f"{job}/execute")["executionId"]
    entry = _ended(server, f"{job}/executions/{execution}")
    if entry["executionSummary"]["succeeded"] != len(ids):
        raise RuntimeError(f"{entry['status']}: {entry['executionSummary']}")
    took_s = (to_ms(entry["runCompletedAt"]) - to_ms(entry["runStartedAt"])) / 1000
    name = f"command job over {len(ids):,} devices, ended by their replies"
    yield Figure(name, len(ids) / took_s, "/s", ">= 3,000")


def _all_noted(server: Serving, count: int) -> None:
    """Wait until all are shown as connected."""
    path = f"/applications/{server.application_id()}/devices"
    query = '{"connectionStatus": {"$eq": "connected"}}'
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        if server.client.get(path, perPage=1, query=query)["totalCount"] >= count:
            return
        time.sleep(0.2)
    raise RuntimeError("not all devices are shown as connected")


def _memory(server: Serving) -> int:
    """Return the memory of a server and its children: what they share is counted once."""
    parent = psutil.Process(server.process.pid)
    family = [parent, *parent.children(recursive=True)]
    return sum(each.memory_full_info().pss for each in family)


def _command_job(server: Serving) -> str:
    """Make a job that commands each device and ends its iteration when the reply has come."""
    tell = {
        "id": "tell",
        "type": "DeviceSendCommandNode",
        "config": {
            "deviceIdsPath": "data.device.deviceId",
            "nameTemplate": "go",
            "payloadTemplate": '{"iterationId": "{{data.iterationId}}"}',
        },
        "meta": {"deviceSelectionType": "payload"},
        "outputIds": [[]],
    }
    job = make_job(server, [tell], iterationTimeout=60_000)
    read = {
        "id": "read",
        "type": "JsonDecodeNode",
        "config": {"source": "data", "destination": "working.reply"},
        "outputIds": [["end"]],
    }
    end = {
        "id": "end",
        "type": "ResourceJobAcknowledgeNode",
        "config": {
            "iterationIdPath": "working.reply.iterationId",
            "successExpression": "{{working.reply.ok}}",
        },
        "outputIds": [[]],
    }
    trigger = {
        "type": "mqttTopic",
        "key": "jobs/replies/+",
        "config": {},
        "outputIds": [["read"]],
    }
    flow = {"name": "replies", "flowClass": "cloud", "triggers": [trigger], "nodes": [read, end]}
    server.client.post(f"/applications/{server.application_id()}/flows", flow)
    return job


def _ended(server: Serving, path: str) -> Any:
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        entry = server.client.get(path)
        if entry["status"] not in {"inProgress", "erroring", "canceling"}:
            break
        time.sleep(0.1)
    return entry
