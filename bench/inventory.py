"""The inventory at a million jobs: pages, a bulk cancel, and everything as CSV and XML."""

from __future__ import annotations

import asyncio
import http.client
import sqlite3
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import asyncpg
import psutil

from bench.figures import Figure
from bench.servers import STORES, server_on
from drover.measure import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.serving import Serving

JOBS: Final = 1_000_000
DEVICES: Final = 100_000
TO_CANCEL: Final = 1_000
REQUESTS: Final = 60
ROOT: Final = "/ws/v1/jobs"
_CHUNK: Final = 20_000
_BEGAN_MS: Final = int(time.time() * 1000) - 20_000_000  # young enough to be kept

PAGES: Final = {
    "newest 100": "",
    "type and status": "job_type = 'reboot' and status = 'failed'",
    "selective AND/OR": (
        "group startsWith '/region7/' and (connection_status = 'disconnected'"
        " or signal_percent < 20)"
    ),
    "AND/OR of jobs": (
        "(job_type = 'reboot' and status = 'failed')"
        " or (job_type = 'update_firmware' and status = 'canceled')"
    ),
    "tag of 10 % of devices": "tags = 'Important'",
    "tag of 0.1 % of devices": "tags = 'rare'",
    "group startsWith": "group startsWith '/region7/'",
}
"""What is asked for; each answers with the newest 100 matches."""


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield p95 of each page, seconds of a bulk cancel, rows a second of CSV and XML."""
    jobs = JOBS // 10 if quick else JOBS
    for store in STORES:
        with server_on(store) as (server, url):
            fill(server, url, jobs)
            yield from _pages(server, store)
            yield from _deep(server, store)
            yield _cancel(server, store)
            yield from _exports(server, store, jobs)


def _pages(server: Serving, store: str) -> Iterator[Figure]:
    for name, query in PAGES.items():
        path = f"{ROOT}/inventory?size=100&query={quote(query)}"
        yield Figure(f"{store}: {name}, p95", _p95(server, path), "ms", "<= 10")


def _p95(server: Serving, path: str) -> float:
    token = server.client.token or ""
    asyncio.run(load.get(server.url + path, token, requests=10, connections=1))
    measured = load.get(server.url + path, token, requests=REQUESTS, connections=1)
    return asyncio.run(measured).percentile(0.95)


def _deep(server: Serving, store: str) -> Iterator[Figure]:
    """Go half way down a list by its cursors, then measure a page there."""
    for name, query in (("newest 100", ""), ("group startsWith", PAGES["group startsWith"])):
        first = server.client.get(f"{ROOT}/inventory", size=1, query=query, total="true")
        cursor = first["cursor"]
        for _ in range(first["total"] // 2000):
            cursor = server.client.get(f"{ROOT}/inventory", size=1000, query=query, cursor=cursor)[
                "cursor"
            ]
        depth = first["total"] // 2000 * 10
        path = f"{ROOT}/inventory?size=100&query={quote(query)}&cursor={cursor}"
        shown = _p95(server, path)
        yield Figure(f"{store}: {name}, page {depth:,}, p95", shown, "ms", "<= 10")


def _cancel(server: Serving, store: str) -> Figure:
    began = time.perf_counter()
    status, body = _ask(server, "PUT", f"/cancel?query={quote(f'job_type = {_TYPE!r}')}")
    seconds = time.perf_counter() - began
    assert status == 200, body[:500]
    assert body.count(b'"canceled"') == TO_CANCEL, body[:500]
    return Figure(f"{store}: cancel of {TO_CANCEL:,} by query", seconds * 1000, "ms", "<= 50")


_TYPE: Final = "disconnect"


def _exports(server: Serving, store: str, jobs: int) -> Iterator[Figure]:
    process = psutil.Process(server.process.pid)
    before_mb = process.memory_info().rss / 1e6
    began = time.perf_counter()
    lines = _count_lines(server, "/bulk")
    seconds = time.perf_counter() - began
    assert lines == jobs + TO_CANCEL + 1, lines
    yield Figure(f"{store}: CSV of all", (jobs + TO_CANCEL) / seconds, "rows/s", ">= 100,000")
    grown_mb = process.memory_info().rss / 1e6 - before_mb
    yield Figure(f"{store}: memory that CSV of all took", grown_mb, "MB", "flat")
    began = time.perf_counter()
    for _ in range(10):
        _, body = _ask(server, "GET", "/inventory.xml?size=1000")
        assert body.count(b"<job>") == 1000, body[:200]
    seconds = time.perf_counter() - began
    yield Figure(f"{store}: XML", 10_000 / seconds, "rows/s", ">= 50,000")


def _ask(server: Serving, method: str, path: str) -> tuple[int, bytes]:
    with _answer(server, method, path) as answer:
        return answer.status, answer.read()


def _count_lines(server: Serving, path: str) -> int:
    """Read an answer piece by piece: it may be larger than what we should hold."""
    with _answer(server, "GET", path) as answer:
        assert answer.status == 200
        return sum(piece.count(b"\n") for piece in iter(lambda: answer.read(_PIECE), b""))


_PIECE: Final = 1 << 20


@contextmanager
def _answer(server: Serving, method: str, path: str) -> Iterator[http.client.HTTPResponse]:
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
    headers = {"Authorization": f"Bearer {server.client.token}"}
    with closing(connection):
        connection.request(method, ROOT + path, headers=headers)
        yield connection.getresponse()


# The fleet and its jobs ---------------------------------------------------------------------------

Rows = "Iterator[tuple[Any, ...]]"


def fill(server: Serving, url: str, jobs: int) -> None:
    """Store devices and jobs beside the running server: its own ways are not what is measured."""
    application_id = server.application_id()
    if url:
        asyncio.run(_fill_postgres(url, application_id, jobs))
        return
    connection = sqlite3.connect(server.data_dir / "drover.db", isolation_level=None, timeout=60)
    for table, columns, rows in _tables(application_id, jobs):
        marks = ", ".join("?" * len(columns))
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our names
        connection.execute("BEGIN")
        connection.executemany(sql, rows)
        connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


async def _fill_postgres(url: str, application_id: str, jobs: int) -> None:
    connection = await asyncpg.connect(url)
    for table, columns, rows in _tables(application_id, jobs):
        await connection.copy_records_to_table(table, columns=columns, records=rows)
    await connection.execute("ANALYZE")
    await connection.execute("CHECKPOINT")
    await connection.close()


def _tables(application_id: str, jobs: int) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    yield (
        "device",
        (
            "id", "application_id", "name", "device_class", "created_ms", "updated_ms",
            "connected", "document",
        ),
        (
            (_device(n), application_id, f"device-{n}", "standalone", 1, 1, int(n % 3 > 0), "{}")
            for n in range(DEVICES)
        ),
    )  # fmt: skip
    yield (
        "device_fact",
        ("application_id", "device_id", "field", "value", "number"),
        ((application_id, *fact) for n in range(DEVICES) for fact in _facts(n)),
    )
    yield (
        "execution",
        (
            "number", "id", "kind", "name", "application_id", "state", "detail", "requested_ms",
            "due_ms", "started_ms", "completed_ms", "concurrency", "delay_ms", "timeout_ms",
            "retry_on_timeout", "retry_on_failure", "max_retries", "retry_delay_ms", "total",
            "claimed", "succeeded", "failed", "source_type", "source_id",
        ),
        (_job(n, application_id) for n in range(1, jobs + 1)),
    )  # fmt: skip
    yield (
        "iteration",
        ("execution", "resource_id", "state", "completed_ms"),
        ((n, _device(n * 7919 % DEVICES), 3, 1) for n in range(1, jobs + 1)),
    )
    yield (
        "execution",
        (
            "number", "id", "kind", "name", "application_id", "state", "detail", "requested_ms",
            "due_ms", "concurrency", "delay_ms", "timeout_ms", "retry_on_timeout",
            "retry_on_failure", "max_retries", "retry_delay_ms",
        ),
        (
            (n, f"{n:024x}", _TYPE, "to cancel", application_id, "new", "{}", 1, 1, *_PACE)
            for n in range(jobs + 1, jobs + TO_CANCEL + 1)
        ),
    )  # fmt: skip


_PACE: Final = (1, 0, 60_000, 0, 0, 1, 0)


def _device(number: int) -> str:
    return f"{number:024x}"


def _facts(number: int) -> Iterator[tuple[Any, ...]]:
    device, region = _device(number), number % 50
    yield device, "name", f"device-{number}", None
    yield device, "group", f"region{region}/site{number // 50 % 40}", None
    yield device, "signal_percent", str(number // 7 % 100), float(number // 7 % 100)
    if number % 10 == 3:
        yield device, "tags", "important", None
    if number % 1000 == 5:
        yield device, "tags", "rare", None


def _job(number: int, application_id: str) -> tuple[Any, ...]:
    kind = ("reboot", "update_firmware")[number % 2] if number % 10 == 0 else "resource_job"
    kind = "update_firmware" if number % 20 == 5 else kind
    state = {0: "failed", 50: "canceled", 55: "canceled"}.get(number % 100, "succeeded")
    done = int(state == "succeeded")
    began = _BEGAN_MS + number * 10
    times = (began, began, began + 5, began + 1000)
    counts = (1, 1, done, int(state == "failed"))
    return (
        number, f"{number:024x}", kind, f"Nightly {number % 1000}", application_id, state, "{}",
        *times, *_PACE, *counts, "system", "0" * 24,
    )  # fmt: skip
