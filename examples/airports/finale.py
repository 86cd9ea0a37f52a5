"""The end of the demonstration: a job that ends by what live devices answer.

Simulated devices connect over MQTT. Each iteration of the job sends its device a command; the
device answers on a topic, and a workflow acknowledges the iteration by that answer. Some answer
that it did not work. Some do not answer in time: those iterations time out and are tried again.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from drover.mqtt.simulated import Fleet, Habits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drover.client import Client

CONNECT_S: Final = 120.0
"""How long all devices may take to connect."""

HABITS: Final = Habits(delay_s=0.3, failing=0.02, silent=0.05)
TIMEOUT_MS: Final = 5000
RETRIES: Final = 5
TAG: Final = {"key": "line", "value": "live"}


class TooSlow(RuntimeError):
    """Not all devices could connect in time."""


def load(client: Client, application_id: str, count: int) -> list[str]:
    """Make the devices, and return their ids."""
    body = {"deviceClass": "standalone", "tags": [TAG]}
    devices = [{"name": f"Runway light {number}", **body} for number in range(1, count + 1)]
    base = f"/applications/{application_id}/devices"
    for start in range(0, count, 500):
        client.post(f"{base}/batch", {"devices": devices[start : start + 500]})
    query = json.dumps({"tags": {"$tagKey": TAG["key"], "$tagValue": TAG["value"]}})
    return [str(device["id"]) for device in client.items(base, query=query)]


def job() -> dict[str, Any]:
    """Return the body of the job: a command for each device, tried again without an answer."""
    return {
        "name": "Restart runway lights",
        "resourceType": "device",
        "queryJson": json.dumps({"tags": {"$tagKey": TAG["key"], "$tagValue": TAG["value"]}}),
        "maxIterationConcurrency": 100,
        "iterationTimeout": TIMEOUT_MS,
        "retryOnTimeout": True,
        "maxIterationRetries": RETRIES,
    }


def workflow(job_id: str) -> dict[str, Any]:
    """Return the workflow that sends the commands, and acknowledges by the answers."""
    command = {
        "deviceIdsPath": "data.device.deviceId",
        "nameTemplate": "restart",
        "payloadTemplate": '{"iterationId": "{{data.iterationId}}"}',
    }
    acknowledge = {
        "successExpression": "{{working.reply.ok}} === true",
        "messageTemplate": "{{working.reply.note}}",
        "iterationIdPath": "working.reply.iterationId",
        "resultPath": "working.acknowledged",
    }
    decode = {"source": "data", "destination": "working.reply"}
    return {
        "name": "Restart and wait for the answer",
        "triggers": [
            {"type": "resourceJobIteration", "key": job_id, "outputIds": [["tell"]]},
            {"type": "mqttTopic", "key": "jobs/replies/+", "outputIds": [["read"]]},
        ],
        "nodes": [
            {
                "id": "tell",
                "type": "DeviceSendCommandNode",
                "config": command,
                "meta": {"deviceSelectionType": "payload"},
                "outputIds": [[]],
            },
            {"id": "read", "type": "JsonDecodeNode", "config": decode, "outputIds": [["end"]]},
            {
                "id": "end",
                "type": "ResourceJobAcknowledgeNode",
                "config": acknowledge,
                "outputIds": [[]],
            },
        ],
    }


@contextmanager
def connected(
    client: Client, application_id: str, ids: Sequence[str], port: int
) -> Iterator[Fleet]:
    """Connect simulated devices for as long as the context lasts; raises TooSlow."""
    base = f"/applications/{application_id}/keys"
    key = client.post(base, {"name": "simulated runway lights"})
    fleet = Fleet(("127.0.0.1", port), (key["key"], key["secret"]), HABITS)
    loop = asyncio.new_event_loop()
    living = loop.create_task(fleet.run(ids))
    thread = threading.Thread(target=_run, args=(loop, living), daemon=True)
    thread.start()
    try:
        until = time.monotonic() + CONNECT_S
        while fleet.tally.connected < len(ids):
            if time.monotonic() > until or not thread.is_alive():
                raise TooSlow(f"{fleet.tally.connected} of {len(ids)} devices are connected")
            time.sleep(0.05)
        yield fleet
    finally:
        loop.call_soon_threadsafe(living.cancel)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, living: asyncio.Task[None]) -> None:
    loop.run_until_complete(asyncio.gather(living, return_exceptions=True))
    loop.close()
