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
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

from nats.errors import Error as NatsError

from drover.mqtt.accounts import PLATFORM, Keyring
from drover.mqtt.broker import find_binary
from drover.mqtt.device import ConnectionEnded, ConnectionRefused
from drover.mqtt.link import Link
from drover.mqtt.state_feed import STREAM
from examples.serving import serving
from tests.support.field import PATIENCE_S, Site, eventually
from tests.support.free_ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

Brokers = list[tuple[str, int, subprocess.Popen[bytes]]]
KEY = "a key that brokers and servers share"
BEGAN_MS = int(time.time() * 1000) - 3_600_000


@contextmanager
def cluster(folder: Path) -> Iterator[Brokers]:
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


def addresses(brokers: Brokers) -> str:
    return ",".join(url for url, _, _ in brokers)


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


@asynccontextmanager
async def linked(urls: str) -> AsyncIterator[Link]:
    link = Link()
    await link.open(Keyring(KEY.encode()), urls.split(","))
    try:
        yield link
    finally:
        await link.close()


async def leader(link: Link, account: str, stream: str) -> str | None:
    """Which broker leads a stream; None while they elect one."""
    with suppress(NatsError, TimeoutError):
        info = await (await link.client(account)).jetstream().stream_info(stream)
        return info.cluster and info.cluster.leader
    return None


async def have_led(link: Link, account: str, stream: str, wanted: str) -> None:
    """Have a broker lead a stream."""
    client = await link.client(account)
    order = json.dumps({"placement": {"preferred": wanted}}).encode()
    async with asyncio.timeout(2 * PATIENCE_S):
        while await leader(link, account, stream) != wanted:
            with suppress(NatsError, TimeoutError):
                await client.request(f"$JS.API.STREAM.LEADER.STEPDOWN.{stream}", order)
            await asyncio.sleep(0.5)


async def report_on(site: Site, device_id: str, ends: asyncio.Event) -> tuple[set[int], set[int]]:
    """Report without a time of its own; return what was acknowledged, and what was said twice."""
    pump = await site.connect(device_id)
    acknowledged: set[int] = set()
    again: set[int] = set()
    while not ends.is_set():
        number = len(acknowledged)
        try:
            async with asyncio.timeout(PATIENCE_S):
                body = json.dumps({"data": {"level": number}}).encode()
                await pump.client.publish(pump.state, body)
            acknowledged.add(number)
        except ConnectionEnded:
            again.add(number)
            pump = await site.connect_again(device_id)
        await asyncio.sleep(0.1)
    return acknowledged, again


async def lose(brokers: Brokers, site: Site, device_id: str) -> tuple[set[int], set[int]]:
    """Kill the broker that leads the stream of state while a device reports at another one.

    Returns what was acknowledged until another leads, and what was said twice.
    """
    async with linked(addresses(brokers)) as link:
        await have_led(link, site.application_id, "$MQTT_msgs", "drover-1")
        await have_led(link, PLATFORM, STREAM, "drover-0")
        ends = asyncio.Event()
        reporting = asyncio.create_task(report_on(site, device_id, ends))
        await eventually(lambda: site.get(f"devices/{device_id}/compositeState"))
        brokers[0][2].send_signal(signal.SIGKILL)
        async with asyncio.timeout(2 * PATIENCE_S):
            while await leader(link, PLATFORM, STREAM) in (None, "drover-0"):
                await asyncio.sleep(0.1)
        ends.set()
        return await reporting


async def test_devices_and_servers_go_on_and_no_report_is_lost_with_one_of_three_brokers(tmp_path):
    with cluster(tmp_path) as brokers:
        for _, port, _ in brokers:
            await eventually(lambda port=port: ready(port))
        settings = {"roles": "api,mqtt", "nats": addresses(brokers), "mqtt_key": KEY}
        with serving(**settings, workers=1, script_workers=1) as server:
            site = Site.new(server)
            site.port = brokers[0][1]
            device_id, other_id = site.device(), site.device()
            await reported(site, device_id, 1)
            await eventually(lambda: site.get(f"devices/{device_id}/compositeState"))

            site.port = brokers[1][1]
            acknowledged, again = await lose(brokers, site, other_id)
            while site.connected:
                site.connected.pop().client.abort()
            for number in range(2, 12):
                await reported(site, device_id, number)

            await eventually(lambda: site.levels(device_id) == list(range(1, 12)))
            await eventually(lambda: acknowledged <= set(site.levels(other_id)))
            found = site.levels(other_id)
            assert {each for each in found if found.count(each) > 1} <= again
            pump = site.connected[-1]
            await pump.client.subscribe(pump.command)
            site.post(f"devices/{device_id}/command", {"name": "go"})
            assert json.loads((await pump.hears())[0][1])["name"] == "go"
            await site.close()
