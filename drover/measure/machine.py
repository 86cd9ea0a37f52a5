"""The measurement that ``drover bench`` makes: a server of its own on a temporary store."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from rich.table import Table

from drover.client import Client
from drover.measure import bare, load
from drover.model.instants import to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

_EMAIL: Final = "bench@drover.local"
_READY_S: Final = 60.0
_LONGEST_S: Final = 300.0
_BATCH: Final = 1000
_CONNECTIONS: Final = 16
_URL: Final = re.compile(r"listens on (\S+)")


class Figure(NamedTuple):
    """A rate a second, and what bare SQLite did of the like."""

    name: str
    rate: float
    bound_name: str
    bound: float


class NotMeasured(RuntimeError):
    """The server that was to be measured did not do its work."""


def measure(items: int, console: Console) -> None:
    """Measure with so many devices, and print a table; raises NotMeasured."""
    table = Table("figure", "a second", "bare SQLite", "a second", "ratio")
    with TemporaryDirectory(prefix="drover-bench-") as folder:
        console.print(f"A server on a temporary store in {folder}, {items:,} devices")
        with _server(folder) as (url, client):
            for each in _figures(url, client, folder, items):
                ratio = f"{each.rate / each.bound:.2f}"
                bound = f"{each.bound:,.0f}"
                table.add_row(each.name, f"{each.rate:,.0f}", each.bound_name, bound, ratio)
    console.print(table)


def _figures(url: str, client: Client, folder: str, items: int) -> Iterator[Figure]:
    application = client.get("/applications", perPage=1)["items"][0]["id"]
    base = f"/applications/{application}"
    writes, reads = max(items // 10, 100), max(items, 1000)
    body = msgspec.json.encode({"name": "bench", "tags": [{"key": "fleet", "value": "bench"}]})
    token = client.token or ""
    posted = asyncio.run(
        load.post(f"{url}{base}/devices", token, body, requests=writes, connections=_CONNECTIONS)
    )
    commits = bare.commits(folder, min(writes, 1000))
    yield Figure("durable write (POST a device)", posted.per_second, "commits of a row", commits)
    _load_fleet(client, base, items - len(posted.latencies_ms))
    job = _job(client, base)
    got = asyncio.run(load.get(url + job, token, requests=reads, connections=_CONNECTIONS))
    yield Figure("GET one job", got.per_second, "reads by key", bare.reads(folder, reads))
    rate = max(_run(client, job) for _ in range(2))
    bound = bare.rows_in_one_commit(folder, items)
    yield Figure("fan-out through a handler that does nothing", rate, "rows in one commit", bound)


@contextmanager
def _server(folder: str) -> Iterator[tuple[str, Client]]:
    password = secrets.token_urlsafe(16)
    environ = os.environ | {
        "DROVER_ADMIN_EMAIL": _EMAIL,
        "DROVER_ADMIN_PASSWORD": password,
        "DROVER_DATABASE": "",
        "DROVER_HANDLERS": "drover.measure.nothing",
        "DROVER_LOG_LEVEL": "error",
        "DROVER_ROLES": "api,engine,scheduler",
    }
    command = [sys.executable, "-m", "drover.main", "serve", "--port", "0", "--data-dir"]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, f"{folder}/data"], env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            url = _url(process)
            with Client(url) as client:
                client.sign_in(_EMAIL, password)
                yield url, client
        finally:
            process.terminate()


def _url(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if (found := _URL.search(line)) is not None:
            return found[1]
    raise NotMeasured(f"The server did not start; its exit status is {process.wait(_READY_S)}")


def _load_fleet(client: Client, base: str, count: int) -> None:
    for start in range(0, count, _BATCH):
        devices = [{"name": f"device-{n}"} for n in range(start, min(start + _BATCH, count))]
        client.post(f"{base}/devices/batch", {"devices": devices})


def _job(client: Client, base: str) -> str:
    """Create a job over every device and the workflow it runs; return its path."""
    body = {"name": "bench", "resourceType": "device", "maxIterationConcurrency": 1000}
    job = client.post(f"{base}/resource-jobs", body)["id"]
    trigger = {
        "type": "resourceJobIteration",
        "key": job,
        "config": {},
        "outputIds": [["call"]],
    }
    call = {
        "id": "call",
        "type": "PythonHandlerNode",
        "config": {"handler": "drover.nothing", "inputMethod": "payloadPath", "inputValue": "time"},
        "outputIds": [["ack"]],
    }
    acknowledge = {
        "id": "ack",
        "type": "ResourceJobAcknowledgeNode",
        "config": {"successExpression": "true"},
        "outputIds": [[]],
    }
    flow = {"name": "bench", "triggers": [trigger], "nodes": [call, acknowledge]}
    client.post(f"{base}/flows", flow)
    return f"{base}/resource-jobs/{job}"


def _run(client: Client, job: str) -> float:
    """Run one execution to its end; return items a second between its own two dates."""
    execution = client.post(f"{job}/execute")["executionId"]
    ends = time.monotonic() + _LONGEST_S
    while time.monotonic() < ends:
        entry = client.get(f"{job}/executions/{execution}")
        if entry["status"] == "completed":
            return _rate(entry)
        time.sleep(0.1)
    raise NotMeasured(f"The execution did not end in {_LONGEST_S:g} s")


def _rate(entry: dict[str, Any]) -> float:
    took_ms = to_ms(entry["runCompletedAt"]) - to_ms(entry["runStartedAt"])
    return float(entry["executionSummary"]["succeeded"] * 1000 / max(took_ms, 1))
