"""Executions of resource jobs are cancelled, paused, resumed, tried again and deleted.

Over HTTP, on each database, with an engine ticked by the test.
"""

import json
from typing import NamedTuple

import pytest
import pytest_asyncio

from drover.app.jobs.hook import ApplicationEnds
from drover.model.execution import State
from drover.model.run import Change
from drover.store.jobs.executions import ExecutionStore
from tests.contract.jobs_store import APPLICATION, device_id
from tests.support.jobs_bench import USER, JobsBench, user


@pytest_asyncio.fixture
async def bench(database):
    bench = JobsBench(database)
    yield bench
    await bench.client.aclose()


@pytest_asyncio.fixture
async def quick(sqlite_database):
    """One on the quicker database, for what is decided before any is asked."""
    bench = JobsBench(sqlite_database)
    yield bench
    await bench.client.aclose()


PENDING = {"outcome": lambda _id, _batch: None}
ABSENT = "e" * 24


class Gone(NamedTuple):
    """What is left of a deleted resource."""

    id: str


def context(**values):
    return json.dumps(values)


# Cancel, pause, resume ----------------------------------------------------------------------------


async def test_a_cancelled_execution_says_who_cancelled_it(database):
    bench = JobsBench(database, **PENDING)
    await bench.add_devices(12)
    path = await bench.job()
    execution_id = await bench.execute(path)
    await bench.tick("planner", "dispatcher")

    cancelled = await bench.ok("POST", f"{path}/cancelExecution", executionId=execution_id.upper())
    again = await bench.ok("POST", f"{path}/cancelExecution", executionId=execution_id)
    (canceling,) = await bench.ok("GET", f"{path}/logs")
    for n in range(1, 11):
        await bench.ok(
            "POST",
            f"{path}/executions/{execution_id}/iterations/{execution_id}-{device_id(n)}/acknowledge",
            {"success": True},
        )
    entry = await bench.end(path, execution_id)

    assert cancelled == again == {"success": True}
    assert (canceling["status"], canceling["cancelSourceType"]) == ("canceling", "user")
    assert (entry["status"], entry["cancelSourceId"]) == ("canceled", USER)
    assert entry["executionSummary"] == {
        "succeeded": 10, "failed": 0, "timedOut": 0, "inProgress": 0, "remaining": 2,
    }  # fmt: skip
    error = await bench.refused(400, "POST", f"{path}/cancelExecution", executionId=execution_id)
    assert "ended" in error["message"]


async def test_cancelling_names_an_execution_of_the_job(bench):
    path, other = await bench.job(), await bench.job(name="Other")
    execution_id = await bench.execute(other)

    for given, status in ((ABSENT, 404), (execution_id, 404), ("x", 400), ("", 400)):
        await bench.refused(status, "POST", f"{path}/cancelExecution", executionId=given)
    await bench.refused(400, "POST", f"{path}/cancelExecution", {"executionId": execution_id})
    assert (await bench.ok("GET", f"{other}/logs"))[0]["status"] == "inProgress"


@pytest.mark.parametrize("begun", [False, True])
async def test_a_paused_execution_waits_until_it_is_resumed(bench, begun):
    await bench.add_devices(3)
    path = await bench.job()
    execution_id = await bench.execute(path)
    execution = f"{path}/executions/{execution_id}"
    if begun:
        await bench.tick("planner")

    await bench.ok("POST", f"{execution}/pause")
    await bench.tick("planner", "dispatcher", "reporter")
    paused = await bench.ok("GET", execution)
    twice = await bench.refused(400, "POST", f"{execution}/pause")
    await bench.ok("POST", f"{execution}/resume")
    resumed = await bench.ok("GET", execution)
    entry = await bench.end(path, execution_id)

    assert (paused["status"], paused["paused"]) == ("inProgress", True)
    assert paused["executionSummary"]["succeeded"] == 0
    assert "paused" in twice["message"]
    assert "paused" not in resumed
    assert entry["executionSummary"]["succeeded"] == 3
    for verb in ("pause", "resume"):
        await bench.refused(400, "POST", f"{execution}/{verb}")


async def test_only_what_is_paused_can_be_resumed(bench):
    path = await bench.job()
    execution_id = await bench.execute(path)

    error = await bench.refused(400, "POST", f"{path}/executions/{execution_id}/resume")

    assert "not paused" in error["message"]


async def test_a_paused_execution_can_be_cancelled(bench):
    await bench.add_devices(3)
    path = await bench.job()
    execution_id = await bench.execute(path)
    await bench.ok("POST", f"{path}/executions/{execution_id}/pause")

    await bench.ok("POST", f"{path}/cancelExecution", executionId=execution_id)

    assert (await bench.end(path, execution_id))["status"] == "canceled"


@pytest.mark.parametrize("order", ["cancel", "pause"])
async def test_the_counts_add_up_when_an_order_comes_while_resources_are_chosen(database, order):
    bench = JobsBench(database, snapshot=2)
    await bench.add_devices(7)
    path = await bench.job()
    execution_id = await bench.execute(path)
    execution = f"{path}/executions/{execution_id}"
    after_chunks(bench, 2, lambda: give(bench, path, execution_id, order))

    await bench.tick("planner")
    if order == "pause":
        bench.store.offset_ms = 60_000  # the lease of who chose them ends
        await bench.ok("POST", f"{execution}/resume")
    entry = await bench.end(path, execution_id)

    total = {"cancel": 4, "pause": 7}[order]
    assert sum(entry["executionSummary"].values()) == total
    assert len((await bench.ok("GET", f"{execution}/iterations"))["items"]) == total
    assert len(bench.blobs.objects[f"reports/{execution_id}.csv"].splitlines()) == total + 1


