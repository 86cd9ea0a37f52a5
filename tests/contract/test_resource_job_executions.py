"""Executions of resource jobs over HTTP, on each database, with an engine ticked by the test."""

import asyncio
import csv
import io
import json
from typing import NamedTuple

import pytest
import pytest_asyncio

from drover.app.jobs.hook import ApplicationEnds
from drover.model.errors import Missing
from drover.model.iteration import Acknowledgement
from tests.contract.jobs_store import APPLICATION, device_id
from tests.support.jobs_bench import PREFIX, USER, JobsBench, user


@pytest_asyncio.fixture
async def bench(database):
    bench = JobsBench(database)
    yield bench
    await bench.client.aclose()


PENDING = {"outcome": lambda _id, _batch: None}
ABSENT = "e" * 24


class Gone(NamedTuple):
    """What is left of a deleted resource."""

    id: str


def context(**values):
    return json.dumps(values)


# Execute ------------------------------------------------------------------------------------------


async def test_an_execution_takes_the_settings_of_the_moment_and_keeps_them(bench):
    await bench.add_devices(3)
    path = await bench.job(
        queryJson='{"name":{"$ne":"{{ctx.not}}"}}',
        defaultContext=context(**{"not": "device 2"}),
        iterationTimeout=120_000,
        retryOnFailure=True,
        maxIterationRetries=3,
        retryDelay=7,
        executionTimeout=900_000,
    )
    execution_id = await bench.execute(path)
    await bench.ok("PATCH", path, {"queryJson": "{}", "iterationTimeout": 60_000, "retryDelay": 0})

    entry = await bench.end(path, execution_id)

    assert entry["executionSummary"] == {
        "succeeded": 2, "failed": 0, "timedOut": 0, "inProgress": 0, "remaining": 0,
    }  # fmt: skip
    kept = {
        "id": execution_id,
        "resourceJobExecutionId": execution_id,
        "applicationId": APPLICATION,
        "resourceJobId": path.rpartition("/")[2],
        "resourceType": "device",
        "status": "completed",
        "queryJson": '{"name":{"$ne":"{{ctx.not}}"}}',
        "renderedQuery": '{"name":{"$ne":"device 2"}}',
        "templateContext": '{"not": "device 2"}',
        "iterationDelay": 0,
        "iterationTimeout": 120_000,
        "maxIterationConcurrency": 10,
        "retryOnTimeout": False,
        "retryOnFailure": True,
        "maxIterationRetries": 3,
        "retryDelay": 7,
        "executionTimeout": 900_000,
        "sourceType": "user",
        "sourceId": USER,
    }
    assert {name: entry[name] for name in kept} == kept
    assert entry["requestedAt"] <= entry["runStartedAt"] <= entry["runCompletedAt"]
    assert (await bench.ok("GET", f"{path}/logs")) == [entry]


async def test_the_job_says_when_it_was_last_asked_for(bench):
    path = await bench.job()
    before = await bench.ok("GET", path)

    execution_id = await bench.execute(path)

    after, (entry,) = await bench.ok("GET", path), await bench.ok("GET", f"{path}/logs")
    assert "lastExecutionRequested" not in before
    assert after["lastExecutionRequested"] == entry["requestedAt"]
    assert after["lastUpdated"] == before["lastUpdated"]
    assert entry["id"] == execution_id


@pytest.mark.parametrize("name", ["{{ctx.name}}", "{{name}}"])
async def test_a_context_replaces_the_jobs_own(bench, name):
    await bench.add_devices(3)
    path = await bench.job(
        queryJson=f'{{"name":"{name}"}}', defaultContext=context(name="device 1", more=1)
    )

    execution_id = await bench.execute(path, {"templateContext": context(name="device 3")})

    entry = await bench.end(path, execution_id)
    assert entry["templateContext"] == '{"name": "device 3"}'
    (item,) = (await bench.ok("GET", f"{path}/executions/{execution_id}/iterations"))["items"]
    assert item["resourceName"] == "device 3"


