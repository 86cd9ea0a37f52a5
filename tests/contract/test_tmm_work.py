"""Working on beacon jobs over HTTP on both stores: pickup, start, update, end, cancel."""

from __future__ import annotations

import asyncio
import time

import pytest
from msgspec import structs

from drover.model.access import Role
from drover.model.beacon_job import Hold, NewBeaconJob, Pick, pick
from drover.model.execution import State
from drover.ports.beacons import Change
from drover.store.beacons import BeaconStore
from drover.system import RandomIds
from tests.support.digi_server import basic

LATE = 4_000_000_000

pytestmark = pytest.mark.asyncio(loop_scope="module")


# The tables of section 7 --------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("state", ["new", "queued"])
async def test_a_waiting_job_can_be_picked_up(tmm, state, method):
    number = await tmm.job_in(state)
    before = int(time.time())

    answer = await tmm.send(method, f"/{number}?action=pickup")

    job = answer.json()
    assert (answer.status_code, job["status"], job["attempts"]) == (200, "picked_up", 0)
    assert before <= job["pickup_time"] <= time.time()
    assert job["lease_until"] - job["pickup_time"] in (300, 301)
    assert (job["start_time"], job["tasks"][0]) == (None, {"cmd": "a"})
    assert job["fence"] == 1


@pytest.mark.parametrize(
    "state", ["picked_up", "running", "complete", "failed", "canceled", "canceling", "template"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_job_that_does_not_wait_cannot_be_picked_up(tmm, state, method):
    number = await tmm.job_in(state)
    before = await tmm.show(number)

    answer = await tmm.send(method, f"/{number}?action=pickup")

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["job"] == before == await tmm.show(number)


async def test_a_job_for_later_cannot_be_picked_up_yet(tmm):
    number = await tmm.create(q_time=LATE)

    assert await tmm.refused(number, "pickup") == (409, "conflict")


async def test_a_head_picks_nothing_up(tmm):
    number = await tmm.create()

    answer = await tmm.send("HEAD", f"/{number}?action=pickup")

    assert answer.status_code == 200
    assert (await tmm.show(number))["status"] == "queued"


async def test_a_head_of_a_pickup_is_open_to_whoever_may_look_and_is_no_sign_of_life(tmm):
    key = await tmm.new_key(tmm.token, Role.READ_ONLY)
    number = await tmm.create()

    answer = await tmm.send("HEAD", f"/{number}?action=pickup&worker=looker", key)

    await tmm.registry.flush()
    assert answer.status_code == 200
    seen = await tmm.client.get("/api/beacons", headers={"X-User-Key": key})
    assert "looker" not in {each["worker"] for each in seen.json()}


async def test_a_pickup_for_another_beacon_is_refused(tmm):
    number = await tmm.create(beacon_name="x")

    assert await tmm.refused(number, "pickup", beacon_name="y") == (409, "conflict")
    assert (await tmm.act(number, "pickup", beacon_name="x"))["status"] == "picked_up"


async def test_a_pickup_whose_answer_was_lost_can_be_sent_again_by_the_same_worker(tmm):
    number = await tmm.create()
    first = await tmm.act(number, "pickup", worker="w")
    await tmm.set(number, picked_ms=1000)

    again = await tmm.act(number, "pickup", worker="w")

    assert (again["pickup_time"], again["fence"]) == (1, first["fence"])
    assert await tmm.refused(number, "pickup", worker="v") == (409, "conflict")
    assert await tmm.refused(number, "pickup") == (409, "conflict")
    await tmm.set(number, lease_until_ms=1)
    assert await tmm.refused(number, "pickup", worker="w") == (409, "conflict")


@pytest.mark.parametrize("state", ["picked_up", "new", "queued"])
async def test_a_job_can_be_started(tmm, state):
    number = await tmm.job_in(state)

    job = await tmm.act(number, "start")

    assert job["status"] == "running"
    assert job["pickup_time"] <= job["start_time"]
    assert job["lease_until"] is not None


async def test_starting_again_changes_nothing(tmm):
    number = await tmm.job_in("running")
    await tmm.set(number, started_ms=5000)

    assert (await tmm.act(number, "start"))["start_time"] == 5


@pytest.mark.parametrize("state", ["complete", "failed", "canceled", "template"])
@pytest.mark.parametrize("action", ["start", "end", "finish", "heartbeat", "log", "release"])
async def test_what_has_ended_or_is_a_template_cannot_be_worked_on(tmm, state, action):
    number = await tmm.job_in(state)
    before = await tmm.show(number)

    answer = await tmm.refused(number, action, **{"result[]": "1", "line": "late"})

    assert answer == (409, "conflict")
    assert await tmm.show(number) == before


@pytest.mark.parametrize("state", ["picked_up", "running", "new", "queued"])
@pytest.mark.parametrize("action", ["end", "finish"])
async def test_a_job_is_ended_with_its_results_in_order(tmm, state, action):
    number = await tmm.job_in(state)

    job = await tmm.act(number, action, **{"result[]": ['{"n":1}', "2", '"three"', "null"]})

    assert (job["status"], job["result"]) == ("complete", [{"n": 1}, 2, "three", None])
    assert (job["start_time"] is None) == (state != "running")
    assert job["end_time"] <= time.time()
    assert (job["lease_until"], job["error"]) == (None, None)


async def test_results_are_not_added_twice(tmm):
    number = await tmm.job_in("running")
    await tmm.act(number, "end", **{"result[]": "1"})

    assert await tmm.refused(number, "end", **{"result[]": "2"}) == (409, "conflict")
    assert (await tmm.show(number))["result"] == [1]


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("&result[]=1&result[]=2&result[]=3", {}),
        ("&result%5B%5D=1&result%5B%5D=2&result%5B%5D=3", {}),
        ("&result[2]=3&result[0]=1&result[1]=2", {}),
        ("&result=1&result=2&result=3", {}),
        ("", {"data": {"result[]": ["1", "2", "3"]}}),
        ("", {"data": {"result[1]": "2", "result[0]": "1", "result[2]": "3"}}),
        ("", {"json": {"result": [1, 2, 3]}}),
        ("", {"json": {"result[]": [1, 2, 3]}}),
        ("", {"files": [("result[]", (None, text)) for text in "123"]}),
        ("&result[]=1", {"data": {"result[]": ["2", "3"]}}),
        ("&result[]=1&result[]=2", {"json": {"result": [3]}}),
    ],
)
async def test_results_may_be_spelled_in_many_ways(tmm, query, options):
    number = await tmm.job_in("running")

    answer = await tmm.send("POST", f"/{number}?action=end{query}", **options)

    assert answer.json()["result"] == [1, 2, 3]


