"""The archive of one day: points a second, and the memory that the server takes for it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from itertools import islice
from typing import TYPE_CHECKING, Final

import asyncpg
import psutil

from bench.figures import Figure
from bench.servers import BATCH, STORES, server_on
from drover.model.instants import to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.serving import Serving

POINTS: Final = 10_000_000
DEVICES: Final = 1000
NAMES: Final = ("current", "flow", "heat", "level", "speed")
COLUMNS: Final = ("device_id", "attribute", "time_ms", "value")
DAY_MS: Final = 86_400_000
PATIENCE_S: Final = 3600.0
_CHUNK: Final = 200_000
_MEBI: Final = 1_048_576

Point = tuple[str, str, int, str]


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield points a second and the growth of memory, on each store."""
    points = POINTS // 10 if quick else POINTS
    day_ms = int(time.time() * 1000) // DAY_MS * DAY_MS - 10 * DAY_MS
    for store in STORES:
        with server_on(store) as (server, url):
            _fill(server, url, points, day_ms)
            yield from _archive(server, store, points, day_ms)


def _archive(server: Serving, store: str, points: int, day_ms: int) -> Iterator[Figure]:
    client, base = server.client, f"/applications/{server.application_id()}"
    client.patch(base, {"archiveConfig": {"delayDays": 1}})
    process = psutil.Process(server.process.pid)
    before = most = process.memory_info().rss
    used_s = sum(process.cpu_times()[:2])
    job_id = client.get(f"{base}/archiveData", date=day_ms)["jobId"]
    end_s = time.monotonic() + PATIENCE_S
    while "runCompletedAt" not in (log := client.get(f"{base}/jobLogs/{job_id}")):
        most = max(most, process.memory_info().rss)
        if time.monotonic() > end_s:
            raise TimeoutError(log)
        time.sleep(0.2)
    if log.get("output", {}).get("points") != points:
        raise RuntimeError(log)
    seconds = (to_ms(log["runCompletedAt"]) - to_ms(log["runStartedAt"])) / 1000
    yield Figure(
        f"archive of a day, {store}", points / seconds, "points/s", goal=">= 300,000 points/s"
    )
    spent_s = (sum(process.cpu_times()[:2]) - used_s) / points * 1_000_000
    yield Figure(f"processor time for 1,000,000 points, {store}", spent_s, "s")
    grown = (most - before) / _MEBI
    yield Figure(f"memory for the archive, {store}", grown, "MiB", goal="<= 200 MiB, flat")


def _fill(server: Serving, url: str, points: int, day_ms: int) -> None:
    """Store state beside the running server: its own ways are not what is measured."""
    base = f"/applications/{server.application_id()}"
    attributes = [{"name": name, "dataType": "number"} for name in NAMES]
    for start in range(0, DEVICES, BATCH):
        numbers = range(start, min(start + BATCH, DEVICES))
        bodies = [{"name": f"d{number}", "attributes": attributes} for number in numbers]
        server.client.post(f"{base}/devices/batch", {"devices": bodies})
    ids = [each["id"] for each in server.client.items(f"{base}/devices")]
    rows = _points(sorted(ids), points // DEVICES // len(NAMES), day_ms)
    if url:
        asyncio.run(_fill_postgres(url, rows))
        return
    connection = sqlite3.connect(server.data_dir / "drover.db", isolation_level=None, timeout=60)
    connection.execute("BEGIN")
    sql = "INSERT INTO device_state (device_id, attribute, time_ms, value) VALUES (?, ?, ?, ?)"
    connection.executemany(sql, rows)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


async def _fill_postgres(url: str, rows: Iterator[Point]) -> None:
    connection = await asyncpg.connect(url)
    while part := list(islice(rows, _CHUNK)):
        await connection.copy_records_to_table("device_state", columns=COLUMNS, records=part)
    await connection.execute("ANALYZE")
    await connection.close()


def _points(ids: list[str], reports: int, day_ms: int) -> Iterator[Point]:
    step_ms = DAY_MS // reports
    for device_id in ids:
        for number in range(reports):
            for place, name in enumerate(NAMES):
                yield device_id, name, day_ms + number * step_ms, f"{number * 7 % 1000}.{place}5"
