"""One of two servers stands still: brokers ask it about devices, and nobody answers."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from drover.mqtt.accounts import CALLOUT, SYSTEM
from drover.mqtt.broker import find_binary
from drover.mqtt.device import ConnectionEnded
from examples.serving import serving
from tests.support.clusters import KEY, STOP_S, linked, listens, printed
from tests.support.field import PATIENCE_S, Site, eventually
from tests.support.free_ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drover.mqtt.link import Link

DEVICES = 12


@contextmanager
def broker(folder: Path) -> Iterator[tuple[str, int]]:
    """A broker that servers share: its URL, and the port for devices."""
    clients, mqtt = free_port(), free_port()
    text = printed(folder, mqtt)
    text = re.sub(r"(?m)^listen: .*$", f'listen: "127.0.0.1:{clients}"', text)
    (folder / "broker.conf").write_text(text)
    with subprocess.Popen([find_binary(), "-c", "broker.conf", "-l", "log"], cwd=folder) as running:
        try:
            yield f"nats://127.0.0.1:{clients}", mqtt
        finally:
            running.kill()
            running.wait(STOP_S)


async def deciding(link: Link) -> int:
    """How many servers the broker asks about devices."""
    system = await link.client(SYSTEM)
    question = json.dumps({"acc": link.account(CALLOUT)}).encode()
    answer = json.loads((await system.request("$SYS.REQ.SERVER.PING.CONNZ", question)).data)
    return sum(each["type"] == "nats" for each in answer["data"]["connections"])


async def let_in(site: Site, device_id: str) -> None:
    """Connect as a device does that was cut off: it gives up once it is refused."""
    async with asyncio.timeout(2 * PATIENCE_S):
        while True:
            with suppress(ConnectionEnded):
                await site.connect(device_id)
                return
            await asyncio.sleep(0.1)


async def test_devices_are_not_refused_for_a_server_that_stands_still(tmp_path):
    with broker(tmp_path) as (url, port):
        await eventually(lambda: listens(port))
        settings = {"roles": "api,mqtt", "nats": url, "mqtt_key": KEY}
        settings |= {"workers": 1, "script_workers": 1}
        still = str(tmp_path / "still")
        with serving(**settings) as server, serving(data_dir=still, **settings) as other:
            site = Site.new(server)
            site.port = port
            devices = [site.device() for _ in range(DEVICES)]
            other.process.send_signal(signal.SIGSTOP)
            try:
                async with linked(url) as link, asyncio.timeout(3 * PATIENCE_S):
                    await asyncio.gather(*(let_in(site, each) for each in devices))
                    while await deciding(link) > 1:
                        await asyncio.sleep(0.5)
            finally:
                other.process.send_signal(signal.SIGCONT)
            await site.close()
