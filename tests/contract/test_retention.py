"""What is past its time is deleted, and nothing else, on each database."""

from __future__ import annotations

import asyncio

import pytest

from drover.app import retention as rules
from drover.app.retention import DAY_MS, Keep, Retention
from drover.model.errors import Missing
from drover.model.execution import State
from drover.model.run import Change
from drover.ports.failures import StoreLost
from drover.ports.flows import RunCounts, RunNote
from tests.contract.jobs_store import APPLICATION, JOB, Bench, device_id
from tests.support.catalog_server import MemoryBlobs

NEVER = Keep(
    executions=0, run_history=0, debug_messages=0, deleted_devices=0, device_log=0, audit_log=0
)
FLOW = "f" * 24
MINUTE_MS = 60_000


@pytest.fixture
def bench(database):
    return Bench(database)


@pytest.fixture
def blobs():
    return MemoryBlobs()


async def now_of(bench):
    return await bench.store.read(lambda session: session.now_ms())


async def ended(bench, blobs, days_ago):
    """Return an execution that ended so long ago, with items and a report."""
    execution = await bench.add()
    await bench.snapshot(execution)
    await bench.jobs(lambda jobs: jobs.plans.begin(execution.number, 1))
    await bench.move(execution.number, Change(goal=State.CANCELING))
    key = f"reports/{execution.id}.csv"
    blobs.objects[key] = b"id,status\n"
    ended_ms = await now_of(bench) - int(days_ago * DAY_MS)
    change = Change(goal=State.CANCELED, report_key=key)
    await bench.jobs(lambda jobs: jobs.plans.close(execution.number, change, ended_ms))
    return execution.number


async def items_of(bench, number):
    sql = "SELECT count(*) AS total FROM iteration WHERE execution = :number"
    rows = await bench.database.read(lambda tx: tx.fetch_sql(sql, {"number": number}))
    return rows[0]["total"]


async def rows_in(bench, table):
    sql = f"SELECT count(*) AS total FROM {table}"  # noqa: S608 - the tests' own names
    rows = await bench.database.read(lambda tx: tx.fetch_sql(sql, {}))
    return rows[0]["total"]


async def run(bench, blobs, keep):
    while await Retention(bench.store, blobs, keep).tick() is not None:
        pass


async def test_executions_go_after_their_days_with_their_items_and_reports(bench, blobs):
    await bench.add_devices(3)
    old, young = await ended(bench, blobs, 11), await ended(bench, blobs, 9)
    running = await bench.add()

    await run(bench, blobs, Keep(executions=10))

    with pytest.raises(Missing):
        await bench.get(old)
    assert await items_of(bench, old) == 0
    assert (await bench.get(young)).state is State.CANCELED
    assert await items_of(bench, young) == 3
    assert (await bench.get(running.number)).state is running.state
    assert list(blobs.objects) == [(await bench.get(young)).report_key]


async def test_an_execution_stays_as_long_as_a_retry_of_it_runs(bench, blobs):
    await bench.add_devices(3)
    source, other = await ended(bench, blobs, 11), await ended(bench, blobs, 11)
    retry = await bench.add(retry_of=source)
    await bench.jobs(lambda jobs: jobs.plans.begin(retry.number, 1))

    await run(bench, blobs, Keep(executions=10))

    assert await items_of(bench, source) == 3
    with pytest.raises(Missing):
        await bench.get(other)

    await bench.move(retry.number, Change(goal=State.CANCELING))
    change = Change(goal=State.CANCELED)
    now_ms = await now_of(bench)
    await bench.jobs(lambda jobs: jobs.plans.close(retry.number, change, now_ms))
    await run(bench, blobs, Keep(executions=10))

    with pytest.raises(Missing):
        await bench.get(source)


async def test_zero_days_keep_everything_for_ever(bench, blobs):
    await bench.add_devices(1)
    old = await ended(bench, blobs, 100_000)

    await run(bench, blobs, NEVER)

    assert await items_of(bench, old) == 1
    assert len(blobs.objects) == 1


