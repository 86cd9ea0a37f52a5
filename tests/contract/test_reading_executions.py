"""Executions of resource jobs are listed, watched, acknowledged and reported.

Over HTTP, on each database, with an engine ticked by the test.
"""

import csv
import io
import json

import pytest
import pytest_asyncio

from drover.model.iteration import Acknowledgement
from tests.contract.jobs_store import device_id
from tests.support.jobs_bench import PREFIX, JobsBench


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
async def test_bad_parameters_of_a_list_are_refused(quick, query):
    path = await quick.job()
    execution_id = await quick.execute(path)

    error = await quick.refused(400, "GET", f"{path}/executions/{execution_id}/iterations", **query)

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
async def test_bad_acknowledgements_change_nothing(sqlite_database, body, field):
    bench, path, execution_id = await running(sqlite_database)

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
async def test_what_others_have_looks_missing(quick, method, end, verb):
    await quick.add_devices(1)
    quick.work.progress.stop()
    path, other = await quick.job(), await quick.job(name="Other")
    execution_id = await quick.execute(path)
    names = {"e": execution_id, "d": device_id(1)}
    job_id = path.rpartition("/")[2]
    ours, absent = f"{path}{end.format(**names)}", f"{PREFIX}/{ABSENT}{end.format(**names)}"
    foreign = f"/applications/{'d' * 24}/resource-jobs/{job_id}{end.format(**names)}"
    body = body_of(end)

    out_of_sight = await quick.call(method, ours, body, token="theirs")
    in_theirs = await quick.call(method, foreign, body, token="theirs")
    missing = await quick.call(method, absent, body)

    assert out_of_sight.status_code == in_theirs.status_code == missing.status_code == 404
    assert in_theirs.content == missing.content
    if "{e}" in end:
        theirs = await quick.call(method, f"{other}{end.format(**names)}", body)
        unknown = await quick.call(method, f"{other}{end.format(e=ABSENT, d=device_id(1))}", body)
        assert theirs.status_code == unknown.status_code == 404
        assert theirs.content == unknown.content
    entry = await quick.ok("GET", f"{path}/executions/{execution_id}")
    assert entry["status"] == "inProgress"
    assert "paused" not in entry


@pytest.mark.parametrize(("method", "end", "verb"), ROUTES)
async def test_a_token_needs_the_scope(quick, method, end, verb):
    quick.work.progress.stop()
    path = await quick.job()
    execution_id = await quick.execute(path)
    place = f"{path}{end.format(e=execution_id, d=device_id(1))}"
    others = {"execute", "cancelExecution", "logs", "get"} - {verb}
    wrong = quick.gate.add("wrong", *(f"resourceJob.{each}" for each in others))
    right = quick.gate.add("right", f"resourceJob.{verb}")
    read = quick.gate.add("read", "all.Application.read")

    assert (await quick.call(method, place, token=None)).status_code == 401
    assert (await quick.call(method, place, body_of(end), token=wrong)).status_code == 403
    reading = await quick.call(method, place, body_of(end), token=read)
    assert (reading.status_code == 403) == (verb in ("execute", "cancelExecution"))
    assert (await quick.call(method, place, body_of(end), token=right)).status_code != 403


# Progress -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json", "image/png", None])
async def test_the_progress_of_an_ended_execution_is_its_end(quick, accept):
    await quick.add_devices(2)
    path = await quick.job()
    execution_id = await quick.execute(path)
    await quick.end(path, execution_id)

    headers = {"Accept": accept} if accept else {}
    answer = await quick.call("GET", f"{path}/executions/{execution_id}/progress", headers=headers)

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
    assert quick.work.progress.open == 0
