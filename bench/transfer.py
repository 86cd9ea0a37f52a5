"""A fleet with its tables exported as a bundle, and brought into another application again."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import io
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import msgspec

import drover.kinds
from bench.figures import Figure
from bench.servers import STORES, postgres
from drover.app.access.passwords import Passwords
from drover.app.assembly import Surroundings, library
from drover.app.transfer.bringing import Errand, Rule, Tools, bring
from drover.app.transfer.contents import Contents
from drover.app.transfer.export import EVERYTHING, Exporter
from drover.discover import discover
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.data_table import KIND as TABLE
from drover.kinds.device import KIND as DEVICE
from drover.model.access import Caller
from drover.model.kind import Kind, Stamp
from drover.ports.rows import Row
from drover.store.blobs import ObjectBlobs
from drover.store.compile import register_functions
from drover.store.postgres import PostgresDatabase
from drover.store.session import SqlStore
from drover.store.sqlite import SqliteDatabase
from drover.system import RandomIds, SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from drover.app.assembly import Library
    from drover.ports.store import Session

DEVICES: Final = 100_000
ROWS: Final = 1_000_000
BATCH: Final = 5000
OWNER: Final = "b" * 24
CALLER: Final = Caller(type="user", id=OWNER, user_id=OWNER, scopes=frozenset())


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield resources and rows a second, out and in, and the memory of the process."""
    share = 10 if quick else 1
    for store in STORES:
        yield from asyncio.run(_figures(store, DEVICES // share, ROWS // share))


async def _figures(store: str, devices: int, rows: int) -> list[Figure]:
    async with _opened(store) as (sql_store, shelf):
        with tempfile.TemporaryFile() as file:
            source = await sql_store.write(lambda session: _application(session, shelf))
            await _furnish(sql_store, source, devices, rows)
            _forget_peak()
            out_s = await _timed(_export(sql_store, shelf, source, file))
            memory = _peak_mb()
            target = await sql_store.write(lambda session: _application(session, shelf))
            in_s = await _timed(_import(sql_store, shelf, target, file))
    total = devices + rows
    what = f"{store}: {devices:,} devices and {rows:,} rows"
    return [
        Figure(f"{what} exported", total / out_s, "/s", ">= 100,000"),
        Figure(f"{store}: most memory of the process during the export", memory, "MB", "<= 200"),
        Figure(f"{what} imported", total / in_s, "/s", ">= 30,000"),
    ]


def _forget_peak() -> None:
    """Give back what filling the store took, which no server does, and forget how much it was."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    """Return the most memory that was resident since then, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(peak) / 1024


async def _timed(act: object) -> float:
    began_s = time.perf_counter()
    await act  # type: ignore[misc] - a coroutine of any result
    return time.perf_counter() - began_s


@asynccontextmanager
async def _opened(store: str) -> AsyncIterator[tuple[SqlStore, Library]]:
    with tempfile.TemporaryDirectory(prefix="drover-bench-") as folder:
        if store == "sqlite":
            path = Path(folder) / "drover.db"
            async with _library(SqliteDatabase(path, functions=register_functions)) as opened:
                yield opened
        else:
            with postgres() as url:
                async with _library(PostgresDatabase(url)) as opened:
                    yield opened


@asynccontextmanager
async def _library(
    database: SqliteDatabase | PostgresDatabase,
) -> AsyncIterator[tuple[SqlStore, Library]]:
    await database.open()
    store, clock = SqlStore(database), SystemClock()
    kinds = discover(drover.kinds, "KIND", Kind)
    around = Surroundings(
        store=store, ids=RandomIds(), clock=clock, kinds=kinds, hasher=Passwords()
    )
    yield store, library(around, [])
    await database.close()


async def _application(session: Session, shelf: Library) -> str:
    stamp = shelf.catalog.stamp(CALLER, "", await session.now_ms())
    made = APPLICATION.create(msgspec.json.encode({"name": "Fleet"}), stamp)
    return (await shelf.catalog.add(session, CALLER, APPLICATION, made)).id


async def _furnish(store: SqlStore, application_id: str, devices: int, rows: int) -> None:
    ids, now_ms = RandomIds(), await store.read(lambda session: session.now_ms())
    columns = [
        {"name": "serial", "dataType": "string", "constraint": "optional"},
        {"name": "weight", "dataType": "number", "constraint": "optional"},
        {"name": "checked", "dataType": "boolean", "constraint": "optional"},
    ]
    body = msgspec.json.encode({"name": "Parts", "columns": columns})
    table = TABLE.create(body, Stamp(ids.new(), application_id, now_ms))
    await store.write(lambda session: session.resources.add(TABLE, table))
    for start in range(0, devices, BATCH):
        made = [
            DEVICE.create(_device(start + place), Stamp(ids.new(), application_id, now_ms))
            for place in range(min(BATCH, devices - start))
        ]
        await store.write(lambda session, made=made: session.resources.add_many(DEVICE, made))
    for start in range(0, rows, BATCH):
        batch = [_row(ids.new(), start + place, now_ms) for place in range(BATCH)]
        await store.write(
            lambda session, batch=batch: session.rows.add(application_id, table.id, batch)
        )


def _device(number: int) -> bytes:
    return msgspec.json.encode(
        {
            "name": f"Pump {number}",
            "description": "In the north hall",
            "tags": [{"key": "line", "value": str(number % 50)}],
            "attributes": [
                {"name": "flow", "dataType": "number"},
                {"name": "state", "dataType": "string"},
            ],
        }
    )


def _row(row_id: str, number: int, now_ms: int) -> Row:
    own = {"id": row_id, "createdAt": "2026-01-01T00:00:00.000Z"}
    values = {"serial": f"SN-{number:08}", "weight": number / 8, "checked": number % 2 == 0}
    return Row(
        id=row_id, created_ms=now_ms, updated_ms=now_ms, document={**own, **values}, unique={}
    )


async def _export(store: SqlStore, shelf: Library, application_id: str, file: IO[bytes]) -> None:
    blobs = ObjectBlobs(tempfile.gettempdir())
    exporter = Exporter(store, list(shelf.catalog.kinds.values()), blobs)
    async for piece in exporter.pieces(application_id, EVERYTHING):
        file.write(piece)
    file.seek(0, io.SEEK_SET)


async def _import(store: SqlStore, shelf: Library, application_id: str, file: IO[bytes]) -> None:
    contents = Contents(file, list(shelf.catalog.kinds.values()))
    tools = Tools(shelf.catalog, shelf.rows, RandomIds())
    errand = Errand(CALLER, application_id, contents, Rule())
    await store.write(lambda session: bring(tools, session, errand))
