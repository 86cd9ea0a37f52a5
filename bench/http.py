"""HTTP: the ceiling of GET one resource job, and its latency while a fan-out runs."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final

from bench.fanout import ACKNOWLEDGE, ITEMS, LONGEST_S
from bench.figures import Figure
from bench.servers import load_fleet, make_job, server_on
from drover.measure import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.serving import Serving

REQUESTS: Final = 30_000
CONNECTIONS: Final = 16


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the ceiling on SQLite and the p99 beside a fan-out."""
    requests = REQUESTS // 10 if quick else REQUESTS
    with server_on("sqlite") as (server, _):
        load_fleet(server, ITEMS)
        path = make_job(server, [ACKNOWLEDGE])
        token = server.client.token or ""
        url = server.url + path
        health = _get(server.url + "/health", token, requests)
        ceiling = _get(url, token, requests)
        yield Figure(
            "sqlite: GET one resource job",
            ceiling.per_second,
            "requests/s",
            "6,000",
            health.per_second,
            "GET /health",
        )
        yield from _beside_fanout(server, path, token, requests)


def _get(url: str, token: str, requests: int) -> load.Load:
    return asyncio.run(load.get(url, token, requests=requests, connections=CONNECTIONS))


def _beside_fanout(server: Serving, path: str, token: str, requests: int) -> Iterator[Figure]:
    stop = threading.Event()
    thread = threading.Thread(target=_executions, args=(server, path, stop))
    thread.start()
    try:
        beside = asyncio.run(
            load.get(
                server.url + path, token, requests=requests // 10, connections=4, pause_s=0.005
            )
        )
    finally:
        stop.set()
        thread.join(LONGEST_S)
    yield Figure(
        "sqlite: p99 of GET one while a fan-out runs", beside.percentile(0.99), "ms", "<= 50"
    )


def _executions(server: Serving, path: str, stop: threading.Event) -> None:
    """Keep an execution running until told to stop."""
    while not stop.is_set():
        execution = server.client.post(f"{path}/execute")["executionId"]
        while not stop.wait(0.1):
            entry = server.client.get(f"{path}/executions/{execution}")
            if entry["status"] == "completed":
                break
