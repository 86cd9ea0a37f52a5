"""Three brokers that the server does not run, and a device that reports to them without a pause."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

from nats.errors import Error as NatsError

from drover.mqtt.accounts import Keyring
from drover.mqtt.broker import find_binary
from drover.mqtt.device import ConnectionEnded, ConnectionRefused
from drover.mqtt.link import Link
from tests.support.field import PATIENCE_S, Connected, Site, eventually
from tests.support.free_ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from nats.js.api import StreamInfo

KEY = "a key that brokers and servers share"
STOP_S = 60


class Cluster:
    """Three brokers, named drover-0 to drover-2; each may be stopped, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._clients, self.ports, self._routes = ([free_port() for _ in range(3)] for _ in "cmr")
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def addresses(self) -> str:
        return ",".join(f"nats://127.0.0.1:{port}" for port in self._clients)

    def configure(self, number: int) -> None:
        own = self.folder / f"broker-{number}"
        own.mkdir()
        others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes)
        text = printed(own, self.ports[number])
        text = re.sub(r"(?m)^listen: .*$", f'listen: "127.0.0.1:{self._clients[number]}"', text)
        text = text.replace('server_name: "drover"', f'server_name: "drover-{number}"')
        listen = f"127.0.0.1:{self._routes[number]}"
        text += f'cluster {{ name: c, listen: "{listen}"\nroutes: [{others}] }}\n'
        (own / "broker.conf").write_text(text)

    def start(self, number: int) -> None:
        command = [find_binary(), "-c", "broker.conf", "-l", "log"]
        self._running[number] = subprocess.Popen(command, cwd=self.folder / f"broker-{number}")

    def stop(self, number: int) -> None:
        """Stop one as it should be, so that it tells the others."""
        process = self._running.pop(number)
        process.terminate()
        process.wait(STOP_S)

    def kill(self, number: int) -> None:
        process = self._running.pop(number)
        process.kill()
        process.wait(STOP_S)

    def kill_all(self) -> None:
        for number in list(self._running):
            self.kill(number)

    async def is_there(self, *numbers: int) -> None:
        """Return once these take connections of devices."""
        for number in numbers:
            await eventually(lambda port=self.ports[number]: listens(port))


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    brokers = Cluster(folder)
    with ExitStack() as stack:
        stack.callback(brokers.kill_all)
        for number in range(3):
            brokers.configure(number)
            brokers.start(number)
        yield brokers


def printed(folder: Path, mqtt_port: int) -> str:
    command = [sys.executable, "-m", "drover.main", "broker-config", "--data-dir", str(folder)]
    environ = os.environ | {"DROVER_MQTT_KEY": KEY, "DROVER_MQTT_PORT": str(mqtt_port)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def linked(urls: str) -> AsyncIterator[Link]:
    link = Link()
    await link.open(Keyring(KEY.encode()), urls.split(","))
    try:
        yield link
    finally:
        await link.close()


async def told_of(link: Link, account: str, stream: str) -> StreamInfo | None:
    """What brokers tell of a stream; None while they elect who leads it."""
    with suppress(NatsError, TimeoutError):
        return await (await link.client(account)).jetstream().stream_info(stream)
    return None


async def leader(link: Link, account: str, stream: str) -> str | None:
    """Which broker leads a stream; None while they elect one."""
    info = await told_of(link, account, stream)
    return info and info.cluster and info.cluster.leader


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
    pump = await connected_again(site, device_id)
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
            pump = await connected_again(site, device_id)
        await asyncio.sleep(0.1)
    return acknowledged, again


async def connected_again(site: Site, device_id: str) -> Connected:
    async with asyncio.timeout(2 * PATIENCE_S):
        while True:
            with suppress(ConnectionEnded, ConnectionRefused, OSError, TimeoutError):
                async with asyncio.timeout(20):
                    return await site.connect(device_id)
            await asyncio.sleep(0.2)
