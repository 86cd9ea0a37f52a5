"""Schedules of resource jobs, over HTTP, on each database, with a clock that tests set."""

from __future__ import annotations

import asyncio

import pytest_asyncio

from tests.contract.jobs_store import APPLICATION
from tests.support.job_schedules import executions, job_of, made, opened, tagged
from tests.support.jobs_bench import USER, JobsBench

ABSENT = "e" * 24


@pytest_asyncio.fixture
async def bench(database):
    async with opened(database) as bench:
        yield bench


@pytest_asyncio.fixture
async def quick(sqlite_database):
    """One on the quicker database, for what is decided before any is asked."""
    async with opened(sqlite_database) as bench:
        yield bench


# Kept and shown -----------------------------------------------------------------------------------


async def test_a_schedule_is_made_shown_and_listed(bench):
    await bench.at("2026-01-10T00:00:01Z")
    path = await bench.job()

    made = await bench.ok(
        "POST",
        f"{path}/schedules",
        {
            "name": "nightly",
            "min": 30,
            "hour": "3",
            "dow": "mon-fri",
            "tz": "Europe/Vienna",
            "startDate": "2026-01-12",
            "endDate": "2026-02-01T00:00:00+01:00",
            "overlap": "queue",
            "executionOptions": {"templateContext": '{"a": 1}'},
        },
    )

    expected = {
        "applicationId": APPLICATION,
        "resourceJobId": path.rpartition("/")[2],
        "name": "nightly",
        "min": "30",
        "hour": "3",
        "dow": "mon-fri",
        "tz": "Europe/Vienna",
        "startDate": "2026-01-12T00:00:00.000Z",
        "endDate": "2026-01-31T23:00:00.000Z",
        "active": True,
        "overlap": "queue",
        "executionOptions": {"templateContext": '{"a": 1}'},
        "lastUpdatedById": USER,
        "lastUpdatedByType": "user",
        "nextRun": "2026-01-12T02:30:00.000Z",
    }
    assert {name: made[name] for name in expected} == expected
    assert "lastRun" not in made
    assert await bench.ok("GET", f"{path}/schedules/{made['id']}") == made
    listed = await bench.ok("GET", f"{path}/schedules")
    assert (listed["items"], listed["count"]) == ([made], 1)


async def test_a_change_of_when_it_runs_replaces_what_was_before(bench):
    await bench.at("2026-01-10T00:00:01Z")
    path = await made(bench, hour="3", name="n", startDate="2026-01-11")

    changed = await bench.ok("PATCH", path, {"cron": "*/5 * * * *", "name": None})
    again = await bench.ok("PATCH", path, {"startDate": None, "seconds": 90})

    assert changed["nextRun"] == "2026-01-11T00:00:00.000Z"
    assert not {"name", "hour", "seconds"} & changed.keys()
    assert again["seconds"] == 90
    assert not {"cron", "startDate"} & again.keys()
    assert again["nextRun"].startswith("2026-01-10T00:01:3")


async def test_a_change_of_other_things_keeps_the_moment(bench):
    await bench.at("2026-01-10T00:00:00Z")
    path = await made(bench, seconds=600)
    before = await bench.ok("GET", path)
    await bench.at("2026-01-10T00:05:00Z")

    after = await bench.ok("PATCH", path, {"overlap": "queue"})

    assert after["nextRun"] == before["nextRun"]


async def test_a_schedule_goes_and_so_does_it_with_its_job(bench):
    path = await made(bench)
    other = await made(bench, job_of(path))

    gone = await bench.ok("DELETE", path)
    await bench.refused(404, "GET", path)
    await bench.ok("DELETE", job_of(path))

    assert gone == {"success": True}
    await bench.refused(404, "GET", other)
    assert await bench.store.read(lambda session: session.jobs.schedules.next_ms()) is None


