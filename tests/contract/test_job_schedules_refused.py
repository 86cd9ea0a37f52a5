"""What makes no schedule of a resource job, and who may not make one."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.contract.jobs_store import APPLICATION
from tests.support.job_schedules import made, opened
from tests.support.jobs_bench import PREFIX

ABSENT = "e" * 24


@pytest_asyncio.fixture
async def quick(sqlite_database):
    """One on the quicker database, for what is decided before any is asked."""
    async with opened(sqlite_database) as bench:
        yield bench


# Refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "cron"),
        ({"cron": "* * * * * *"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"cron": "x" * 300}, "cron"),
        ({"cron": "@daily", "hour": 3}, "cron"),
        ({"seconds": 60, "hour": 3}, "cron"),
        ({"min": "99"}, "min"),
        ({"min": 99}, "min"),
        ({"hour": "25"}, "hour"),
        ({"dom": 31, "month": "feb"}, "dom"),
        ({"seconds": 59}, "seconds"),
        ({"seconds": 1e300}, "seconds"),
        ({"seconds": "60"}, "seconds"),
        ({"hour": 3, "tz": "../../etc/passwd"}, "tz"),
        ({"hour": 3, "tz": "/etc/localtime"}, "tz"),
        ({"hour": 3, "tz": "Europe/Vienna\x00"}, None),
        ({"hour": 3, "tz": "a" * 10_000}, "tz"),
        ({"hour": 3, "tz": ""}, "tz"),
        ({"hour": 3, "startDate": "2030-01-02", "endDate": "2030-01-01"}, "endDate"),
        ({"hour": 3, "endDate": "2020-01-01"}, "endDate"),
        ({"hour": 3, "startDate": "soon"}, "startDate"),
        ({"hour": 3, "startDate": "9990-01-01"}, "endDate"),
        ({"hour": 3, "overlap": "both"}, "overlap"),
        ({"hour": 3, "active": "yes"}, "active"),
        ({"hour": 3, "executionOptions": {"templateContext": "{"}}, "templateContext"),
        ({"hour": 3, "executionOptions": {"queryJson": '{"no": 1}'}}, "queryJson"),
        ({"hour": 3, "executionOptions": {"more": 1}}, "more"),
        ({"seconds": 60, "localTimeTag": "timezone"}, "localTimeTag"),
        ({"hour": 3, "localTimeTag": "no blanks allowed"}, "localTimeTag"),
        ({"hour": 3, "id": ABSENT}, "id"),
        ({"hour": 3, "nextRun": "2030-01-01T00:00:00.000Z"}, "nextRun"),
    ],
)
async def test_what_makes_no_schedule_is_refused_for_its_field(quick, body, field):
    path = await quick.job()

    refused = await quick.refused(400, "POST", f"{path}/schedules", body)

    assert refused["type"] == "Validation"
    if field is not None:
        assert f"`{field}`" in refused["message"]
    assert (await quick.ok("GET", f"{path}/schedules"))["count"] == 0


async def test_only_devices_have_local_times(quick):
    path = await quick.job(resourceType="experienceUser")

    refused = await quick.refused(
        400, "POST", f"{path}/schedules", {"hour": 3, "localTimeTag": "timezone"}
    )

    assert "devices" in refused["message"]


async def test_a_change_that_is_refused_changes_nothing(quick):
    path = await made(quick, hour=3)
    before = await quick.ok("GET", path)

    for body in ({"cron": "broken"}, {"endDate": "2020-01-01"}, {"tz": "Mars"}, {"min": "x"}):
        await quick.refused(400, "PATCH", path, body)

    assert await quick.ok("GET", path) == before


@pytest.mark.parametrize("count", ["0", "1001", "9" * 40, "-1", "many"])
async def test_a_preview_has_a_bound(quick, count):
    path = await made(quick)

    await quick.refused(400, "GET", f"{path}/preview", count=count)


async def test_a_job_has_only_so_many_schedules(quick):
    path = await quick.job()
    for _ in range(5):
        await made(quick, path)

    await quick.refused(429, "POST", f"{path}/schedules", {"hour": 3})


@pytest.mark.parametrize(
    ("method", "end"),
    [
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"),
        ("POST", "/trigger"), ("GET", "/preview"),
    ],
)  # fmt: skip
async def test_what_is_not_ones_own_looks_missing_to_the_byte(quick, method, end):
    path, other = await made(quick), await quick.job()
    schedule_id = path.rpartition("/")[2]
    body = {} if method == "PATCH" else None
    elsewhere = path.replace(APPLICATION, "d" * 24)

    absent = await quick.call(method, f"{other}/schedules/{ABSENT}{end}", body)
    anothers = await quick.call(method, f"{other}/schedules/{schedule_id}{end}", body)
    tenants = await quick.call(method, f"{elsewhere}{end}", body, token="theirs")
    no_job = await quick.call(
        method, f"{elsewhere.replace(schedule_id, ABSENT)}{end}", body, token="theirs"
    )

    assert absent.status_code == anothers.status_code == tenants.status_code == 404
    assert absent.content == anothers.content
    assert tenants.content == no_job.content
    assert (await quick.ok("GET", path))["active"] is True


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("resourceJob.get", {("GET", ""), ("GET", "/preview")}),
        ("resourceJob.patch", set()),
        ("resourceJob.cancelExecution", {("POST", "/pause")}),
        ("all.Application.read", {("GET", ""), ("GET", "/preview")}),
        (
            "resourceJob.execute",
            {("PATCH", ""), ("POST", "/resume"), ("POST", "/trigger"), ("DELETE", "")},
        ),
    ],
)
async def test_scopes_decide_who_may_do_what(quick, scope, allowed):
    path, token = await made(quick), quick.gate.add("scoped", scope)
    calls = [
        ("GET", ""), ("GET", "/preview"), ("PATCH", ""), ("POST", "/pause"), ("POST", "/resume"),
        ("POST", "/trigger"), ("DELETE", ""),
    ]  # fmt: skip

    answers = {
        call: await quick.call(call[0], f"{path}{call[1]}", {}, token=token) for call in calls
    }

    assert {call for call, answer in answers.items() if answer.status_code != 403} == allowed


async def test_a_list_of_an_absent_job_is_missing(quick):
    await quick.refused(404, "GET", f"{PREFIX}/{ABSENT}/schedules")
    await quick.refused(404, "POST", f"{PREFIX}/{ABSENT}/schedules", {"hour": 3})