async def test_overrides_hold_for_one_execution_alone(bench):
    await bench.add_devices(3)
    path = await bench.job()

    first = await bench.execute(
        path, {"queryJson": '{"name":"device 1"}', "executionTimeout": 5000}
    )
    second = await bench.execute(path, {})

    assert (await bench.end(path, first))["executionSummary"]["succeeded"] == 1
    assert (await bench.end(path, second))["executionSummary"]["succeeded"] == 3
    newest, older = await bench.ok("GET", f"{path}/logs", limit=2)
    assert (newest["id"], older["id"]) == (second, first)
    assert older["executionTimeout"] == 5000
    assert "executionTimeout" not in newest


UNUSABLE = [
    ('{"name": "{{jsonEncode ctx.name}}"}', "not valid JSON"),
    ('{"name": {{ctx.name}} }', "not valid JSON"),
    ("{{ctx.missing}}", "not valid JSON"),
    ("[{{ctx.n}}]", "Invalid query"),
    ('{"{{ctx.name}}": 1}', "Invalid query"),
    ('{"name": {"$in": [{{#each ctx.list}}{{this}},{{/each}}]}}', "not valid JSON"),
]


@pytest.mark.parametrize(("query", "reason"), UNUSABLE)
async def test_a_query_that_renders_to_nonsense_ends_as_errored_and_says_why(bench, query, reason):
    path = await bench.job(
        queryJson=query, defaultContext=context(name='a"b', n=1, list=["x"]), retryOnTimeout=True
    )

    execution_id = await bench.execute(path)
    (erroring,) = await bench.ok("GET", f"{path}/logs")
    entry = await bench.end(path, execution_id)

    assert erroring["status"] == "erroring"
    assert entry["status"] == "errored"
    assert reason in entry["error"]
    assert "queryJson" in entry["error"]
    assert entry["queryJson"] == query
    assert sum(entry["executionSummary"].values()) == 0


REFUSED = [
    ({"templateContext": "[1]"}, "templateContext"),
    ({"templateContext": "{"}, "templateContext"),
    ({"templateContext": "7"}, "templateContext"),
    ({"templateContext": "x" * 32768}, "templateContext"),
    ({"templateContext": {"a": 1}}, "templateContext"),
    ({"queryJson": "{"}, "queryJson"),
    ({"queryJson": ""}, "queryJson"),
    ({"queryJson": "[]"}, "queryJson"),
    ({"queryJson": '{"nonsense": 1}'}, "queryJson"),
    ({"queryJson": '{"name": {"$no": 1}}'}, "queryJson"),
    ({"queryJson": '{"name": "{{#if x}}"}'}, "queryJson"),
    ({"queryJson": "{}" + " " * 8191}, "queryJson"),
    ({"queryJson": "[" * 8000}, "queryJson"),
    ({"dataTableId": "nothing at all"}, "dataTableId"),
    ({"dataTableId": "{{"}, "dataTableId"),
    ({"executionTimeout": 0}, "executionTimeout"),
    ({"executionTimeout": 1.5}, "executionTimeout"),
    ({"executionTimeout": "1"}, "executionTimeout"),
    ({"unknown": 1}, "unknown"),
]


@pytest.mark.parametrize(("body", "field"), REFUSED)
async def test_overrides_that_can_never_be_used_are_refused_by_name(bench, body, field):
    path = await bench.job()

    for operation in ("execute", "preview"):
        error = await bench.refused(400, "POST", f"{path}/{operation}", body)
        assert error["type"] == "Validation"
        assert field in error["message"]

    assert await bench.ok("GET", f"{path}/logs") == []
    assert "lastExecutionRequested" not in await bench.ok("GET", path)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"queryJson":"\\u0000"}']
)
async def test_bodies_that_are_no_objects_are_refused(bench, body):
    path = await bench.job()

    error = await bench.refused(400, "POST", f"{path}/execute", body)

    assert error["type"] == "Validation"


