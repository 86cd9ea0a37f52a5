"""Templates of beacon jobs over HTTP on both stores."""

from __future__ import annotations

import asyncio
import time

import pytest

from drover.store.beacons import BeaconStore

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _template(tmm, key=None, /, **form):
    return await tmm.done("POST", "", key, **{"name": "nightly", "schedule": "1", **form})


async def _scheduled(tmm, key=None):
    return await tmm.done("GET", "/scheduled", key)


async def _fall_due(tmm, number, due_ms=None):
    """Let a template be due at a full minute that has just begun, and act on it."""
    due_ms = due_ms or int(time.time()) // 60 * 60_000
    await tmm.database.write(
        lambda tx: tx.execute_sql(
            "UPDATE schedule SET next_due_ms = :due_ms WHERE ref = :ref",
            {"due_ms": due_ms, "ref": str(number)},
        )
    )
    await tmm.scheduler.tick()
    return due_ms // 1000


async def test_a_template_with_a_unique_key_is_made_once_however_often_it_is_asked_for(tmm):
    form = {"name": "a", "schedule": "1", "q": "1", "unique_key": "k"}
    first = await tmm.send("POST", data=form)
    again = await tmm.send("POST", data={**form, "name": "b"})
    job = await tmm.send("POST", data={"name": "c", "unique_key": "k"})

    number = first.json()["id"]
    assert [each.json()["id"] for each in (again, job)] == [number, number]
    assert again.headers["X-Duplicate-Of"] == str(number)
    assert "X-Duplicate-Of" not in first.headers
    assert [each["id"] for each in await _scheduled(tmm)] == [number]
    [copy] = await tmm.done("GET")
    assert (copy["duplicate_of"], copy["unique_key"]) == (number, None)
    await _fall_due(tmm, number)
    assert {each["unique_key"] for each in await tmm.done("GET")} == {None}


async def test_a_template_is_no_job_but_can_be_shown_and_listed(tmm):
    job = await _template(tmm, tasks='[{"n":1}]', beacon_name="x", hour="3")

    assert (job["status"], job["scheduled"], job["schedule_active"]) == ("scheduled", True, True)
    assert (job["q_time"], job["tasks"]) == (None, [{"n": 1}])
    assert await tmm.show(job["id"]) == job
    assert await tmm.done("GET") == []
    assert [each["id"] for each in await tmm.done("GET", "", scheduled="true")] == [job["id"]]
    [entry] = await _scheduled(tmm)
    assert entry["next_run"] % 86_400 == 3 * 3600
    assert entry == {
        "name": "nightly",
        "id": job["id"],
        "scheduled_job_id": job["id"],
        "active": True,
        "next_run": entry["next_run"],
        "last_run": None,
    }


async def test_templates_of_others_are_not_listed(tmm):
    ann = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"))
    job = await _template(tmm)

    assert await _scheduled(tmm, ann) == []
    for action in ("trigger", "update"):
        assert (await tmm.refused(job["id"], action, ann)) == (404, "not_found")
    assert (await tmm.send("GET", f"/{job['id']}?action=preview", ann)).status_code == 404


async def test_left_out_fields_mean_once_an_hour_at_the_full_hour(tmm):
    hourly = await _template(tmm)
    daily = await _template(tmm, hour="3", min="")

    moments = await tmm.done("GET", f"/{hourly['id']}", action="preview", count="3")
    days = await tmm.done("GET", f"/{daily['id']}", action="preview", count="3")

    assert [each % 3600 for each in moments] == [0, 0, 0]
    assert [moments[1] - moments[0], days[1] - days[0]] == [3600, 86_400]
    assert len(await tmm.done("GET", f"/{hourly['id']}", action="preview")) == 20


