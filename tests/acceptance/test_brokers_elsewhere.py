"""Servers that share a broker which none of them runs."""

from __future__ import annotations

import asyncio
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

from drover.mqtt.accounts import PLATFORM, Keyring
from drover.mqtt.broker import find_binary
from drover.mqtt.link import Link
from examples.serving import serving
from tests.support.beacon_agents import until
from tests.support.field import PATIENCE_S, Site, eventually
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


async def test_what_a_broker_has_lost_is_made_again_while_the_server_runs(tmp_path):
    keep = {"keyName": "heard", "valueType": "incr", "value": "1"}
    node = {"id": "a", "type": "StoreValueNode", "config": keep, "meta": {}, "outputIds": [[]]}
    trigger = {"type": "mqttTopic", "key": "jobs/+", "config": {}, "outputIds": [["a"]]}
    link = Link()
    with (
        broker(tmp_path) as (url, port),
        serving(roles="api,engine,mqtt", nats=url, mqtt_key=KEY) as one,
    ):
        site = Site.new(one)
        site.port = port
        flow = site.post("flows", {"name": "counts", "triggers": [trigger], "nodes": [node]})
        pump = await site.connect(site.device())
        await link.open(Keyring(KEY.encode()), [url])
        platform, own = await link.client(PLATFORM), await link.client(site.application_id)

        await platform.jetstream().delete_stream("STATE")
        await own.jetstream().delete_consumer("$MQTT_msgs", "workflows")

        def is_heard():
            return site.get(f"flows/{flow['id']}/storage").get("heard")

        async with asyncio.timeout(PATIENCE_S):
            while not (is_heard() and site.get(f"devices/{pump.id}/state")):
                await pump.client.publish("jobs/a", b"x")
                await pump.client.publish(pump.state, b'{"data": {"level": 1}}')
                await asyncio.sleep(0.2)
        await link.close()
        await site.close()