async def test_a_huge_body_is_refused_everywhere(bench):
    path = await bench.job()
    execution = f"{path}/executions/{await bench.execute(path)}"
    body = b'{"templateContext":"%b"}' % (b"x" * 10_000_000)

    for place in (
        f"{path}/execute", f"{path}/preview", f"{execution}/retry", f"{execution}/pause",
        f"{execution}/iterations/x/acknowledge",
    ):  # fmt: skip
        await bench.refused(413, "POST", place, body)


async def test_the_same_key_gives_the_same_execution(bench):
    path, other = await bench.job(), await bench.job(name="Other")
    key = {"Idempotency-Key": "monday"}
    body = {"templateContext": "{}"}

    first = await bench.execute(path, body, headers=key)
    again = await bench.execute(path, body, headers=key)
    elsewhere = await bench.execute(other, body, headers=key)
    error = await bench.refused(400, "POST", f"{path}/execute", {}, headers=key)

    assert first == again != elsewhere
    assert "Idempotency-Key" in error["message"]
    assert len(await bench.ok("GET", f"{path}/logs", limit=10)) == 1


async def test_requests_with_one_key_at_the_same_time_give_one_execution(bench):
    path = await bench.job()
    key = {"Idempotency-Key": "k"}

    ids = await asyncio.gather(*(bench.execute(path, headers=key) for _ in range(8)))

    assert len(set(ids)) == 1


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_has_bounds(bench, key):
    path = await bench.job()

    error = await bench.refused(400, "POST", f"{path}/execute", headers={"Idempotency-Key": key})

    assert "Idempotency-Key" in error["message"]


async def test_executions_of_one_job_that_have_not_ended_are_bounded(database):
    bench = JobsBench(database, most_open=2)
    path, other = await bench.job(), await bench.job(name="Other")
    first = await bench.execute(path, headers={"Idempotency-Key": "first"})
    await bench.execute(path)

    error = await bench.refused(429, "POST", f"{path}/execute")
    again = await bench.execute(path, headers={"Idempotency-Key": "first"})
    await bench.execute(other)
    await bench.end(path, first)

    assert error["type"] == "TooManyRequests"
    assert again == first
    await bench.execute(path)


async def test_the_bound_holds_for_requests_at_the_same_time(database):
    bench = JobsBench(database, most_open=3)
    path = await bench.job()

    answers = await asyncio.gather(*(bench.call("POST", f"{path}/execute") for _ in range(12)))

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 9
    assert len(await bench.ok("GET", f"{path}/logs", limit=100)) == 3


async def test_orders_at_the_same_time_leave_one_that_can_go_on(bench):
    await bench.add_devices(5)
    path = await bench.job()
    execution_id = await bench.execute(path)
    execution = f"{path}/executions/{execution_id}"
    await bench.tick("planner")
    orders = [f"{execution}/pause", f"{execution}/resume"] * 6

    answers = await asyncio.gather(*(bench.call("POST", order) for order in orders))
    last = await bench.ok("GET", execution)
    if "paused" in last:
        await bench.ok("POST", f"{execution}/resume")
    entry = await bench.end(path, execution_id)

    assert {answer.status_code for answer in answers} <= {200, 400}
    obeyed = [answer.status_code == 200 for answer in answers]
    assert sum(obeyed[0::2]) - sum(obeyed[1::2]) == ("paused" in last)
    assert sum(obeyed) > 0
    assert entry["executionSummary"]["succeeded"] == 5


# Rows ---------------------------------------------------------------------------------------------


async def rows(bench, count=3):
    tables = f"/applications/{APPLICATION}/data-tables"
    column = {"name": "n", "dataType": "number", "constraint": "optional"}
    table = await bench.ok("POST", tables, {"name": "T", "columns": [column]})
    for n in range(count):
        await bench.ok("POST", f"{tables}/{table['id']}/rows", {"n": n})
    return table["id"]


