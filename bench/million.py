"""A million devices: time of the snapshot, and memory of the server between small and large."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import asyncpg
import psutil

from bench.fanout import ACKNOWLEDGE
from bench.figures import Figure
from bench.servers import load_fleet, make_job, server_on
from drover.client import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.serving import Serving

SMALL: Final = 10_000
LARGE: Final = 1_000_000
LONGEST_S: Final = 120.0

_COPY_ID: Final = "lpad(to_hex(copy), 4, '0') || substr({}, 5)"
_DEVICE_ID: Final = _COPY_ID.format("device.id")
_DEVICES: Final = f"""
INSERT INTO device (application_id, id, name, device_class, created_ms, updated_ms, document)
SELECT application_id, {_DEVICE_ID}, name || '-' || copy, device_class, created_ms, updated_ms,
    replace(replace(document, id, {_DEVICE_ID}), name, name || '-' || copy)
FROM device CROSS JOIN generate_series(1, $1::int) AS copy
"""  # noqa: S608 - our own names
_TAGS: Final = f"""
INSERT INTO device_tag (application_id, device_id, key, value)
SELECT application_id, {_COPY_ID.format("device_id")}, key, value
FROM device_tag CROSS JOIN generate_series(1, $1::int) AS copy
"""  # noqa: S608 - our own names
"""Copies have ids that begin with their number, which those of real ones do not for a long time."""


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the seconds of the snapshot and the growth of the server's memory, on PostgreSQL."""
    large = LARGE // 10 if quick else LARGE
    with server_on("postgres") as (server, url):
        path = make_job(server, [ACKNOWLEDGE])
        load_fleet(server, SMALL)
        _, small_mb = _snapshot(server, path, SMALL)
        asyncio.run(_multiply(url, large // SMALL))
        seconds, large_mb = _snapshot(server, path, large)
        yield Figure(f"postgres: snapshot of {large:,} devices", seconds, "s", "<= 10")
        yield Figure(
            f"server memory at {large:,} over {SMALL:,} devices",
            large_mb / small_mb,
            "times",
            "<= 1.2",
        )


async def _multiply(url: str, times: int) -> None:
    """Store so many copies of each device as there are, less one, past the API (that is slow)."""
    connection = await asyncpg.connect(url)
    # What finds resources by parts of their names has nothing to do with what is measured.
    await connection.execute("ALTER TABLE device DISABLE TRIGGER USER")
    for statement in (_DEVICES, _TAGS):
        await connection.execute(statement, times - 1)
    await connection.execute("ALTER TABLE device ENABLE TRIGGER USER")
    await connection.execute("ANALYZE device")
    await connection.close()


def _snapshot(server: Serving, path: str, count: int) -> tuple[float, float]:
    """Execute, wait until every device is counted; return seconds and the server's memory in MB."""
    began = time.perf_counter()
    execution = server.client.post(f"{path}/execute")["executionId"]
    one = f"{path}/executions/{execution}"
    while time.perf_counter() - began < LONGEST_S:
        if sum(server.client.get(one)["executionSummary"].values()) == count:
            break
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    highest = 0.0
    for _ in range(50):
        highest = max(highest, psutil.Process(server.process.pid).memory_info().rss / 1e6)
        time.sleep(0.05)
    with suppress(ClientError):  # it may have ended by itself meanwhile
        server.client.post(f"{path}/cancelExecution", executionId=execution)
    while server.client.get(one)["status"] in {"inProgress", "canceling"}:
        time.sleep(0.1)
    return seconds, highest
