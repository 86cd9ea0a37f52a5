"""Lists of what nobody has taken look at few jobs, however many there are, on both stores."""

from __future__ import annotations

import pytest

from drover.query.tree import Compare, Missing, Operator, all_of, any_of
from drover.store.beacons import listing

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = 20_000
FEW = 3


async def _fill(tmm, count, **columns):
    """Store as many jobs more like the last one of all, with some columns of their own."""
    names = ("kind", "name", "owner_id", "queue", "state", "requested_ms", "due_ms", "picked_ms")
    given = {name: f"'{value}'" for name, value in columns.items()}
    chosen = ", ".join(given.get(name, name) for name in names)
    zeros = "concurrency, delay_ms, timeout_ms, retry_on_timeout, retry_on_failure"
    series = {
        "sqlite": "WITH RECURSIVE each (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM each"
        f" WHERE n < {count}) ",
        "postgres": f"WITH each AS (SELECT n FROM generate_series(1, {count}) AS n) ",
    }[tmm.database.dialect]

    async def work(tx):
        first = await tx.fetch_sql("SELECT max(number) AS number FROM execution")
        last = first[0]["number"]
        await tx.execute_sql(
            "INSERT INTO execution (id, detail, source_type, max_retries, retry_delay_ms,"
            f" queued_ms, {', '.join(names)}, {zeros})"
            f" {series} SELECT 'x' || ({last} + n), '{{}}', 'user', 2, 0, 1, {chosen}, 0, 0, 0, 0, 0"
            f" FROM execution CROSS JOIN each WHERE number = {last}"
        )
        await tx.execute_sql(
            "INSERT INTO beacon_job (number, user_number, user_guid, tasks, steps)"
            f" SELECT number, 1, 'g', '[]', 0 FROM execution WHERE number > {last}"
        )
        if tx.dialect == "postgres":
            await tx.execute_sql("ANALYZE execution")
            await tx.execute_sql("ANALYZE beacon_job")

    await tmm.database.write(work)


async def _looked_at(tmm):
    """Return how many rows of executions have been read so far; SQLite tells steps instead."""
    rows = await tmm.database.read(
        lambda tx: tx.fetch_sql("SELECT pg_stat_force_next_flush()")
    )
    return rows