async def test_a_job_over_rows_takes_its_table_from_the_context(bench):
    table = await rows(bench)
    path = await bench.job(
        resourceType="dataTableRow",
        dataTableId="{{ctx.table}}",
        queryJson='{"n":{"$gte":{{ctx.least}}}}',
    )

    given = {"templateContext": context(table=table, least=1)}
    execution_id = await bench.execute(path, given)
    missing = await bench.execute(path, {"templateContext": context(least=1, table=ABSENT)})
    nothing = await bench.execute(path, {"templateContext": context(least=1)})

    entry = await bench.end(path, execution_id)
    assert entry["executionSummary"]["succeeded"] == 2
    assert entry["dataTableId"] == table
    for each in (missing, nothing):
        errored = await bench.end(path, each)
        assert errored["status"] == "errored"
        assert "dataTableId" in errored["error"]
    seen = await bench.ok("POST", f"{path}/preview", given)
    assert (seen["count"], len(seen["sample"])) == (2, 2)


async def test_a_table_that_is_not_there_is_refused_where_it_is_named(bench):
    table = await rows(bench)
    job = {"name": "J", "resourceType": "dataTableRow"}

    for body, field in (
        (job, "dataTableId"),
        ({**job, "dataTableId": ABSENT}, "dataTableId"),
        ({**job, "dataTableId": table, "queryJson": '{"m":1}'}, "queryJson"),
        ({**job, "dataTableId": "{{t}}", "queryJson": "nonsense"}, "queryJson"),
        ({**job, "dataTableId": "{{t}}", "queryJson": "[]"}, "queryJson"),
    ):
        error = await bench.refused(400, "POST", PREFIX, body)
        assert field in error["message"]
    path = await bench.job(resourceType="dataTableRow", dataTableId=table)
    error = await bench.refused(400, "POST", f"{path}/execute", {"dataTableId": ABSENT})
    assert "dataTableId" in error["message"]


async def test_a_table_deleted_since_makes_the_execution_errored(bench):
    table = await rows(bench)
    path = await bench.job(resourceType="dataTableRow", dataTableId=table)
    await bench.ok("DELETE", f"/applications/{APPLICATION}/data-tables/{table}")

    entry = await bench.end(path, await bench.execute(path))

    assert entry["status"] == "errored"
    assert table in entry["error"]
    renamed = await bench.ok("PATCH", path, {"name": "Still to be changed"})
    assert renamed["name"] == "Still to be changed"


# Definitions --------------------------------------------------------------------------------------

DEFINITIONS = [
    ({"queryJson": "{"}, "queryJson"),
    ({"queryJson": ""}, "queryJson"),
    ({"queryJson": '{"nonsense":1}'}, "queryJson"),
    ({"queryJson": '{"name":"{{nope}"}'}, "queryJson"),
    ({"defaultContext": "[]"}, "defaultContext"),
    ({"defaultContext": "{x}"}, "defaultContext"),
    ({"iterationTimeout": 59_999}, "iterationTimeout"),
    ({"iterationTimeout": 900_001}, "iterationTimeout"),
]


@pytest.mark.parametrize(("fields", "field"), DEFINITIONS)
async def test_definitions_that_can_never_be_used_are_refused_when_saved(bench, fields, field):
    path = await bench.job()

    made = await bench.refused(
        400, "POST", PREFIX, {"name": "J", "resourceType": "device", **fields}
    )
    changed = await bench.refused(400, "PATCH", path, fields)

    assert field in made["message"]
    assert field in changed["message"]


async def test_blank_contexts_are_empty_ones(bench):
    path = await bench.job(defaultContext="")

    entry = await bench.end(path, await bench.execute(path, {"templateContext": " "}))

    assert (entry["status"], entry["templateContext"]) == ("completed", "{}")


# Preview ------------------------------------------------------------------------------------------