def after_chunks(bench, count, act):
    """Do something when the planner has stored so many chunks."""
    planner = bench.loops["planner"]._tick.__self__
    store_chunk, stored = planner._chunk, []

    async def chunk(*given):
        stored.append(await store_chunk(*given))
        if len(stored) == count:
            await act()
        return stored[-1]

    planner._chunk = chunk


async def give(bench, path, execution_id, order):
    if order == "pause":
        await bench.ok("POST", f"{path}/executions/{execution_id}/pause")
    else:
        await bench.ok("POST", f"{path}/cancelExecution", executionId=execution_id)
        await bench.tick("reporter")


# Retry --------------------------------------------------------------------------------------------


async def test_a_retry_takes_what_did_not_succeed_with_the_same_overrides(bench):
    await bench.add_devices(4)
    bench.runner.outcome = lambda resource_id, _batch: resource_id != device_id(2)
    path = await bench.job(queryJson='{"name":{"$ne":"{{ctx.not}}"}}')
    given = {"templateContext": context(**{"not": "device 1"}), "executionTimeout": 60_000}
    first = await bench.execute(path, given)
    await bench.refused(400, "POST", f"{path}/executions/{first}/retry", {})
    await bench.end(path, first)
    await bench.ok("PATCH", path, {"iterationTimeout": 61_000})
    bench.runner.outcome = lambda _id, _batch: True

    answer = await bench.ok("POST", f"{path}/executions/{first}/retry")
    entry = await bench.end(path, answer["executionId"])

    assert answer["success"] is True
    assert entry["retryOf"] == first
    assert entry["executionSummary"]["succeeded"] == 1
    kept = ("templateContext", "queryJson", "executionTimeout", "iterationTimeout")
    original = await bench.ok("GET", f"{path}/executions/{first}")
    assert {name: entry[name] for name in kept} == {name: original[name] for name in kept}
    (item,) = (await bench.ok("GET", f"{path}/executions/{entry['id']}/iterations"))["items"]
    assert item["resourceId"] == device_id(2)
    error = await bench.refused(400, "POST", f"{path}/executions/{entry['id']}/retry")
    assert "no iterations" in error["message"]


async def test_a_retry_of_what_never_started_follows_a_cancelled_execution(database):
    bench = JobsBench(database)
    await bench.add_devices(12)
    path = await bench.job()
    first = await bench.execute(path)
    await bench.tick("planner")
    await bench.ok("POST", f"{path}/cancelExecution", executionId=first)
    cancelled = await bench.end(path, first)

    failed = await bench.refused(
        400, "POST", f"{path}/executions/{first}/retry", {"statuses": ["failed"]}
    )
    answer = await bench.ok(
        "POST", f"{path}/executions/{first}/retry", {"statuses": ["neverStarted"]}
    )
    entry = await bench.end(path, answer["executionId"])

    assert "no iterations" in failed["message"]
    assert cancelled["executionSummary"]["remaining"] == 12
    assert entry["executionSummary"]["succeeded"] == 12


@pytest.mark.parametrize("statuses", [[], ["succeeded"], "failed", [1], ["failed"] * 4])
async def test_a_retry_takes_known_statuses(quick, statuses):
    path = await quick.job()
    first = await quick.execute(path)

    error = await quick.refused(
        400, "POST", f"{path}/executions/{first}/retry", {"statuses": statuses}
    )

    assert "statuses" in error["message"]


# Delete -------------------------------------------------------------------------------------------


async def test_deleting_a_job_cancels_what_runs_and_keeps_no_logs(bench):
    await bench.add_devices(3)
    path = await bench.job()
    ended = await bench.execute(path)
    await bench.end(path, ended)
    open_id = await bench.execute(path)
    await bench.ok("POST", f"{path}/executions/{open_id}/pause")
    running_id = await bench.execute(path)

    await bench.ok("DELETE", path)
    await bench.tick("reporter")

    for end in ("/logs", "/executions", f"/executions/{ended}", f"/executions/{open_id}"):
        await bench.refused(404, "GET", f"{path}{end}")
    for each in (open_id, running_id):
        execution = await bench.jobs(lambda jobs, each=each: jobs.executions.get(each))
        assert execution.state == "canceled"
    assert await bench.jobs(lambda jobs: jobs.executions.count(path.rpartition("/")[2])) == 2


async def test_a_job_is_deleted_while_its_executions_move_on(bench, monkeypatch):
    await bench.add_devices(3)
    path = await bench.job()
    ending, beginning = [await bench.execute(path) for _ in range(2)]
    found = ExecutionStore.open_of_job

    async def found_before_they_moved(executions, job_id):
        """Return them as they stood before another server ended one and began the other."""
        read = await found(executions, job_id)
        numbers = {each.id: each.number for each in read}
        await executions.move(numbers[ending], Change(goal=State.FAILED))
        await executions.move(numbers[beginning], Change(goal=State.RUNNING))
        return read

    monkeypatch.setattr(ExecutionStore, "open_of_job", found_before_they_moved)

    await bench.ok("DELETE", path)

    await bench.refused(404, "GET", path)
    execution = await bench.jobs(lambda jobs: jobs.executions.get(beginning))
    assert execution.state == "canceling"


async def test_deleting_an_application_ends_what_runs_in_it(bench):
    await bench.add_devices(3)
    path = await bench.job()
    running_id = await bench.execute(path)

    await bench.store.write(
        lambda session: ApplicationEnds().after(session, user(), None, Gone(APPLICATION), None)
    )
    await bench.tick("reporter")

    execution = await bench.jobs(lambda jobs: jobs.executions.get(running_id))
    assert execution.state == "canceled"