async def test_a_list_comes_in_pages(quick):
    path = await quick.job()
    ids = [(await made(quick, path)).rpartition("/")[2] for _ in range(3)]

    pages = [await quick.ok("GET", f"{path}/schedules", page=page, perPage=2) for page in (0, 1)]

    assert [[item["id"] for item in page["items"]] for page in pages] == [ids[:2], ids[2:]]
    assert [page["totalCount"] for page in pages] == [3, 3]
    await quick.refused(400, "GET", f"{path}/schedules", perPage=0)


# Runs ---------------------------------------------------------------------------------------------


async def test_a_due_schedule_runs_its_job_once_as_execute_would(bench):
    await bench.add_devices(3)
    await bench.at("2026-01-10T02:59:00Z")
    job = await bench.job(queryJson='{"name":"{{ctx.name}}"}')
    options = {"templateContext": '{"ctx":{"name":"device 2"},"name":"device 2"}'}
    path = await made(bench, job, hour=3, executionOptions=options)
    await bench.due()
    early = await executions(bench, path)
    await bench.at("2026-01-10T03:00:00.500Z")

    await asyncio.gather(*(bench.due() for _ in range(4)))

    (entry,) = await executions(bench, path)
    ended = await bench.end(job, entry["id"])
    assert early == []
    assert (ended["status"], ended["executionSummary"]["succeeded"]) == ("completed", 1)
    assert (ended["sourceType"], ended["sourceId"]) == ("user", USER)
    shown = await bench.ok("GET", path)
    assert shown["lastRun"] == "2026-01-10T03:00:00.000Z"
    assert shown["lastExecutionId"] == entry["id"]
    assert "lastError" not in shown
    assert shown["nextRun"] == "2026-01-11T03:00:00.000Z"


async def test_a_window_of_an_hour_has_three_half_hours_and_then_the_schedule_rests(bench):
    await bench.at("2026-01-09T23:59:00Z")
    window = {"startDate": "2026-01-10T00:00:00Z", "endDate": "2026-01-10T01:00:00Z"}
    path = await made(bench, min="*/30", overlap="queue", **window)

    for moment in ("00:00:01", "00:30:01", "01:00:01", "01:30:01"):
        await bench.at(f"2026-01-10T{moment}Z")
        await bench.due()
        for entry in await executions(bench, path):
            await bench.end(job_of(path), entry["id"])

    assert len(await executions(bench, path)) == 3
    shown = await bench.ok("GET", path)
    assert shown["active"] is False
    assert "nextRun" not in shown
    refused = await bench.refused(400, "POST", f"{path}/resume")
    assert refused["type"] == "Conflict"
    assert "never be due" in refused["message"]


async def test_of_all_that_was_missed_the_latest_is_made_up_for(bench):
    await bench.at("2026-01-10T00:00:01Z")
    path = await made(bench, min="*/10")
    await bench.at("2026-01-10T05:55:00Z")

    await bench.due()

    assert len(await executions(bench, path)) == 1
    shown = await bench.ok("GET", path)
    assert shown["lastRun"] == "2026-01-10T05:50:00.000Z"
    assert shown["nextRun"] == "2026-01-10T06:00:00.000Z"


async def test_what_was_missed_too_long_ago_is_not_made_up_for(bench):
    await bench.at("2026-01-10T02:00:00Z")
    path = await made(bench, hour=3)
    await bench.at("2026-01-10T04:00:01Z")

    await bench.due()

    assert await executions(bench, path) == []
    assert (await bench.ok("GET", path))["nextRun"] == "2026-01-11T03:00:00.000Z"


async def test_a_run_is_skipped_while_the_one_before_it_runs_and_that_is_told(bench):
    await bench.add_devices(1)
    await bench.at("2026-01-10T00:00:01Z")
    path = await made(bench, min="*/10")
    for moment in ("00:10:01", "00:20:01"):
        await bench.at(f"2026-01-10T{moment}Z")
        await bench.due()

    (first,) = await executions(bench, path)
    shown = await bench.ok("GET", path)
    await bench.end(job_of(path), first["id"])
    await bench.at("2026-01-10T00:30:01Z")
    await bench.due()

    assert shown["lastError"] == "Skipped: the run before it had not ended"
    assert shown["lastRun"] == "2026-01-10T00:20:00.000Z"
    assert "lastExecutionId" not in shown
    assert len(await executions(bench, path)) == 2
    assert "lastError" not in await bench.ok("GET", path)