async def test_a_window_bounds_what_is_due_both_ends_included(tmm):
    start = (int(time.time()) // 3600 + 2) * 3600

    job = await _template(tmm, min="*/30", start_date=start, end_date=start + 3600)

    moments = await tmm.done("GET", f"/{job['id']}", action="preview")
    assert moments == [start, start + 1800, start + 3600]


async def test_a_window_that_is_over_makes_an_inactive_template(tmm):
    job = await _template(tmm, start_date="1000", end_date="2000")

    assert job["schedule_active"] is False
    assert (await _scheduled(tmm))[0]["next_run"] is None
    assert await tmm.done("GET", f"/{job['id']}", action="preview") == []


@pytest.mark.parametrize(
    "form",
    [
        {"hour": "24"},
        {"min": "60"},
        {"dom": "0"},
        {"month": "13"},
        {"dow": "8"},
        {"min": "x"},
        {"min": "5-1"},
        {"min": "*/0"},
        {"min": "1,,2"},
        {"dom": "31", "month": "feb"},
        {"start_date": "x"},
        {"start_date": "5000000000", "end_date": "4999999999"},
        {"min": "1" * 300},
    ],
)
async def test_a_template_that_cannot_be_due_is_refused_and_not_stored(tmm, form):
    answer = await tmm.send("POST", data={"name": "a", "schedule": "1", **form})

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_param")
    assert await _scheduled(tmm) == []


async def test_without_schedule_its_fields_are_ignored_even_malformed(tmm):
    job = await tmm.done("POST", "", name="a", schedule="0", hour="99", start_date="x", min="?")

    assert (job["status"], job["scheduled"]) == ("new", False)


async def test_a_template_that_is_queued_too_adds_one_job_now(tmm):
    template = await _template(tmm, q="1", tasks='[{"n":1}]')

    [copy] = await tmm.done("GET")

    assert template["status"] == "scheduled"
    assert (copy["duplicate_of"], copy["status"]) == (template["id"], "queued")
    assert copy["q_time"] == copy["add_time"]


async def test_who_waits_is_handed_the_job_that_a_template_adds_at_once(tmm):
    asked = tmm.send("POST", "?action=pickup&wait=30")
    waiting = asyncio.create_task(asked)
    while not len(tmm.beacons.waiters):
        await asyncio.sleep(0)

    template = await _template(tmm, q="1")

    assert (await waiting).json()["duplicate_of"] == template["id"]


async def test_a_due_minute_adds_one_job_however_often_it_is_looked_at(tmm):
    job = await _template(tmm, tasks='[{"n":1}]', beacon_name="x", priority="4", labels="a")

    due = await _fall_due(tmm, job["id"])
    await _fall_due(tmm, job["id"], due * 1000)

    [added] = await tmm.done("GET")
    assert (added["q_time"], added["duplicate_of"], added["status"]) == (due, job["id"], "queued")
    for name in ("name", "user", "beacon_name", "priority", "labels", "total_tasks"):
        assert added[name] == job[name]
    assert added["unique_key"] is None
    assert (await _scheduled(tmm))[0]["last_run"] == due
    assert tmm.heart.signals.beacons.is_set()


async def test_many_templates_that_are_due_together_cost_as_few_statements_as_one(tmm, monkeypatch):
    jobs = [
        await _template(tmm, name=f"n{n}", tasks='[{"n":1}]', labels="a,b", lease="20", timeout="9")
        for n in range(12)
    ]
    due_ms = int(time.time()) // 60 * 60_000
    await tmm.database.write(
        lambda tx: tx.execute_sql("UPDATE schedule SET next_due_ms = :due_ms", {"due_ms": due_ms})
    )
    calls = []
    real = BeaconStore.add_copies

    async def counted(self, copies, now_ms):
        calls.append(len(copies))
        await real(self, copies, now_ms)

    monkeypatch.setattr(BeaconStore, "add_copies", counted)

    await tmm.scheduler.tick()

    added = {each["duplicate_of"]: each for each in await tmm.done("GET")}
    assert calls == [12]
    assert added.keys() == {job["id"] for job in jobs}
    for job in jobs:
        by_hand = await tmm.act(job["id"], "trigger")
        by_time = await tmm.show(added[job["id"]]["id"])
        ignored = {"id", "job_id", "q_time", "add_time"}
        assert {k: v for k, v in by_time.items() if k not in ignored} == {
            k: v for k, v in by_hand.items() if k not in ignored
        }


async def test_a_schedule_without_its_template_adds_nothing(tmm):
    job = await _template(tmm)
    await tmm.database.write(lambda tx: tx.execute_sql("DELETE FROM execution"))

    await _fall_due(tmm, job["id"])

    assert await tmm.done("GET") == []


@pytest.mark.parametrize(
    ("text", "active"),
    [("false", False), ("0", False), ("true", True), ("1", True), ("", True), ("no", True)],
)
async def test_a_template_is_switched_off_by_false_and_0_alone(tmm, text, active):
    job = await _template(tmm)

    switched = await tmm.done("POST", f"/{job['id']}", schedule_active=text)

    assert switched["schedule_active"] is active
    assert (await _scheduled(tmm))[0]["active"] is active


async def test_switched_on_again_a_template_does_not_make_up_for_what_it_missed(tmm):
    job = await _template(tmm)
    await tmm.done("POST", f"/{job['id']}", schedule_active="0")
    await _fall_due(tmm, job["id"])
    assert await tmm.done("GET") == []

    await tmm.done("POST", f"/{job['id']}", schedule_active="1")
    await tmm.scheduler.tick()

    assert await tmm.done("GET") == []
    assert (await _scheduled(tmm))[0]["next_run"] > time.time()


async def test_what_is_no_template_is_not_switched_triggered_or_previewed(tmm):
    number = await tmm.create()

    job = await tmm.done("POST", f"/{number}", schedule_active="0", curtask="1")

    assert (job["schedule_active"], job["cur_task"]) == (None, 1)
    assert await tmm.refused(number, "trigger") == (409, "conflict")
    assert (await tmm.send("GET", f"/{number}?action=preview")).status_code == 409


async def test_a_template_is_triggered_by_hand(tmm):
    job = await _template(tmm)

    added = await tmm.act(job["id"], "trigger")

    assert (added["duplicate_of"], added["status"]) == (job["id"], "queued")
