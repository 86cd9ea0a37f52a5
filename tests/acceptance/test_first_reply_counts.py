"""Of two contrary replies of a device the first one counts, whatever becomes of the server."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

from examples.serving import serving
from tests.support.field import PATIENCE_S, Site, eventually

SETTINGS = {
    "roles": "api,engine,scheduler,mqtt",
    "workers": 1,
    "script_workers": 1,
    "sweep_seconds": 0.5,
    "admin_password": "secret-of-tests-1",
    "lease_seconds": 600,
}

COMMAND = {
    "deviceIdsPath": "data.device.deviceId",
    "nameTemplate": "reboot",
    "payloadTemplate": '{"iterationId": "{{data.iterationId}}"}',
}
ACKNOWLEDGE = {
    "successExpression": "{{working.reply.ok}}",
    "iterationIdPath": "working.reply.iterationId",
}
NODES = [
    {
        "id": "tell",
        "type": "DeviceSendCommandNode",
        "config": COMMAND,
        "meta": {"deviceSelectionType": "payload"},
        "outputIds": [[]],
    },
    {
        "id": "read",
        "type": "JsonDecodeNode",
        "config": {"source": "data", "destination": "working.reply"},
        "outputIds": [["wait"]],
    },
    {
        "id": "wait",
        "type": "DelayNode",
        "config": {"delay": "{{working.reply.wait}}"},
        "outputIds": [["end"]],
    },
    {
        "id": "end",
        "type": "ResourceJobAcknowledgeNode",
        "config": ACKNOWLEDGE,
        "outputIds": [[]],
    },
]


def begin(site: Site) -> str:
    """Make a job whose iterations end with replies, and return its path."""
    job = site.post("resource-jobs", {"name": "reboot", "resourceType": "device"})["id"]
    starts = [("resourceJobIteration", job, "tell"), ("mqttTopic", "jobs/+", "read")]
    triggers = [
        {"type": kind, "key": key, "config": {}, "outputIds": [[first]]}
        for kind, key, first in starts
    ]
    site.post("flows", {"name": "reboots", "triggers": triggers, "nodes": NODES})
    return f"resource-jobs/{job}"


def taken(folder: Path) -> bool:
    """Tell whether a reply's workflow has been begun and not ended."""
    with closing(sqlite3.connect(folder / "drover.db")) as connection:
        rows = connection.execute("SELECT 1 FROM firing WHERE tries > 0 AND trigger_key = 'jobs/+'")
        return rows.fetchone() is not None


async def reply(site: Site, device_id: str, iteration: str, *, ok: bool, wait: int) -> None:
    pump = await site.connect(device_id)
    said = {"iterationId": iteration, "ok": ok, "wait": wait}
    await pump.client.publish(f"jobs/{device_id}", json.dumps(said).encode())
    pump.client.close()


async def test_a_reply_that_was_under_way_at_a_kill_counts_before_one_that_came_later(tmp_path):
    with serving(str(tmp_path), **SETTINGS) as running:
        site = Site.new(running)
        pump = await site.connect(site.device())
        await pump.client.subscribe(pump.command)
        job = begin(site)
        execution = site.post(f"{job}/execute", {})["executionId"]
        iteration = json.loads((await pump.hears())[0][1])["payload"]["iterationId"]
        await reply(site, pump.id, iteration, ok=True, wait=2)
        await eventually(lambda: taken(tmp_path))
        running.process.kill()
        await asyncio.to_thread(running.process.wait, PATIENCE_S)

    with serving(str(tmp_path), **SETTINGS) as again:
        site.serving = again
        await reply(site, pump.id, iteration, ok=False, wait=4)
        page = f"{job}/executions/{execution}/iterations"
        ended = {"succeeded", "failed"}
        await eventually(lambda: site.get(page)["items"][0]["status"] in ended)

        assert site.get(page)["items"][0]["status"] == "succeeded"
        await site.close()