@pytest.mark.parametrize(
    "body",
    [
        b"result[a]=1",
        b"result[0][x]=1",
        b"result[99999999999]=1",
        b"result[]=1&result[=2",
        b'result[]="%ff"',
        b'result[]="\xc3"',
    ],
)
async def test_results_that_cannot_be_read_are_not_left_out(tmm, body):
    number = await tmm.job_in("running")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = await tmm.send("POST", f"/{number}?action=end", content=body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_param")
    assert (await tmm.show(number))["status"] == "running"


async def test_a_worker_that_fails_with_many_words_ends_its_job_all_the_same(tmm):
    number = await tmm.job_in("running")

    ended = await tmm.act(number, "end", error="x" * 20_000)

    assert (ended["status"], ended["error"]) == ("failed", "x" * 10_000)


@pytest.mark.parametrize("bad", ["{", "", "nope", "1 2", "[" * 5000])
async def test_one_bad_result_stores_nothing_and_ends_nothing(tmm, bad):
    number = await tmm.job_in("running")

    answer = await tmm.refused(number, "end", **{"result[]": ["1", bad]})

    job = await tmm.show(number)
    assert answer == (400, "bad_param")
    assert (job["status"], job["result"]) == ("running", [])


async def test_a_pickup_with_results_is_an_end_as_the_source_prints_it(tmm):
    number = await tmm.job_in("running")

    job = await tmm.done("POST", f"/{number}", action="pickup", **{"result[]": '{"a":1}'})

    assert (job["status"], job["result"]) == ("complete", [{"a": 1}])


async def test_a_get_pickup_with_results_is_a_pickup(tmm):
    number = await tmm.create()

    answer = await tmm.send("GET", f"/{number}?action=pickup&result[]=1")

    assert (answer.json()["status"], answer.json()["result"]) == ("picked_up", [])


@pytest.mark.parametrize(
    ("form", "error"),
    [({"failed": "1"}, "failed"), ({"error": "no disk"}, "no disk"), ({"failed": "0"}, None)],
)
async def test_a_worker_says_whether_the_job_failed(tmm, form, error):
    number = await tmm.job_in("running")

    job = await tmm.act(number, "end", **form, **{"result[]": '{"error": "in the result"}'})

    assert (job["status"], job["error"]) == ("failed" if error else "complete", error)
    assert job["dead"] is False


# Update (section 6) -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["curtask", "cur_task"])
async def test_a_worker_tells_the_task_it_is_at(tmm, name):
    number = await tmm.job_in("running")

    assert (await tmm.done("POST", f"/{number}", **{name: "2"}))["cur_task"] == 2
    assert (await tmm.show(number))["cur_task"] == 2
    for bad in ("3", "-1", "x", "1.5"):
        assert await tmm.refused(number, "update", **{name: bad}) == (400, "bad_param")


async def test_a_job_without_tasks_may_be_at_any(tmm):
    number = await tmm.create()

    assert (await tmm.done("POST", f"/{number}", curtask="7"))["cur_task"] == 7


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"curtask": "x"}, 400),
        ({"curtask": "1"}, 409),
        ({"fence": "9"}, 409),
    ],
)
async def test_a_refused_update_switches_no_template(tmm, form, status):
    number = await tmm.job_in("template")

    answer = await tmm.send("POST", f"/{number}", data={"schedule_active": "0", **form})

    assert answer.status_code == status
    assert (await tmm.show(number))["schedule_active"] is True


