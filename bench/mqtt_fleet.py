"""A fleet over MQTT: how fast it connects and answers a job's commands, and what it costs.

The bounds are those of the broker alone, in the same run: the same number of devices connects to
one that asks nobody who they are, and keeps no rights for them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psutil

from bench.bare_broker import bare_broker, processor_s
from bench.children import Child
from bench.field import Devices
from bench.figures import Figure
from bench.mqtt import PATIENCE_S, devices_on
from bench.servers import make_job
from drover.model.instants import to_ms
from drover.mqtt.broker import BINARY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from examples.serving import Serving

FLEET: Final = 10_000
_MEBI: Final = 1_048_576


class _Bound(NamedTuple):
    """What the broker alone does with a fleet."""

    connects_s: float
    connect_us: float
    added_mb: float
    memory_mb: float


def measure(*, quick: bool) -> Iterator[Figure]:
    """Measure on SQLite."""
    count = FLEET // 10 if quick else FLEET
    bound = _bound(count)
    with devices_on("sqlite", count) as (server, devices, ids):
        yield from _connected(server, devices, ids, bound)
        yield _commanded(server, devices, ids)


def _bound(count: int) -> _Bound:
    with bare_broker() as broker:
        before, before_s = broker.memory_bytes(), broker.processor_s()
        devices = Child(Devices, broker.address, ("anybody", "any"))
        try:
            seconds = devices.do("connect", [f"{number:024x}" for number in range(count)])
            taken_s, after = broker.processor_s() - before_s, broker.memory_bytes()
        finally:
            devices.close()
    each_us = taken_s / count * 1e6
    return _Bound(count / seconds, each_us, (after - before) / _MEBI, after / _MEBI)


def _connected(
    server: Serving, devices: Child, ids: Sequence[str], bound: _Bound
) -> Iterator[Figure]:
    before = _memory_mb(server)
    before_s = _processors_s(server, devices)
    seconds = devices.do("connect", ids)
    after_s = _processors_s(server, devices)
    name = f"{len(ids):,} devices connect"
    alone = "the broker alone"
    yield Figure(name, len(ids) / seconds, "/s", ">= 2,000", bound.connects_s, alone)
    for part, taken_s in after_s.items():
        each_us = (taken_s - before_s[part]) / len(ids) * 1e6
        of_bound = bound.connect_us if part == "broker" else None
        yield Figure(f"processor time of a connect: {part}", each_us, "us", "", of_bound, alone)
    _all_noted(server, len(ids))
    memory = _memory_mb(server)
    name = f"{len(ids):,} idle connections add to memory"
    yield Figure(name, memory - before, "MB", "", bound.added_mb, alone)
    yield Figure("memory of all processes then", memory, "MB", "<= 300", bound.memory_mb, alone)


def _commanded(server: Serving, devices: Child, ids: Sequence[str]) -> Figure:
    job = _command_job(server)
    time.sleep(2)  # servers look every second which topics workflows wait for
    devices.do("answer_commands", "jobs/replies/{device}")
    execution = server.client.post(f"{job}/execute")["executionId"]
    entry = _ended(server, f"{job}/executions/{execution}")
    if entry["executionSummary"]["succeeded"] != len(ids):
        raise RuntimeError(f"{entry['status']}: {entry['executionSummary']}")
    took_s = (to_ms(entry["runCompletedAt"]) - to_ms(entry["runStartedAt"])) / 1000
    name = f"command job over {len(ids):,} devices, ended by their replies"
    return Figure(name, len(ids) / took_s, "/s", ">= 3,000")


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


def _memory_mb(server: Serving) -> float:
    """Return the memory of a server and its children: what they share is counted once."""
    parent = psutil.Process(server.process.pid)
    family = [parent, *parent.children(recursive=True)]
    return float(sum(each.memory_full_info().pss for each in family)) / _MEBI


def _processors_s(server: Serving, devices: Child) -> dict[str, float]:
    """Return the processor time that each part of a connect has taken, in seconds.

    They share the machine's cores, so their sum bounds how many connect in a second.
    """
    itself = psutil.Process(server.process.pid)
    broker = next(each for each in itself.children() if each.name() == BINARY)
    parts = {"broker": broker, "server": itself, "devices": psutil.Process(devices.pid)}
    return {name: processor_s(each) for name, each in parts.items()}


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
