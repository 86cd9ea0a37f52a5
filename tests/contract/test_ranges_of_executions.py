"""Items of one execution are found among those of all others by its key, on each database."""

import pytest

from drover.store.statements import load
from tests.contract.jobs_store import NOW, Bench, device_id

RANGES = sorted(
    name
    for name, statement in load("postgres").items()
    if "iteration" in statement.sql
    and ("resource_id > :after_id" in statement.sql or "execution.claim_cursor" in statement.sql)
)
MOMENTS = ("now_ms", "started_ms", "deadline_ms", "ready_ms", "completed_ms")
NUMBERS = ("places", "items", "limit", "fence", "held_by", "size", "step", "max_losses", "goal")
COUNTS = ("outcome", "retries", "succeeded", "failed", "in_flight", "waiting", "spare")


@pytest.fixture
async def bench(database):
    made = Bench(database)
    execution = await made.begin(2000)
    if database.dialect == "postgres":
        await database.write(lambda tx: tx.execute_sql("ANALYZE iteration"))
    made.params = {
        "number": execution.number,
        "after_id": device_id(100),
        "upto_id": device_id(200),
        "states": [3],
        "message": "",
        "accumulator": "",
        **dict.fromkeys(MOMENTS, NOW),
        **dict.fromkeys(NUMBERS, 100),
        **dict.fromkeys(COUNTS, 0),
    }
    return made


async def plan_of(database, sql, params):
    word = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    rows = await database.write(lambda tx: tx.fetch_sql(f"{word} {sql}", params))
    return "\n".join(row[3] if database.dialect == "sqlite" else row[0] for row in rows)


async def test_a_chunk_is_read_by_the_key_whatever_is_known_of_other_executions(bench):
    statements = load(bench.database.dialect)

    plans = {
        name: await plan_of(bench.database, statements[name].sql, bench.params) for name in RANGES
    }

    assert len(plans) > 10
    assert [name for name, plan in plans.items() if "iteration_resource" in plan] == []
