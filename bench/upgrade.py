"""A store with a large fleet of an earlier version: how long its upgrade takes."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.figures import Figure
from bench.live_rows import DEVICES, POINTS, live_tables, store
from bench.servers import STORES, postgres
from drover.store.migrate import load_migrations
from drover.store.postgres import PostgresDatabase
from drover.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drover.store.driver import Database
    from drover.store.migrate import Migration
    from drover.store.statements import Dialect

EARLIER: Final = 53
"""The last migration of the version that the store comes from."""
WORKFLOWS: Final = 5_000
APPLICATION: Final = "a" * 24
_FLOW: Final = (
    '{"name":"f","nodes":[{"type":"MqttMessageNode","config":{"topicTemplate":"orders/%d/x"}}]}'
)


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the seconds of each migration since then, and what the process holds more."""
    devices = DEVICES // 10 if quick else DEVICES
    for dialect in STORES:
        with tempfile.TemporaryDirectory(prefix="drover-bench-") as folder:
            path = Path(folder) / "drover.db"
            with postgres() if dialect == "postgres" else nullcontext("") as url:
                yield from _upgraded("sqlite" if url == "" else "postgres", path, url, devices)


def _upgraded(dialect: Dialect, path: Path, url: str, devices: int) -> Iterator[Figure]:
    known = load_migrations(dialect)
    asyncio.run(_open(path, url, [each for each in known if each.version <= EARLIER]))
    store(path, url, live_tables(APPLICATION, devices, POINTS * devices // DEVICES))
    store(path, url, iter([_workflows()]))
    before_mb = _peak_mb()
    for step in [each for each in known if each.version > EARLIER]:
        through = [each for each in known if each.version <= step.version]
        seconds = asyncio.run(_open(path, url, through))
        name = f"{dialect}: {step.version:04} {step.name} at {devices:,} devices"
        yield Figure(name, seconds * 1000, "ms", "<= 5000")
    grown = _peak_mb() - before_mb
    yield Figure(f"{dialect}: memory the upgrade took beyond that", grown, "MB", "<= 100")


def _workflows() -> tuple[str, str, Iterator[tuple[object, ...]]]:
    columns = "application_id, id, name, flow_class, enabled, created_ms, updated_ms, document"
    rows = (
        (APPLICATION, f"{number:024x}", "f", "cloud", 1, 1, 1, _FLOW % number)
        for number in range(WORKFLOWS)
    )
    return "flow", columns, rows


async def _open(path: Path, url: str, migrations: Sequence[Migration]) -> float:
    made: Database = (
        PostgresDatabase(url, migrations=migrations)
        if url
        else SqliteDatabase(path, migrations=migrations)
    )
    began = time.perf_counter()
    await made.open()
    seconds = time.perf_counter() - began
    await made.close()
    return seconds


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