async def test_a_preview_counts_and_shows_the_first_without_running_anything(bench):
    devices = await bench.add_device_documents(12)
    path = await bench.job(queryJson='{"tags":{"k":{"$nin":["{{ctx.k}}"]}}}')

    seen = await bench.ok("POST", f"{path}/preview", {"templateContext": context(k="2")})

    assert seen["count"] == 11
    wanted = [
        {"id": each["id"], "name": each["name"]} for each in devices if each["name"] != "device 2"
    ]
    assert seen["sample"] == sorted(wanted, key=lambda each: each["id"])[:10]
    assert seen["query"] == '{"tags":{"k":{"$nin":["2"]}}}'
    assert await bench.ok("GET", f"{path}/logs") == []


async def test_a_preview_of_a_query_that_renders_to_nonsense_is_refused(bench):
    path = await bench.job(queryJson='{"name": {{ctx.name}} }')

    error = await bench.refused(400, "POST", f"{path}/preview", {})

    assert "queryJson" in error["message"]


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
async def test_a_retry_takes_known_statuses(bench, statuses):
    path = await bench.job()
    first = await bench.execute(path)

    error = await bench.refused(
        400, "POST", f"{path}/executions/{first}/retry", {"statuses": statuses}
    )

    assert "statuses" in error["message"]


# Lists --------------------------------------------------------------------------------------------


async def test_logs_are_newest_first_one_by_default_and_bounded(bench):
    path = await bench.job()
    ids = [await bench.execute(path) for _ in range(3)]

    (newest,) = await bench.ok("GET", f"{path}/logs")
    two = await bench.ok("GET", f"{path}/logs", limit=2, since=0)

    assert newest["id"] == ids[2]
    assert [entry["id"] for entry in two] == [ids[2], ids[1]]
    assert await bench.ok("GET", f"{path}/logs", since=253402300799999) == []
    for query in ({"limit": 0}, {"limit": "x"}, {"since": "yesterday"}, {"limit": 10**30}):
        await bench.refused(400, "GET", f"{path}/logs", **query)


async def test_executions_come_in_pages(bench):
    path = await bench.job()
    ids = [await bench.execute(path) for _ in range(3)]

    first = await bench.ok("GET", f"{path}/executions", perPage=2)
    second = await bench.ok("GET", f"{path}/executions", perPage=2, page=1)

    assert [entry["id"] for entry in first["items"] + second["items"]] == ids[::-1]
    assert (first["count"], first["totalCount"], second["page"]) == (2, 3, 1)
    assert (await bench.ok("GET", f"{path}/executions", page=9))["items"] == []


async def test_iterations_come_by_status_and_cursor(bench):
    await bench.add_devices(5)
    bench.runner.outcome = lambda resource_id, _batch: Acknowledgement(
        resource_id, resource_id != device_id(4), "word"
    )
    path = await bench.job()
    execution_id = await bench.execute(path)
    await bench.end(path, execution_id)
    place = f"{path}/executions/{execution_id}/iterations"

    first = await bench.ok("GET", place, limit=3)
    rest = await bench.ok("GET", place, limit=3, cursor=first["cursor"])
    failed = await bench.ok("GET", place, status="failed,timedOut")

    shown = first["items"] + rest["items"]
    assert [item["resourceId"] for item in shown] == [device_id(n) for n in range(1, 6)]
    assert "cursor" not in rest
    (item,) = failed["items"]
    assert item == shown[3]
    assert {name: value for name, value in item.items() if not name.endswith("At")} == {
        "iterationId": f"{execution_id}-{device_id(4)}",
        "resourceId": device_id(4),
        "resourceName": "device 4",
        "status": "failed",
        "attempts": 1,
        "message": "word",
    }
    assert item["startedAt"] <= item["completedAt"]


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "' OR 1=1 --"},
        {"cursor": "%00"},
        {"cursor": "f" * 25},
        {"cursor": "../" * 8},
        {"status": "unknown"},
        {"status": "failed'; DROP TABLE iteration; --"},
        {"limit": 0},
        {"limit": 1001},
    ],
)
async def test_bad_parameters_of_a_list_are_refused(bench, query):
    path = await bench.job()
    execution_id = await bench.execute(path)

    error = await bench.refused(400, "GET", f"{path}/executions/{execution_id}/iterations", **query)

    assert next(iter(query)) in error["message"]


