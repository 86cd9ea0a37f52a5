"""Executions of resource jobs are asked for, and what can never be run is refused.

Over HTTP, on each database, with an engine ticked by the test.
"""

import asyncio
import json

import pytest
import pytest_asyncio

from tests.contract.jobs_store import APPLICATION
from tests.support.jobs_bench import PREFIX, USER, JobsBench


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


ABSENT = "e" * 24


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
async def test_a_query_that_renders_to_nonsense_ends_as_errored_and_says_why(quick, query, reason):
    path = await quick.job(
        queryJson=query, defaultContext=context(name='a"b', n=1, list=["x"]), retryOnTimeout=True
    )

    execution_id = await quick.execute(path)
    (erroring,) = await quick.ok("GET", f"{path}/logs")
    entry = await quick.end(path, execution_id)

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
async def test_overrides_that_can_never_be_used_are_refused_by_name(quick, body, field):
    path = await quick.job()

    for operation in ("execute", "preview"):
        error = await quick.refused(400, "POST", f"{path}/{operation}", body)
        assert error["type"] == "Validation"
        assert field in error["message"]

    assert await quick.ok("GET", f"{path}/logs") == []
    assert "lastExecutionRequested" not in await quick.ok("GET", path)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"queryJson":"\\u0000"}']
)
async def test_bodies_that_are_no_objects_are_refused(quick, body):
    path = await quick.job()

    error = await quick.refused(400, "POST", f"{path}/execute", body)

    assert error["type"] == "Validation"


async def test_a_huge_body_is_refused_everywhere(quick):
    path = await quick.job()
    execution = f"{path}/executions/{await quick.execute(path)}"
    body = b'{"templateContext":"%b"}' % (b"x" * 10_000_000)

    for place in (
        f"{path}/execute", f"{path}/preview", f"{execution}/retry", f"{execution}/pause",
        f"{execution}/iterations/x/acknowledge",
    ):  # fmt: skip
        await quick.refused(413, "POST", place, body)


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
async def test_a_key_has_bounds(quick, key):
    path = await quick.job()

    error = await quick.refused(400, "POST", f"{path}/execute", headers={"Idempotency-Key": key})

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
async def test_definitions_that_can_never_be_used_are_refused_when_saved(quick, fields, field):
    path = await quick.job()

    made = await quick.refused(
        400, "POST", PREFIX, {"name": "J", "resourceType": "device", **fields}
    )
    changed = await quick.refused(400, "PATCH", path, fields)

    assert field in made["message"]
    assert field in changed["message"]


async def test_blank_contexts_are_empty_ones(quick):
    path = await quick.job(defaultContext="")

    entry = await quick.end(path, await quick.execute(path, {"templateContext": " "}))

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


async def test_previews_of_one_application_at_the_same_time_are_bounded(quick, monkeypatch):
    path, free = await quick.job(), asyncio.Event()
    read = quick.store.read

    async def held(work):
        await free.wait()
        return await read(work)

    monkeypatch.setattr(quick.store, "read", held)
    asked = [asyncio.create_task(quick.call("POST", f"{path}/preview", {})) for _ in range(10)]
    async with asyncio.timeout(60):
        while sum(each.done() for each in asked) < 2:
            await asyncio.sleep(0.01)
    waiting = [each for each in asked if not each.done()]
    free.set()
    answers = await asyncio.gather(*asked)

    assert len(waiting) == 8
    assert sorted(answer.status_code for answer in answers) == [200] * 8 + [429] * 2
