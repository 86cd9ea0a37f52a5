"""A server whose open files are few: nobody takes those that it needs to keep what is said."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import httpx

from drover.mqtt.device import ConnectionEnded
from examples import serving as module
from examples.serving import serving
from tests.support.field import PATIENCE_S, Site, eventually

SETTINGS = {"roles": "api,mqtt", "workers": 1, "script_workers": 1}


def limit(monkeypatch, option: str) -> None:
    """Have servers started with a limit of open files."""
    command = ("sh", "-c", f'ulimit {option}; exec "$0" "$@"', *module.SERVE)
    monkeypatch.setattr(module, "SERVE", command)


async def test_devices_leave_the_broker_the_files_in_which_it_keeps_reports(monkeypatch):
    limit(monkeypatch, "-n 160")
    with serving(**SETTINGS) as running:
        site = Site.new(running)
        first = await site.connect(site.device())
        while True:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await site.connect(site.device())
            except (ConnectionEnded, ConnectionError):
                break
        assert len(site.connected) > 50

        await first.client.publish(first.state, b'{"data": {"level": 1}}')
        await eventually(lambda: site.levels(first.id) == [1])
        await site.close()


def test_a_server_takes_as_many_connections_as_the_system_allows(monkeypatch):
    limit(monkeypatch, "-S -n 128")
    with ExitStack() as stack:
        running = stack.enter_context(serving(**SETTINGS | {"roles": "api"}))
        address = ("127.0.0.1", int(running.url.rpartition(":")[2]))
        for _ in range(200):  # connections that say nothing
            stack.enter_context(socket.create_connection(address, PATIENCE_S))

        assert httpx.get(f"{running.url}/health", timeout=PATIENCE_S).status_code == 200
