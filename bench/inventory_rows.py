"""A million jobs over a fleet, in a database that can be kept: ``python -m bench.inventory_rows``.

To store them takes longer than to measure. Where the environment names a folder with
``DROVER_BENCH_DATA`` they are stored there once, and again only where the shape of them or of the
database has changed; else they are in a folder that is removed afterwards.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
import tempfile
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from bench.servers import STORES, postgres_in
from drover.store import migrate
from drover.store.compile import register_functions
from examples.serving import Serving, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

JOBS: Final = 1_000_000
DEVICES: Final = 100_000
TO_CANCEL: Final = 1_000
KEPT_IN: Final = "DROVER_BENCH_DATA"
"""The variable that names the folder in which databases are kept."""

TYPE_TO_CANCEL: Final = "disconnect"
_FILLED: Final = "filled"
_PASSWORD: Final = "known-to-every-benchmark"  # noqa: S105 - of a server on this machine alone
_BEGAN_MS: Final = 1_767_225_600_000

Rows = "Iterator[tuple[Any, ...]]"
Table = tuple[str, tuple[str, ...], Rows]


@contextmanager
def server_with_jobs(store: str, jobs: int) -> Iterator[Serving]:
    """Yield a server of a store with these jobs; those to cancel have just been asked for."""
    with _folder(store, jobs) as folder, _database(store, folder) as url:
        settings = {"admin_password": _PASSWORD, "keep_executions_days": 0}
        if url:
            settings["database"] = url
        with serving(str(folder / "data"), **settings) as server:
            application_id = server.application_id()
            if not (folder / _FILLED).exists():
                _store(folder, url, _tables(application_id, jobs))
                (folder / _FILLED).touch()
            _ask_again(folder, url)
            yield server


@contextmanager
def _folder(store: str, jobs: int) -> Iterator[Path]:
    kept = os.environ.get(KEPT_IN)
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="drover-bench-") as scratch:
            yield Path(scratch)
        return
    folder = Path(kept) / f"inventory-{store}-{jobs}-{_shape()}"
    for other in Path(kept).glob(f"inventory-{store}-{jobs}-*"):
        if other != folder or not (folder / _FILLED).exists():
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


def _shape() -> str:
    """Return what differs once the rows or the tables are others."""
    shape = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted((Path(migrate.__file__).parent / "sql" / "migrations").glob("*.sql")):
        shape.update(path.name.encode() + path.read_bytes())
    return shape.hexdigest()[:12]


def _database(store: str, folder: Path) -> AbstractContextManager[str]:
    """Return the URL of a PostgreSQL in a folder, empty for SQLite."""
    return nullcontext("") if store == "sqlite" else postgres_in(folder / "pg")


def _store(folder: Path, url: str, tables: Iterator[Table]) -> None:
    """Store rows beside the running server: its own ways are not what is measured here."""
    if url:
        asyncio.run(_store_in_postgres(url, tables))
        return
    with _sqlite(folder) as connection:
        connection.execute("BEGIN")
        for table, columns, rows in tables:
            marks = ", ".join("?" * len(columns))
            sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our names
            connection.executemany(sql, rows)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _sqlite(folder: Path) -> Iterator[sqlite3.Connection]:
    path = folder / "data" / "drover.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as connection:
        register_functions(connection)
        yield connection


async def _store_in_postgres(url: str, tables: Iterator[Table]) -> None:
    connection = await asyncpg.connect(url)
    for table, columns, rows in tables:
        await connection.copy_records_to_table(table, columns=columns, records=rows)
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")
    await connection.close()


_AGAIN: Final = (
    "UPDATE execution SET state = 'new', completed_ms = NULL, cancel_requested = 0,"  # noqa: S608 - our name
    f" cancel_source_type = NULL, cancel_source_id = NULL WHERE kind = '{TYPE_TO_CANCEL}'"
)


def _ask_again(folder: Path, url: str) -> None:
    """Have the jobs to cancel as they were before the last run canceled them."""
    if url:
        asyncio.run(_ask_postgres_again(url))
        return
    with _sqlite(folder) as connection:
        connection.execute(_AGAIN)


async def _ask_postgres_again(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(_AGAIN)
    await connection.execute("VACUUM ANALYZE execution")
    await connection.close()


def _tables(application_id: str, jobs: int) -> Iterator[Table]:
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
            (n, f"{n:024x}", TYPE_TO_CANCEL, "to cancel", application_id, "new", "{}", 1, 1, *_PACE)
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


if __name__ == "__main__":
    for each in STORES:
        with server_with_jobs(each, JOBS):
            pass