async def test_a_run_waits_for_the_one_before_it_where_that_is_asked_for(bench):
    await bench.add_devices(1)
    await bench.at("2026-01-10T00:00:01Z")
    path = await made(bench, min="*/10", overlap="queue")
    for moment in ("00:10:01", "00:20:01", "00:20:30"):
        await bench.at(f"2026-01-10T{moment}Z")
        await bench.due()
    waiting = await executions(bench, path)

    await bench.end(job_of(path), waiting[0]["id"])
    await bench.at("2026-01-10T00:20:40Z")
    await bench.due()

    assert len(waiting) == 1
    assert len(await executions(bench, path)) == 2
    assert (await bench.ok("GET", path))["lastRun"] == "2026-01-10T00:20:00.000Z"


async def test_a_run_that_waited_for_a_day_is_given_up(bench):
    await bench.add_devices(1)
    await bench.at("2026-01-10T00:00:01Z")
    path = await made(bench, cron="0 1 * * *", overlap="queue")
    await made(bench, job_of(path), cron="0 1 * * *", active=False)
    for moment in ("10T01:00:01", "11T01:00:01", "12T00:59:00"):
        await bench.at(f"2026-01-{moment}Z")
        await bench.due()
    await bench.at("2026-01-12T01:00:05Z")
    await bench.due()

    assert len(await executions(bench, path)) == 1
    assert (await bench.ok("GET", path))["lastError"].startswith("Given up")


async def test_a_failure_is_told_on_the_schedule_and_the_next_run_is_tried_again(bench):
    await bench.at("2026-01-10T00:00:01Z")
    job = await bench.job(queryJson='{"name":"{{ctx.name}}"}', defaultContext='{"name":"a"}')
    path = await made(bench, job, min="*/10")
    await bench.ok("PATCH", job, {"queryJson": '{"nothing":"{{name}}"}'})
    await bench.at("2026-01-10T00:10:01Z")
    await bench.due()
    failed = await bench.ok("GET", path)
    await bench.end(job, failed["lastExecutionId"])
    await bench.ok("PATCH", job, {"queryJson": "{}"})
    await bench.at("2026-01-10T00:20:01Z")
    await bench.due()

    assert "nothing" in failed["lastError"]
    assert "lastError" not in await bench.ok("GET", path)
    assert (await executions(bench, path))[0]["status"] == "errored"


async def test_too_many_open_executions_are_told(sqlite_database):
    bench = JobsBench(sqlite_database, most_open=1)
    await bench.add_devices(1)
    await bench.at("2026-01-10T00:00:01Z")
    path = await made(bench, min="*/10")
    await bench.execute(job_of(path))
    await bench.at("2026-01-10T00:10:01Z")

    await bench.due()

    assert "have not ended yet" in (await bench.ok("GET", path))["lastError"]
    assert len(await executions(bench, path)) == 1
    await bench.client.aclose()


async def test_a_paused_schedule_rests_and_makes_up_for_nothing_when_it_goes_on(bench):
    await bench.at("2026-01-10T00:00:01Z")
    path = await made(bench, min="*/10")

    paused = await bench.ok("POST", f"{path}/pause")
    await bench.at("2026-01-10T00:10:01Z")
    await bench.due()
    resumed = await bench.ok("POST", f"{path}/resume")
    await bench.due()

    assert (paused["active"], resumed["active"]) == (False, True)
    assert "nextRun" not in paused
    assert resumed["nextRun"] == "2026-01-10T00:20:00.000Z"
    assert await executions(bench, path) == []
    assert await bench.ok("POST", f"{path}/resume") == resumed


