"""Three brokers that the server does not run: one of them may be lost."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from drover.mqtt.broker import find_binary
from drover.mqtt.device import ConnectionEnded, ConnectionRefused
from examples.serving import serving
from tests.support.field import PATIENCE_S, Site, eventually
from tests.support.free_ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "a key that brokers and servers share"
BEGAN_MS = int(time.time() * 1000) - 3_600_000


@contextmanager
def cluster(folder: Path) -> Iterator[list[tuple[str, int, subprocess.Popen[bytes]]]]:
    """Three brokers: the URL, the port for devices and the process of each."""
    clients, mqtt, routes = ([free_port() for _ in range(3)] for _ in range(3))
    others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
    with ExitStack() as stack:
        running = []
        for number in range(3):
            own = folder / f"broker-{number}"
            own.mkdir()
            text = printed(own, mqtt[number])
            text = re.sub(r"(?m)^listen: .*$", f'listen: "127.0.0.1:{clients[number]}"', text)
            text = text.replace('server_name: "drover"', f'server_name: "drover-{number}"')
            text += (
                f'cluster {{ name: c, listen: "127.0.0.1:{routes[number]}"\nroutes: [{others}] }}\n'
            )
            (own / "broker.conf").write_text(text)
            command = [find_binary(), "-c", "broker.conf", "-l", "log"]
            process = stack.enter_context(subprocess.Popen(command, cwd=own))
            stack.callback(process.kill)
            running.append((f"nats://127.0.0.1:{clients[number]}", mqtt[number], process))
        yield running


def printed(folder: Path, mqtt_port: int) -> str:
    command = [sys.executable, "-m", "drover.main", "broker-config", "--data-dir", str(folder)]
    environ = os.environ | {"DROVER_MQTT_KEY": KEY, "DROVER_MQTT_PORT": str(mqtt_port)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout


def ready(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


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


async def test_devices_and_servers_go_on_when_one_of_three_brokers_is_lost(tmp_path):
    with cluster(tmp_path) as brokers:
        for _, port, _ in brokers:
            await eventually(lambda port=port: ready(port))
        urls = ",".join(url for url, _, _ in brokers)
        settings = {"roles": "api,mqtt", "nats": urls, "mqtt_key": KEY}
        with serving(**settings, workers=1, script_workers=1) as server:
            site = Site.new(server)
            site.port = brokers[0][1]
            device_id = site.device()
            await reported(site, device_id, 1)
            await eventually(lambda: site.get(f"devices/{device_id}/compositeState"))

            brokers[0][2].send_signal(signal.SIGKILL)
            site.port = brokers[1][1]
            for number in range(2, 12):
                await reported(site, device_id, number)

            def kept() -> set[int]:
                lines = site.get(f"devices/{device_id}/state", limit=100, start=1)
                return {line["data"]["level"] for line in lines}

            await eventually(lambda: kept() == set(range(1, 12)))
            pump = site.connected[-1]
            await pump.client.subscribe(pump.command)
            site.post(f"devices/{device_id}/command", {"name": "go"})
            assert json.loads((await pump.hears())[0][1])["name"] == "go"
            await site.close()
