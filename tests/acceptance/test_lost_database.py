"""The database throws everybody out, or has no room, while jobs run: all go on afterwards."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from drover.model.execution import State
from drover.model.iteration import FINAL
from drover.ports.failures import StoreFull
from drover.store.postgres import PostgresDatabase
from tests.acceptance.fan_out import ACKNOWLEDGE, FanOut, flow, node

RESOURCES = 3000
ROUNDS = 5

OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def throw_out(url, number):
    """End all connections again and again while the execution runs; return how many."""
    ended = 0
    connection = await asyncpg.connect(url)
    try:
        for done in range(1, ROUNDS + 1):
            while (await settled(connection, number)) < done * RESOURCES // (ROUNDS + 2):
                await asyncio.sleep(0.01)
            ended += await connection.fetchval(OTHERS)
    finally:
        await connection.close()
    return ended


async def settled(connection, number):
    query = "SELECT succeeded + failed + timed_out FROM execution WHERE number = $1"
    return await connection.fetchval(query, number) or 0


@pytest.mark.timeout(180)
async def test_connections_that_break_again_and_again_lose_and_repeat_no_result(postgres_url):
    database = PostgresDatabase(postgres_url)
    await database.open()
    call = node("call", "PythonHandlerNode", {"handler": "brief"}, "ack")
    timing = {"lease_ms": 2000, "beat_ms": 500, "sweep_ms": 500, "chunk": 100}
    try:
        async with FanOut(database, flow(call, ACKNOWLEDGE), **timing) as server:
            await server.add_devices(RESOURCES)
            number = await server.execute(concurrency=200)

            ended = await throw_out(postgres_url, number)
            execution = await server.ended(number, seconds=120, poll_s=0.2)
            items = await server.items(number)
    finally:
        await database.close()

    assert ended >= ROUNDS
    assert execution.state is State.SUCCEEDED
    assert len(items) == RESOURCES
    assert all(item.state in FINAL for item in items)
    assert execution.succeeded + execution.timed_out == RESOURCES
    assert execution.succeeded > RESOURCES * 0.9
    assert (execution.in_flight, execution.waiting) == (0, 0)


async def run_sql(database, sql):
    await database.write(lambda tx: tx.fetch_sql(sql))


@pytest.mark.timeout(180)
async def test_a_disk_that_is_full_for_a_while_loses_and_repeats_no_result(sqlite_database):
    call = node("call", "PythonHandlerNode", {"handler": "brief"}, "ack")
    timing = {"lease_ms": 2000, "beat_ms": 500, "sweep_ms": 500, "chunk": 100}
    refused = 0
    async with FanOut(sqlite_database, flow(call, ACKNOWLEDGE), **timing) as server:
        await server.add_devices(RESOURCES)
        number = await server.execute(concurrency=200)
        while not (await server.get(number)).succeeded:
            await asyncio.sleep(0.01)

        await run_sql(sqlite_database, "CREATE TABLE filler (bytes BLOB)")
        await run_sql(sqlite_database, "PRAGMA max_page_count = 1")
        while refused < 10:  # the limit is at least what the file has: fill what is free in it
            try:
                await run_sql(sqlite_database, "INSERT INTO filler VALUES (zeroblob(20000))")
            except StoreFull:
                refused += 1
                await asyncio.sleep(0.1)
        await run_sql(sqlite_database, "PRAGMA max_page_count = 1000000")
        execution = await server.ended(number, seconds=120, poll_s=0.2)

    assert execution.state is State.SUCCEEDED
    assert execution.succeeded + execution.timed_out == RESOURCES
    assert (execution.in_flight, execution.waiting) == (0, 0)