# Acknowledge --------------------------------------------------------------------------------------


async def running(database, devices=2, **fields):
    """Return a bench with an execution whose iterations wait for their acknowledgements."""
    bench = JobsBench(database, **PENDING)
    await bench.add_devices(devices)
    path = await bench.job(**fields)
    execution_id = await bench.execute(path)
    await bench.tick("planner", "dispatcher")
    return bench, path, execution_id


def acknowledging(path, execution_id, n, named=None):
    place = f"{path}/executions/{execution_id}/iterations"
    return f"{place}/{named or execution_id}-{device_id(n)}/acknowledge"


async def test_iterations_can_be_acknowledged_over_http(database):
    bench, path, execution_id = await running(database)

    good = await bench.ok(
        "POST", acknowledging(path, execution_id, 1), {"success": True, "message": "m" * 300}
    )
    bad = await bench.ok("POST", acknowledging(path, execution_id, 2), {"success": False})
    entry = await bench.end(path, execution_id)

    assert (good["success"], good["status"], good["message"]) == (True, "succeeded", "m" * 256)
    assert bad["status"] == "failed"
    assert entry["executionSummary"] == {
        "succeeded": 1, "failed": 1, "timedOut": 0, "inProgress": 0, "remaining": 0,
    }  # fmt: skip


async def test_the_first_acknowledgement_counts(database):
    bench, path, execution_id = await running(database)
    place = acknowledging(path, execution_id, 1)

    await bench.ok("POST", place, {"success": True})
    error = await bench.refused(400, "POST", place, {"success": False})

    assert error["message"] == "Iteration was already acknowledged"
    assert (await bench.ok("GET", f"{path}/executions/{execution_id}"))["executionSummary"][
        "succeeded"
    ] == 1


async def test_unknown_iterations_are_not_found(database):
    bench, path, execution_id = await running(database, devices=12)

    for place in (
        acknowledging(path, execution_id, 99),
        acknowledging(path, execution_id, 12),  # its turn has not come
        acknowledging(path, execution_id, 1, named=ABSENT),
        f"{path}/executions/{execution_id}/iterations/{device_id(1)}/acknowledge",
        f"{path}/executions/{execution_id}/iterations/nonsense/acknowledge",
        acknowledging(path, ABSENT, 1),
    ):
        await bench.refused(404, "POST", place, {"success": True})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "success"),
        ({"success": "yes"}, "success"),
        ({"success": 1}, "success"),
        ({"success": True, "message": 5}, "message"),
        ({"success": True, "accumulator": "x" * 257}, "accumulator"),
        ({"success": True, "accumulator": {"x": "y" * 256}}, "accumulator"),
        ({"success": True, "more": 1}, "more"),
    ],
)
async def test_bad_acknowledgements_change_nothing(database, body, field):
    bench, path, execution_id = await running(database)

    error = await bench.refused(400, "POST", acknowledging(path, execution_id, 1), body)

    assert field in error["message"]
    await bench.ok("POST", acknowledging(path, execution_id, 1), {"success": True})


async def test_an_accumulator_goes_from_one_to_the_next_and_into_the_log(database):
    bench, path, execution_id = await running(database, maxIterationConcurrency=1)

    await bench.ok(
        "POST", acknowledging(path, execution_id, 1), {"success": True, "accumulator": {"sum": 1}}
    )
    await bench.tick("dispatcher")
    seen = bench.runner.batches[-1].iterations.accumulator
    last = await bench.ok(
        "POST", acknowledging(path, execution_id, 2), {"success": True, "accumulator": "end"}
    )
    entry = await bench.end(path, execution_id)

    assert json.loads(seen) == {"sum": 1}
    assert last["accumulator"] == entry["accumulator"] == "end"


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