@pytest.mark.parametrize("active", [[1], {"a": 1}, "x" * 2000, True, 1])
async def test_what_would_switch_a_template_is_not_looked_at_for_a_job(tmm, active):
    number = await tmm.job_in("running")
    template = await tmm.job_in("template")
    await tmm.act(template, "update", schedule_active="0")

    answers = [
        await tmm.send("POST", f"/{each}", json={"schedule_active": active})
        for each in (number, template)
    ]

    assert [each.json()["schedule_active"] for each in answers] == [None, True]


@pytest.mark.parametrize("state", ["complete", "failed", "canceled", "template"])
async def test_what_has_ended_is_at_no_task_any_more(tmm, state):
    number = await tmm.job_in(state)

    assert await tmm.refused(number, "update", curtask="0") == (409, "conflict")


@pytest.mark.parametrize("state", ["new", "queued", "picked_up", "running", "complete", "template"])
async def test_an_update_with_nothing_to_change_is_allowed(tmm, state):
    number = await tmm.job_in(state)

    assert (await tmm.done("POST", f"/{number}"))["id"] == number


# Cancelling ---------------------------------------------------------------------------------------


async def test_a_job_is_cancelled_at_once_while_nobody_has_it(tmm):
    number = await tmm.create()

    job = await tmm.act(number, "cancel")

    assert (job["status"], job["cancel_requested"]) == ("canceled", True)
    assert (await tmm.act(number, "cancel"))["status"] == "canceled"
    for state in ("complete", "failed", "template"):
        assert await tmm.refused(await tmm.job_in(state), "cancel") == (409, "conflict")


async def test_a_worker_is_told_to_stop_and_ends_the_job_as_canceled(tmm):
    number = await tmm.job_in("picked_up")

    told = await tmm.act(number, "cancel")

    assert (told["status"], told["cancel_requested"]) == ("picked_up", True)
    assert (await tmm.act(number, "start"))["cancel_requested"] is True
    assert (await tmm.act(number, "update", curtask="1"))["cancel_requested"] is True
    assert (await tmm.act(number, "log", line="stopping"))["cancel_requested"] is True
    job = await tmm.act(number, "end", **{"result[]": "1"})
    assert (job["status"], job["result"]) == ("canceled", [1])


