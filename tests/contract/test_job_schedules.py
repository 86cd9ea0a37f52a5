"""Schedules of resource jobs, over HTTP, on each database, with a clock that tests set."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from drover.app.schedules import runs
from drover.model.errors import Invalid, TooMany
from drover.ports.failures import StoreBusy, StoreFull
from tests.contract.jobs_store import APPLICATION
from tests.support.jobs_bench import PREFIX, USER, JobsBench

ABSENT = "e" * 24


@pytest_asyncio.fixture
async def bench(database):
    bench = JobsBench(database)
    yield bench
    await bench.work.schedules.runs.stop()
    await bench.client.aclose()


@pytest_asyncio.fixture
async def quick(sqlite_database):
    """One on the quicker database, for what is decided before any is asked."""
    bench = JobsBench(sqlite_database)
    yield bench
    await bench.work.schedules.runs.stop()
    await bench.client.aclose()


async def made(bench, path=None, **body):
    """Make a schedule, of a new job if none is given; return its path."""
    path = path or await bench.job()
    body = body if {"cron", "seconds", "min", "hour"} & body.keys() else {"hour": 3, **body}
    answer = await bench.ok("POST", f"{path}/schedules", body)
    return f"{path}/schedules/{answer['id']}"


def job_of(path):
    return path.partition("/schedules")[0]


async def executions(bench, path):
    """Return the executions of a schedule's job, oldest first."""
    found = await bench.ok("GET", f"{job_of(path)}/executions")
    return found["items"][::-1]


async def tagged(bench, *zones, tag="timezone"):
    """Add devices, each with the tags given for it."""
    for number, zone in enumerate(zones):
        tags = [{"key": tag, "value": value} for value in ([zone] if zone else [])]
        await bench.ok(
            "POST", f"/applications/{APPLICATION}/devices", {"name": f"d{number}", "tags": tags}
        )


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


# Two steps ----------------------------------------------------------------------------------------


async def test_a_run_whose_server_died_is_taken_up_by_another(bench):
    await bench.at("2026-01-10T00:00:01Z")
    path = await made(bench, min="*/10")
    await bench.at("2026-01-10T00:10:01Z")
    await bench.scheduler.tick()
    lost = await bench.store.write(runs._take)
    await bench.due()
    meanwhile = await executions(bench, path)

    await bench.at("2026-01-10T00:11:02Z")
    await bench.due()

    assert len(lost) == 1
    assert meanwhile == []
    assert len(await executions(bench, path)) == 1
    assert (await bench.ok("GET", path))["lastRun"] == "2026-01-10T00:10:00.000Z"


async def test_a_run_that_servers_die_over_is_given_up(quick):
    await quick.at("2026-01-10T00:00:01Z")
    path = await made(quick, hour=3)
    await quick.at("2026-01-10T03:00:01Z")
    await quick.scheduler.tick()
    for minute in range(1, 12, 2):
        await quick.store.write(runs._take)
        await quick.at(f"2026-01-10T03:{minute:02}:10Z")

    await quick.due()

    assert (await quick.ok("GET", path))["lastError"] == "The run could not be begun"
    assert await executions(quick, path) == []


async def test_a_run_that_takes_long_to_render_keeps_no_other_one_back(quick, monkeypatch):
    monkeypatch.setattr(runs, "_PATIENCE_S", 0.01)
    await quick.at("2026-01-10T00:00:01Z")
    slow, fast = await made(quick, min="*/10"), await made(quick, min="*/10")
    gate, prepared = asyncio.Event(), quick.work.executions.prepared

    async def waits(job, *given):
        if job.id in slow:
            await gate.wait()
        return await prepared(job, *given)

    monkeypatch.setattr(quick.work.executions, "prepared", waits)
    await quick.at("2026-01-10T00:10:01Z")
    await quick.due()
    before = [len(await executions(quick, path)) for path in (slow, fast)]
    gate.set()
    async with asyncio.timeout(10):
        while not await executions(quick, slow):
            await asyncio.sleep(0)

    assert before == [0, 1]


async def test_one_broken_run_keeps_no_other_one_back(quick, monkeypatch):
    await quick.at("2026-01-10T00:00:01Z")
    paths = [await made(quick, min="*/10") for _ in range(4)]
    prepared, add = quick.work.executions.prepared, quick.work.executions.add_several

    async def breaks(job, *given):
        if job.id in paths[0]:
            raise ValueError("odd")
        return await prepared(job, *given)

    async def breaks_too(session, place, new):
        if place[1] in paths[1]:
            raise ValueError("odd")
        return await add(session, place, new)

    monkeypatch.setattr(quick.work.executions, "prepared", breaks)
    monkeypatch.setattr(quick.work.executions, "add_several", breaks_too)
    await quick.ok("DELETE", job_of(paths[2]))
    await quick.at("2026-01-10T00:10:01Z")
    await quick.due()

    told = [(await quick.ok("GET", path)).get("lastError") for path in (*paths[:2], paths[3])]
    assert told == ["The run failed before it was begun", "The run could not be stored", None]
    assert len(await executions(quick, paths[3])) == 1
    assert await quick.store.read(lambda session: session.jobs.due_runs.next_ms()) is None