async def test_deleting_an_application_ends_what_runs_in_it(bench):
    await bench.add_devices(3)
    path = await bench.job()
    ended = await bench.execute(path)
    await bench.end(path, ended)
    running_id = await bench.execute(path)

    await bench.store.write(
        lambda session: ApplicationEnds().after(session, user(), None, Gone(APPLICATION), None)
    )
    await bench.tick("reporter")

    execution = await bench.jobs(lambda jobs: jobs.executions.get(running_id))
    assert execution.state == "canceled"
    with pytest.raises(Missing):
        await bench.jobs(lambda jobs: jobs.executions.get(ended))


# Reports ------------------------------------------------------------------------------------------


async def test_a_report_is_read_by_its_signed_address_without_a_token(bench):
    await bench.add_devices(2)
    bench.runner.outcome = lambda resource_id, _batch: Acknowledgement(
        resource_id, True, "=cmd()" if resource_id == device_id(1) else None
    )
    path = await bench.job()
    execution_id = await bench.execute(path)
    early = await bench.ok("GET", f"{path}/executions/{execution_id}")
    entry = await bench.end(path, execution_id)

    answer = await bench.call("GET", entry["executionReportUrl"], token=None)
    raw = await bench.call("GET", f"{entry['executionReportUrl']}&raw=true", token=None)

    assert "executionReportUrl" not in early
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert execution_id in answer.headers["content-disposition"]
    first, second = csv.DictReader(io.StringIO(answer.text))
    assert (first["resourceId"], first["message"]) == (device_id(1), "'=cmd()")
    assert second["iterationId"] == f"{execution_id}-{device_id(2)}"
    first_raw, second_raw = csv.DictReader(io.StringIO(raw.text))
    assert first_raw == first | {"message": "=cmd()"}
    assert second_raw == second


async def test_an_address_of_a_report_is_good_for_one_report_and_a_while(bench):
    path = await bench.job()
    ids = [await bench.execute(path) for _ in range(2)]
    mine, other = [await bench.end(path, each) for each in ids]
    url, signature = mine["executionReportUrl"].rsplit("=", 1)
    stranger = other["executionReportUrl"].rsplit("=", 1)[1]
    expires = url.partition("expires=")[2].partition("&")[0]

    for forged in (
        f"{url}={stranger}",
        f"{url}={signature[:-1]}",
        f"{url}={'0' * 64}",
        f"{url}=%C3%A9%ED%A0%80",
        f"{url.replace(expires, str(int(expires) + 1))}={signature}",
        f"{url.replace(expires, 'never')}={signature}",
        f"{url.replace(ids[0], ABSENT)}={signature}",
    ):
        error = await bench.refused(403, "GET", forged, token=None)
        assert "signature" in error["message"]
    await bench.refused(400, "GET", f"/reports/{ids[0]}", token=None)
    await bench.refused(400, "GET", "/reports/nonsense?expires=1&signature=2", token=None)
    bench.clock.ms += 3_700_000
    error = await bench.refused(403, "GET", mine["executionReportUrl"], token=None)
    assert "expired" in error["message"]
    fresh = await bench.ok("GET", f"{path}/executions/{ids[0]}")
    assert (await bench.call("GET", fresh["executionReportUrl"], token=None)).status_code == 200


async def test_a_report_that_is_gone_is_not_found(bench):
    path = await bench.job()
    entry = await bench.end(path, await bench.execute(path))
    bench.blobs.objects.clear()

    await bench.refused(404, "GET", entry["executionReportUrl"], token=None)


# Who may ------------------------------------------------------------------------------------------