async def test_a_backlog_larger_than_a_batch_is_worked_off(bench, blobs, monkeypatch):
    monkeypatch.setattr(rules, "BATCH", 2)
    monkeypatch.setattr(rules, "MOST_STEPS", 2)
    await bench.add_devices(5)
    for _ in range(7):
        await ended(bench, blobs, 2)
    retention = Retention(bench.store, blobs, Keep(executions=1))

    rounds = 1
    while await retention.tick() is not None:
        rounds += 1

    assert rounds > 1
    assert await rows_in(bench, "execution") == 0
    assert await rows_in(bench, "iteration") == 0
    assert await rows_in(bench, "gone_execution") == 0
    assert blobs.objects == {}


async def test_a_job_that_is_deleted_takes_its_reports_along(bench, blobs):
    await bench.add_devices(2)
    await ended(bench, blobs, 0)
    await bench.jobs(lambda jobs: jobs.executions.forget(JOB))

    await run(bench, blobs, NEVER)

    assert blobs.objects == {}
    assert await rows_in(bench, "gone_execution") == 0


async def test_what_the_inventory_deletes_leaves_no_items_and_no_report(bench, blobs):
    await bench.add_devices(2)
    number = await ended(bench, blobs, 0)
    await bench.store.write(lambda session: session.inventory.discard([number]))
    await bench.store.write(lambda session: session.inventory.purge())

    await run(bench, blobs, NEVER)

    assert await items_of(bench, number) == 0
    assert blobs.objects == {}


async def test_a_report_that_cannot_be_deleted_now_is_tried_again(bench, blobs):
    class Away(MemoryBlobs):
        async def delete(self, key):
            raise StoreLost("the bucket is away")

    await bench.add_devices(1)
    await ended(bench, blobs, 2)
    away = Away()
    away.objects = blobs.objects

    with pytest.raises(StoreLost):
        await Retention(bench.store, away, Keep(executions=1)).tick()
    assert await rows_in(bench, "gone_execution") == 1

    await run(bench, blobs, Keep(executions=1))
    assert blobs.objects == {}
    assert await rows_in(bench, "gone_execution") == 0


async def test_two_servers_may_delete_at_once(bench, blobs):

    await bench.add_devices(4)
    for _ in range(6):
        await ended(bench, blobs, 2)

    await asyncio.gather(*(run(bench, blobs, Keep(executions=1)) for _ in range(2)))

    assert await rows_in(bench, "execution") == 0
    assert await rows_in(bench, "iteration") == 0
    assert blobs.objects == {}


async def test_a_round_that_is_told_to_stop_ends_after_a_step(bench, blobs, monkeypatch):
    monkeypatch.setattr(rules, "BATCH", 1)
    await bench.add_devices(3)
    for _ in range(3):
        await ended(bench, blobs, 2)
    retention = Retention(bench.store, blobs, Keep(executions=1))
    retention.stop()

    assert await retention.tick() == 0.0

    assert await rows_in(bench, "execution") == 2
    assert await rows_in(bench, "gone_execution") == 1


async def add_flow(database):
    row = (APPLICATION, FLOW, "Flow", "cloud", 1, 1, 1, "{}")
    columns = (
        "application_id", "id", "name", "flow_class", "enabled", "created_ms", "updated_ms",
        "document",
    )  # fmt: skip
    await database.write(lambda tx: tx.copy_rows("flow", columns, [row]))


