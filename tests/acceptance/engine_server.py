"""A whole engine in a process of its own, for tests that kill it: run with one JSON argument."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

import asyncpg

from drover.store.blobs import ObjectBlobs
from drover.store.postgres import PostgresDatabase
from drover.store.sqlite import SqliteDatabase
from tests.acceptance.fan_out import ACKNOWLEDGE, FanOut, flow, node

BRIEF = flow(node("call", "PythonHandlerNode", {"handler": "brief"}, "ack"), ACKNOWLEDGE)


def database_of(place):
    return PostgresDatabase(place) if "://" in place else SqliteDatabase(Path(place))


async def asked(place, sql, *given):
    """Return the one value that a store answers with, whoever works on it; $1 is what is given."""
    if "://" in str(place):
        connection = await asyncpg.connect(place)
        try:
            return await connection.fetchval(sql, *given)
        finally:
            await connection.close()
    reading = sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=60)
    with contextlib.closing(reading) as connection:
        return connection.execute(sql.replace("$1", "?"), given).fetchone()[0]


async def serve(place, reports):
    database = database_of(place)
    await database.open()
    timing = {"lease_ms": 2000, "beat_ms": 500, "sweep_ms": 500, "chunk": 100}
    server = FanOut(
        database, BRIEF, worker=f"server-{os.getpid()}", blobs=ObjectBlobs(reports), **timing
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with server:
        print("ready", flush=True)
        await stop.wait()
    print("fenced", server.heart.acks.fenced, flush=True)
    await database.close()


if __name__ == "__main__":
    asyncio.run(serve(**json.loads(sys.argv[1])))
