"""Servers that share a broker which none of them runs."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from drover.mqtt.broker import find_binary
from examples.serving import serving
from tests.support.beacon_agents import until
from tests.support.field import Site, eventually
from tests.support.free_ports import free_port

pytestmark = pytest.mark.processes_measured

KEY = "a key that all of them share"


@contextmanager
def broker(folder: Path):
    """A broker run as the guide says; yields its URL and the port for devices."""
    clients, mqtt = free_port(), free_port()
    printed = subprocess.run(
        [sys.executable, "-m", "drover.main", "broker-config", "--data-dir", str(folder)],
        env=os.environ | {"DROVER_MQTT_KEY": KEY, "DROVER_MQTT_PORT": str(mqtt)},
        capture_output=True,
        text=True,
        check=True,
    )
    text = re.sub(
        r"^listen: .*$", f'listen: "127.0.0.1:{clients}"', printed.stdout, flags=re.MULTILINE
    )
    (folder / "broker.conf").write_text(text)
    with subprocess.Popen([find_binary(), "-c", "broker.conf"], cwd=folder) as running:
        try:
            until(lambda: listening(mqtt))
            yield f"nats://127.0.0.1:{clients}", mqtt
        finally:
            running.terminate()


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_two_servers_share_a_broker_and_each_message_is_handled_once(tmp_path, postgres_url):
    settings = {
        "database": postgres_url,
        "mqtt_key": KEY,
        "workers": 1,
        "script_workers": 1,
        "admin_password": "one of both",
    }
    roles = "api,engine,scheduler,mqtt"
    with (
        broker(tmp_path) as (url, port),
        serving(**settings, roles=roles, nats=url) as one,
        serving(**settings, roles=roles, nats=url),
    ):
        site = Site.new(one)
        site.port = port
        count = {"keyName": "count", "valueType": "incr", "value": "1"}
        node = {"id": "a", "type": "StoreValueNode", "config": count, "meta": {}, "outputIds": [[]]}
        trigger = {"type": "mqttTopic", "key": "jobs/+", "config": {}, "outputIds": [["a"]]}
        flow = site.post("flows", {"name": "counts", "triggers": [trigger], "nodes": [node]})
        pump = await site.connect(site.device())
        await site.listens(pump)
        await pump.client.subscribe(pump.command)

        for number in range(20):
            await pump.client.publish("jobs/a", b"x")
            body = {"data": {"level": number}, "time": int(time.time() * 1000) + number}
            await pump.client.publish(pump.state, json.dumps(body).encode())
        site.post(f"devices/{pump.id}/command", {"name": "go"})

        assert json.loads((await pump.hears())[0][1])["name"] == "go"
        storage = f"flows/{flow['id']}/storage"
        await eventually(lambda: site.get(storage).get("count") == 20)
        await eventually(
            lambda: len(site.get(f"devices/{pump.id}/state", limit=100, start=1)) == 20
        )
        await site.close()