async def test_a_schedule_is_tried_at_once_without_a_change_of_when_it_runs(bench):
    await bench.add_devices(2)
    path = await made(bench, executionOptions={"queryJson": '{"name":"device 1"}'}, active=False)
    before = await bench.ok("GET", path)

    answer = await bench.ok("POST", f"{path}/trigger")

    ended = await bench.end(job_of(path), answer["executionId"])
    assert ended["executionSummary"]["succeeded"] == 1
    after = await bench.ok("GET", path)
    assert after["lastExecutionId"] == answer["executionId"]
    assert (before["active"], after["active"]) == (False, False)


async def test_a_preview_shows_moments_in_utc_and_local_time(bench):
    await bench.at("2026-03-28T12:00:00Z")
    path = await made(bench, cron="30 2 * * *", tz="Europe/Vienna", active=False)

    seen = await bench.ok("GET", f"{path}/preview", count=2)
    usual = await bench.ok("GET", f"{path}/preview")

    assert seen["items"] == [
        {"at": "2026-03-29T01:00:00.000Z", "localTime": "2026-03-29T03:00:00+02:00",
         "tz": "Europe/Vienna"},
        {"at": "2026-03-30T00:30:00.000Z", "localTime": "2026-03-30T02:30:00+02:00",
         "tz": "Europe/Vienna"},
    ]  # fmt: skip
    assert (seen["count"], usual["count"]) == (2, 20)


# Local times --------------------------------------------------------------------------------------


async def test_each_device_has_its_run_at_its_own_local_time(bench):
    await tagged(
        bench, "Europe/Vienna", "Asia/Kathmandu", "Asia/Kathmandu", "Mars/Base", None,
        "America/New_York",
    )  # fmt: skip
    await tagged(bench, "Asia/Tokyo", tag="other")
    await bench.at("2026-01-09T12:00:00Z")
    path = await made(bench, hour=3, tz="America/New_York", localTimeTag="timezone")
    first = (await bench.ok("GET", path))["nextRun"]

    summaries = {}
    for hour in range(30):
        for minute in ("00", "15", "30", "45"):
            day, clock = 9 + (12 + hour) // 24, (12 + hour) % 24
            await bench.at(f"2026-01-{day:02}T{clock:02}:{minute}:01Z")
            await bench.due()
    for entry in await executions(bench, path):
        ended = await bench.end(job_of(path), entry["id"])
        at = (await bench.ok("GET", f"{job_of(path)}/executions/{entry['id']}"))["requestedAt"]
        summaries[at[:16]] = ended["executionSummary"]["succeeded"]

    assert first == "2026-01-09T21:15:00.000Z"
    assert summaries == {
        "2026-01-09T21:15": 2,
        "2026-01-10T02:00": 1,
        "2026-01-10T08:00": 4,
    }


async def test_an_hour_without_a_server_is_made_up_for_in_each_zone(bench):
    await tagged(bench, "Asia/Kathmandu", "Asia/Kolkata")
    await bench.at("2026-01-09T21:00:00Z")
    path = await made(bench, hour=3, tz="UTC", localTimeTag="timezone")
    await bench.at("2026-01-09T22:02:00Z")

    await bench.due()

    queries = [entry["renderedQuery"] for entry in await executions(bench, path)]
    assert len(queries) == 2
    assert "Asia/Kathmandu" in queries[0]
    assert "Asia/Kolkata" in queries[1]


async def test_a_preview_shows_all_zones_in_one_order(bench):
    await tagged(bench, "Asia/Kathmandu", "Europe/Vienna")
    await bench.at("2026-01-09T12:00:00Z")
    path = await made(bench, hour=3, tz="UTC", localTimeTag="timezone")

    seen = await bench.ok("GET", f"{path}/preview", count=4)

    assert [(item["at"][8:16], item["tz"]) for item in seen["items"]] == [
        ("09T21:15", "Asia/Kathmandu"),
        ("10T02:00", "Europe/Vienna"),
        ("10T03:00", "UTC"),
        ("10T21:15", "Asia/Kathmandu"),
    ]