ROUTES = [
    ("POST", "/execute", "execute"),
    ("POST", "/cancelExecution?executionId={e}", "cancelExecution"),
    ("GET", "/logs", "logs"),
    ("POST", "/preview", "get"),
    ("GET", "/executions", "logs"),
    ("GET", "/executions/{e}", "logs"),
    ("POST", "/executions/{e}/pause", "cancelExecution"),
    ("POST", "/executions/{e}/resume", "execute"),
    ("POST", "/executions/{e}/retry", "execute"),
    ("GET", "/executions/{e}/iterations", "logs"),
    ("POST", "/executions/{e}/iterations/{e}-{d}/acknowledge", "execute"),
    ("GET", "/executions/{e}/progress", "logs"),
]
BODIES = {"acknowledge": {"success": True}}


def body_of(end):
    return BODIES.get(end.rpartition("/")[2])


@pytest.mark.parametrize(("method", "end", "verb"), ROUTES)
async def test_what_others_have_looks_missing(bench, method, end, verb):
    await bench.add_devices(1)
    bench.work.progress.stop()
    path, other = await bench.job(), await bench.job(name="Other")
    execution_id = await bench.execute(path)
    names = {"e": execution_id, "d": device_id(1)}
    job_id = path.rpartition("/")[2]
    ours, absent = f"{path}{end.format(**names)}", f"{PREFIX}/{ABSENT}{end.format(**names)}"
    foreign = f"/applications/{'d' * 24}/resource-jobs/{job_id}{end.format(**names)}"
    body = body_of(end)

    out_of_sight = await bench.call(method, ours, body, token="theirs")
    in_theirs = await bench.call(method, foreign, body, token="theirs")
    missing = await bench.call(method, absent, body)

    assert out_of_sight.status_code == in_theirs.status_code == missing.status_code == 404
    assert in_theirs.content == missing.content
    if "{e}" in end:
        theirs = await bench.call(method, f"{other}{end.format(**names)}", body)
        unknown = await bench.call(method, f"{other}{end.format(e=ABSENT, d=device_id(1))}", body)
        assert theirs.status_code == unknown.status_code == 404
        assert theirs.content == unknown.content
    entry = await bench.ok("GET", f"{path}/executions/{execution_id}")
    assert entry["status"] == "inProgress"
    assert "paused" not in entry


@pytest.mark.parametrize(("method", "end", "verb"), ROUTES)
async def test_a_token_needs_the_scope(bench, method, end, verb):
    bench.work.progress.stop()
    path = await bench.job()
    execution_id = await bench.execute(path)
    place = f"{path}{end.format(e=execution_id, d=device_id(1))}"
    others = {"execute", "cancelExecution", "logs", "get"} - {verb}
    wrong = bench.gate.add("wrong", *(f"resourceJob.{each}" for each in others))
    right = bench.gate.add("right", f"resourceJob.{verb}")
    read = bench.gate.add("read", "all.Application.read")

    assert (await bench.call(method, place, token=None)).status_code == 401
    assert (await bench.call(method, place, body_of(end), token=wrong)).status_code == 403
    reading = await bench.call(method, place, body_of(end), token=read)
    assert (reading.status_code == 403) == (verb in ("execute", "cancelExecution"))
    assert (await bench.call(method, place, body_of(end), token=right)).status_code != 403


# Progress -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json", "image/png", None])
async def test_the_progress_of_an_ended_execution_is_its_end(bench, accept):
    await bench.add_devices(2)
    path = await bench.job()
    execution_id = await bench.execute(path)
    await bench.end(path, execution_id)

    headers = {"Accept": accept} if accept else {}
    answer = await bench.call("GET", f"{path}/executions/{execution_id}/progress", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream"
    name, data = answer.text.strip().split("\n")
    assert name == "event: progress"
    assert json.loads(data.removeprefix("data: ")) == {
        "executionId": execution_id,
        "status": "completed",
        "executionSummary": {
            "succeeded": 2, "failed": 0, "timedOut": 0, "inProgress": 0, "remaining": 0,
        },
    }  # fmt: skip
    assert bench.work.progress.open == 0