async def test_counts_and_errors_of_runs_and_debug_messages_have_their_own_days(bench, blobs):
    await add_flow(bench.database)
    now_ms = await now_of(bench)

    def counts(days):
        minute_ms = (now_ms - days * DAY_MS) // MINUTE_MS * MINUTE_MS
        return RunCounts(
            flow_id=FLOW, version="develop", minute_ms=minute_ms, runs=1, paths_completed=1,
            paths_failed=0, wall_ms=1.0,
        )  # fmt: skip

    def note(topic, days):
        at_ms = now_ms - days * DAY_MS
        return RunNote(
            flow_id=FLOW, version="develop", topic=topic, time_ms=at_ms, document={"days": days}
        )

    notes = [note(topic, days) for topic in ("error", "debug") for days in (9, 4, 1)]
    await bench.store.write(
        lambda session: session.flows.history.add([counts(9), counts(4)], notes)
    )

    await run(bench, blobs, Keep(run_history=5, debug_messages=2))

    async def kept(topic):
        found = await bench.store.read(
            lambda session: session.flows.history.notes(FLOW, topic, (0, 2**53), limit=10)
        )
        return [each.document["days"] for each in found]

    left = await bench.store.read(lambda session: session.flows.history.counts(FLOW, (0, 2**53)))
    assert [each.minute_ms for each in left] == [counts(4).minute_ms]
    assert await kept("error") == [1, 4]
    assert await kept("debug") == [1]


async def test_deleted_devices_go_for_good_with_their_state(bench, blobs):
    await bench.add_devices(3)
    now_ms = await now_of(bench)

    async def work(tx):
        for number, days in ((1, 8), (2, 6)):
            await tx.execute_sql(
                "UPDATE device SET deleted_ms = :ms WHERE id = :id",
                {"ms": now_ms - days * DAY_MS, "id": device_id(number)},
            )
        columns = ("device_id", "attribute", "time_ms", "value")
        states = [(device_id(n), "x", ms, "1") for n in (1, 2, 3) for ms in range(4)]
        await tx.copy_rows("device_state", columns, states)

    await bench.database.write(work)

    await run(bench, blobs, Keep(deleted_devices=7))

    assert await rows_in(bench, "device") == 2
    assert await rows_in(bench, "device_state") == 8


async def test_a_deleted_device_stays_until_all_its_states_have_gone(bench, blobs, monkeypatch):
    monkeypatch.setattr(rules, "BATCH", 2)
    monkeypatch.setattr(rules, "MOST_STEPS", 2)
    await bench.add_devices(1)

    async def work(tx):
        await tx.execute_sql("UPDATE device SET deleted_ms = 1")
        columns = ("device_id", "attribute", "time_ms", "value")
        states = [(device_id(1), "x", ms, "1") for ms in range(5)]
        await tx.copy_rows("device_state", columns, states)

    await bench.database.write(work)
    retention = Retention(bench.store, blobs, Keep(deleted_devices=7))

    first = await retention.tick()
    left = await rows_in(bench, "device"), await rows_in(bench, "device_state")
    await retention.tick()

    assert (first, left) == (0.0, (1, 1))
    assert (await rows_in(bench, "device"), await rows_in(bench, "device_state")) == (0, 0)


async def test_the_log_of_devices_goes_after_its_days(bench, blobs):
    await bench.add_devices(1)
    now_ms = await now_of(bench)
    columns = ("device_id", "topic", "id", "time_ms", "document")
    rows = [
        (device_id(1), topic, f"{days}", now_ms - days * DAY_MS, "{}")
        for topic in ("command", "connection")
        for days in (1, 3)
    ]
    await bench.database.write(lambda tx: tx.copy_rows("device_log", columns, rows))

    await run(bench, blobs, Keep(device_log=2))

    assert await rows_in(bench, "device_log") == 2


async def test_audit_logs_go_after_their_days(bench, blobs):
    now_ms = await now_of(bench)
    columns = ("id", "org_id", "at_ms", "status", "resource", "action", "document")
    rows = [
        (f"{days}" * 24, "a" * 24, now_ms - days * DAY_MS, 200, "device", "patch", "{}")
        for days in (1, 3)
    ]
    await bench.database.write(lambda tx: tx.copy_rows("audit_entry", columns, rows))

    await run(bench, blobs, Keep(audit_log=2))

    assert await rows_in(bench, "audit_entry") == 1
