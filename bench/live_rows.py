"""A fleet of live devices with what they reported, stored past the API: that would take hours."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from drover.store.compile import register_functions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DEVICES: Final = 500_000
POINTS: Final = 1_000_000
TALKATIVE: Final = 101
"""Devices with more than one point: the first has a tenth of all, the others four tenths."""
ZONES: Final = 100
BEHIND: Final = 50
"""One device of so many is a gateway, and the nine that follow are behind it."""
CONNECTED: Final = 5
"""One device of so many is connected."""
BEGAN_MS: Final = 1_767_225_600_000
STEP_MS: Final = 1_000
SERVER: Final = "bench-broker"

Table = tuple[str, str, "Iterator[Sequence[Any]]"]


def device_id(number: int) -> str:
    """Return the id of a device; they are in the order of their numbers."""
    return f"{0x69000000 + number:08x}{'0' * 16}"


def live_tables(application_id: str, devices: int, points: int) -> Iterator[Table]:
    """Yield tables, their columns and their rows."""
    numbers = range(devices)
    columns = (
        "application_id, id, name, device_class, gateway_id, created_ms, updated_ms, connected,"
        " connection_ms, connected_at_ms, connection_id, connection_server, document"
    )
    yield "device", columns, (_device(application_id, each) for each in numbers)
    yield (
        "device_tag",
        "application_id, device_id, key, value",
        (
            (application_id, device_id(each), key, value)
            for each in numbers
            for key, value in (("fleet", "bench"), ("zone", _zone(each)))
        ),
    )
    yield (
        "device_attribute",
        "application_id, device_id, name, data_type",
        ((application_id, device_id(each), "heat", "number") for each in numbers),
    )
    columns = "device_id, attribute, time_ms, value"
    yield "device_last", columns, (_last(each, devices, points) for each in numbers)
    yield "device_state", columns, _points(devices, points)


def points_of(number: int, devices: int, points: int) -> int:
    """Return how many points a device has."""
    if number == 0:
        return points // 10
    if number < TALKATIVE:
        return points * 4 // 10 // (TALKATIVE - 1)
    return int(number < TALKATIVE + min(points // 2, devices - TALKATIVE))


def _zone(number: int) -> str:
    return f"z{number % ZONES}"


def _device(application_id: str, number: int) -> tuple[Any, ...]:
    place = number % BEHIND
    kind = "gateway" if place == 0 else "peripheral" if place < 10 else "standalone"
    gateway = device_id(number - place) if kind == "peripheral" else None
    connected = number % CONNECTED == 0
    name, identity = f"device-{number:06}", device_id(number)
    behind = f'"gatewayId":"{gateway}",' if gateway else ""
    document = (
        f'{{"id":"{identity}","applicationId":"{application_id}",'
        '"creationDate":"2026-01-01T00:00:00.000Z","lastUpdated":"2026-01-01T00:00:00.000Z",'
        f'"name":"{name}","tags":[{{"key":"fleet","value":"bench"}},'
        f'{{"key":"zone","value":"{_zone(number)}"}}],'
        f'"attributes":[{{"name":"heat","dataType":"number"}}],{behind}'
        f'"deviceClass":"{kind}","ancestorIds":[]}}'
    )
    presence = (1, BEGAN_MS, BEGAN_MS, str(number), SERVER) if connected else (None,) * 5
    return (
        *(application_id, identity, name, kind, gateway, BEGAN_MS, BEGAN_MS),
        *presence,
        document,
    )


def _last(number: int, devices: int, points: int) -> tuple[Any, ...]:
    newest = max(0, points_of(number, devices, points) - 1)
    return (device_id(number), "heat", BEGAN_MS + newest * STEP_MS, str(newest % 40))


def _points(devices: int, points: int) -> Iterator[tuple[Any, ...]]:
    for number in range(devices):
        identity = device_id(number)
        for point in range(points_of(number, devices, points)):
            yield identity, "heat", BEGAN_MS + point * STEP_MS, str(point % 40)


def store_in_sqlite(path: Path, tables: Iterator[Table]) -> None:
    """Store rows in a file, without what triggers would make of them."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as connection:
        register_functions(connection)
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'device'"
        ).fetchall()
        connection.execute("BEGIN")
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for table, columns, rows in tables:
            marks = ", ".join("?" * (columns.count(",") + 1))
            sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - our own names
            connection.executemany(sql, rows)
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def store_in_postgres(url: str, tables: Iterator[Table]) -> None:
    """Store rows in a database, without what triggers would make of them."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET session_replication_role = replica")
    for table, columns, rows in tables:
        names = columns.split(", ")
        await connection.copy_records_to_table(table, columns=names, records=rows)
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")
    await connection.close()


def store(path: Path, url: str, tables: Iterator[Table]) -> None:
    """Store rows in the database at ``url``, or in a file where that is empty."""
    if url:
        asyncio.run(store_in_postgres(url, tables))
    else:
        store_in_sqlite(path, tables)