@pytest.mark.parametrize("lease", ["100", "0"])
async def test_a_worker_that_does_not_stop_loses_the_job(tmm, lease):
    number = await tmm.create()
    await tmm.act(number, "pickup", lease=lease)
    await tmm.act(number, "cancel")
    await tmm.clocks.tick()
    assert (await tmm.act(number, "heartbeat"))["status"] == "picked_up"

    await tmm.run_out(number)

    assert (await tmm.show(number))["status"] == "canceled"


async def test_a_job_to_be_cancelled_that_is_handed_back_is_canceled(tmm):
    number = await tmm.job_in("canceling")

    assert (await tmm.act(number, "release"))["status"] == "canceled"


async def test_a_beacon_job_stands_in_the_inventory_of_all_jobs_and_is_cancelled_there(tmm):
    waiting, running = await tmm.create(name="backup"), await tmm.job_in("running")
    template = await tmm.job_in("template")

    rows = {job["id"]: job for job in (await tmm.get(query="job_type='beacon'"))["list"]}
    done = await tmm.client.put(f"/ws/v1/jobs/cancel/{waiting},{running}", headers=basic())

    assert set(rows) == {waiting, running}
    assert template not in {job["id"] for job in (await tmm.get())["list"]}
    assert (rows[waiting]["status"], rows[running]["status"]) == ("new", "in_progress")
    assert (rows[waiting]["job_name"], rows[waiting]["source"]) == ("backup", "beacon")
    assert rows[waiting]["username"] == "admin@example.com"
    assert done.status_code == 200
    assert (await tmm.show(waiting))["status"] == "canceled"
    assert (await tmm.show(running))["cancel_requested"] is True
    assert (await tmm.act(running, "end"))["status"] == "canceled"


async def test_a_job_deleted_in_the_inventory_is_gone_here_too(tmm):
    number = await tmm.job_in("complete")
    await tmm.client.delete(f"/ws/v1/jobs/{number}", headers=basic())

    answer = await tmm.send("GET", f"/{number}")

    assert answer.status_code == 404
    assert await tmm.done("GET") == []


async def discard(tmm, number):
    """Delete a job as the inventory does it: what still runs is hidden, and goes once it stopped."""
    await tmm.store.write(lambda session: session.inventory.discard([number]))


async def test_a_running_job_that_was_discarded_ends_and_keeps_no_other_job_s_clock_back(tmm):
    hidden, other = await tmm.job_in("canceling"), await tmm.job_in("running")
    await discard(tmm, hidden)
    await tmm.set(other, lease_until_ms=1)

    await tmm.run_out(hidden)

    assert (await tmm.show(other))["status"] == "queued"
    assert await tmm.store.read(lambda session: session.inventory.to_purge())


async def test_the_key_of_a_discarded_job_is_free_although_the_job_still_ends(tmm):
    hidden = await tmm.create(unique_key="nightly")
    await tmm.act(hidden, "start")
    await tmm.act(hidden, "cancel")
    await discard(tmm, hidden)

    number = await tmm.create(unique_key="nightly")

    assert number != hidden
    assert await tmm.create(unique_key="nightly") == number


async def test_what_changes_between_the_look_and_the_write_is_not_overwritten(tmm, monkeypatch):
    number = await tmm.job_in("running", lease="0")  # no lease tells of the change
    real, between = BeaconStore.seen, ["update"]

    async def seen(self, numbers):
        found = await real(self, numbers)
        while between:
            await tmm.act(number, between.pop(), curtask="2")
        return found

    monkeypatch.setattr(BeaconStore, "seen", seen)

    await tmm.act(number, "end")

    # SQLite looks and writes at once, so that nothing comes between.
    assert (await tmm.show(number))["cur_task"] == (2 if tmm.heart.store.distant else 0)


