"""The inventory at a million jobs: pages, a bulk cancel, and everything as CSV and XML."""

from __future__ import annotations

import asyncio
import http.client
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import psutil

from bench.figures import Figure
from bench.inventory_rows import JOBS, TO_CANCEL, TYPE_TO_CANCEL, server_with_jobs
from bench.servers import STORES
from drover.measure import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.serving import Serving

REQUESTS: Final = 60
ROOT: Final = "/ws/v1/jobs"

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
        with server_with_jobs(store, jobs) as server:
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
    status, body = _ask(server, "PUT", f"/cancel?query={quote(f'job_type = {TYPE_TO_CANCEL!r}')}")
    seconds = time.perf_counter() - began
    assert status == 200, body[:500]
    assert body.count(b'"canceled"') == TO_CANCEL, body[:500]
    return Figure(f"{store}: cancel of {TO_CANCEL:,} by query", seconds * 1000, "ms", "<= 50")


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