async def test_a_job_that_goes_while_its_run_is_due_takes_that_with_it(quick):
    await quick.at("2026-01-10T00:00:01Z")
    path = await made(quick, min="*/10")
    await quick.at("2026-01-10T00:10:01Z")
    await quick.scheduler.tick()
    await quick.ok("DELETE", job_of(path))

    await quick.due()

    assert await quick.store.read(lambda session: session.jobs.due_runs.next_ms()) is None


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


# What hinders runs --------------------------------------------------------------------------------


async def due_now(bench, count=1, **body):
    """Make schedules that are due, and return their paths."""
    await bench.at("2026-01-10T00:00:01Z")
    paths = [await made(bench, min="*/10", **body) for _ in range(count)]
    await bench.at("2026-01-10T00:10:01Z")
    return paths


async def waiting_ms(bench):
    """Return in how many ms the next due run is tried, None without any."""

    async def work(session):
        next_ms = await session.jobs.due_runs.next_ms()
        return None if next_ms is None else next_ms - await session.now_ms()

    return await bench.store.read(work)


@pytest.mark.parametrize("error", [TooMany("many"), StoreBusy("busy")])
async def test_a_run_that_cannot_be_rendered_now_is_tried_soon_again(quick, monkeypatch, error):
    (path,) = await due_now(quick)
    prepared = quick.work.executions.prepared
    failures = [error]

    async def busy(*given):
        if failures:
            raise failures.pop()
        return await prepared(*given)

    monkeypatch.setattr(quick.work.executions, "prepared", busy)
    await quick.due()
    early = await executions(quick, path), await waiting_ms(quick)
    await quick.at("2026-01-10T00:10:07Z")
    await quick.due()

    assert early[0] == []
    assert 0 < early[1] <= 5000
    assert len(await executions(quick, path)) == 1


async def test_a_job_that_cannot_be_used_any_more_is_told(quick, monkeypatch):
    (path,) = await due_now(quick, executionOptions={"queryJson": "{}"})

    async def refuses(*_given):
        raise Invalid("not usable")

    monkeypatch.setattr(quick.work.executions, "prepared", refuses)
    await quick.due()

    assert (await quick.ok("GET", path))["lastError"] == "not usable"


async def test_a_full_store_leaves_runs_for_later(quick, monkeypatch):
    (path,) = await due_now(quick)
    add = quick.work.executions.add_several
    failures = [StoreFull("full")]

    async def full(*given):
        if failures:
            raise failures.pop()
        return await add(*given)

    monkeypatch.setattr(quick.work.executions, "add_several", full)
    await quick.due()
    early = await executions(quick, path)
    await quick.at("2026-01-10T00:11:02Z")
    await quick.due()

    assert early == []
    assert len(await executions(quick, path)) == 1


async def test_a_store_that_fails_again_and_again_leaves_the_run_and_says_so(quick, monkeypatch):
    await due_now(quick)

    async def broken(*_given):
        raise ValueError("odd")

    monkeypatch.setattr(runs, "_told_apart", broken)
    await quick.due()

    assert 50_000 < await waiting_ms(quick) <= 60_000


async def test_no_more_runs_are_taken_while_very_many_are_rendered(quick, monkeypatch):
    monkeypatch.setattr(runs, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(runs, "_MOST_LATE", 1)
    monkeypatch.setattr(runs, "_AT_A_TIME", 1)
    paths = await due_now(quick, 2)

    async def never(*_given):
        await asyncio.Event().wait()

    monkeypatch.setattr(quick.work.executions, "prepared", never)
    part = quick.work.schedules.runs
    await quick.scheduler.tick()

    wishes = [await part.tick(), await part.tick()]
    await part.stop()

    assert wishes == [0.0, None]
    assert [await executions(quick, path) for path in paths] == [[], []]


async def test_zones_are_looked_up_once_for_all_schedules_of_a_tag(quick):
    await tagged(quick, "Asia/Kathmandu", "UTC")
    job = await quick.job()
    await quick.at("2026-01-09T21:00:01Z")
    local = [await made(quick, job, hour=3, localTimeTag="timezone") for _ in range(2)]
    await quick.at("2026-01-09T21:15:01Z")

    await quick.due()

    assert len(await executions(quick, local[0])) == 2
    assert [(await quick.ok("GET", path))["lastRun"] for path in local] == [
        "2026-01-09T21:15:00.000Z"
    ] * 2