async def test_of_many_who_want_a_job_at_once_one_gets_it_and_the_others_are_told(tmm):
    number = await tmm.create()

    answers = await asyncio.gather(
        *(
            tmm.send("POST", f"/{number}?action=pickup&worker=w{each}", data={"name": "x"})
            for each in range(30)
        )
    )

    assert sorted(each.status_code for each in answers) == [200] + [409] * 29
    (won,) = (each.json() for each in answers if each.status_code == 200)
    shown = await tmm.show(number)
    assert (shown["worker"], shown["fence"]) == (won["worker"], 1)


async def test_jobs_that_are_created_at_once_are_each_stored_as_they_were_asked_for(tmm):
    made = await asyncio.gather(
        *(tmm.done("POST", "", name=f"j{n}", q="1", tasks=f'[{{"n":{n}}}]') for n in range(30))
    )

    assert len({each["id"] for each in made}) == 30
    for n, each in enumerate(made):
        assert (each["name"], each["tasks"]) == (f"j{n}", [{"n": n}])
        assert await tmm.show(each["id"]) == each


async def test_of_two_changes_written_together_the_first_counts(tmm):
    number = await tmm.create()
    other = await tmm.create()

    async def work(session):
        found, now_ms = await session.beacons.seen([other, number, 10**9])
        one, two = (pick(found[number], Pick(hold=Hold(worker=name)), now_ms) for name in "ab")
        third = pick(found[other], Pick(hold=Hold(worker="c")), now_ms)
        changes = [
            Change(found[number], one),
            Change(found[number], two),
            Change(found[other], third),
        ]
        return sorted(found), await session.beacons.save_all(changes)

    assert await tmm.store.write(work) == ([number, other], [True, False, True])
    assert [(await tmm.show(each))["worker"] for each in (number, other)] == ["a", "c"]


async def test_jobs_that_are_stored_together_are_numbered_and_shown_each_as_it_is(tmm):
    new = [
        NewBeaconJob(
            id=RandomIds().new(), name=name, owner_id="a" * 24, user_number=1, user_guid="g"
        )
        for name in ("one", "two", "three")
    ]

    now_ms = await tmm.store.read(lambda session: session.now_ms())
    made = await tmm.store.write_one(lambda session: session.beacons.add_all(new, now_ms))

    assert [each.name for each in made] == ["one", "two", "three"]
    assert len({each.number for each in made}) == 3
    for each in made:
        assert (await tmm.show(each.number))["name"] == each.name


CHANGES = {
    "state": State.CANCELING,
    "queued_ms": 11,
    "due_ms": 12,
    "picked_ms": 13,
    "started_ms": 14,
    "step": 1,
    "error": "odd",
    "result": b"[1]",
    "worker": "another",
    "lease_ms": 15_000,
    "lease_until_ms": 16,
    "ends_ms": 17,
    "tries": 2,
    "fence": 9,
}


@pytest.mark.parametrize("name", CHANGES)
async def test_whatever_is_changed_of_a_job_is_written(tmm, name):
    number = await tmm.job_in("picked_up")

    async def work(session):
        seen = await session.beacons.hold(number)
        job = structs.replace(seen, **{name: CHANGES[name]})
        return job, await session.beacons.save(seen, job), await session.beacons.hold(number)

    job, written, stored = await tmm.store.write(work)

    assert written
    assert stored == job


@pytest.mark.parametrize("change", [{"step": 1}, {"worker": "another"}])
@pytest.mark.parametrize("stale", [{"step": 1}, {"fence": 5}, {"state": State.CANCELING}])
async def test_what_has_changed_since_it_was_seen_is_not_overwritten(tmm, change, stale):
    number = await tmm.job_in("picked_up")

    async def work(session):
        seen = await session.beacons.hold(number)
        now = structs.replace(seen, **stale)
        first = await session.beacons.save(seen, now)
        second = await session.beacons.save(seen, structs.replace(seen, **change))
        return now, first, second, await session.beacons.hold(number)

    now, first, second, stored = await tmm.store.write(work)

    assert (first, second) == (True, False)
    assert stored == now
