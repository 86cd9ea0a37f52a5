"""Working on beacon jobs over HTTP on both stores: pickup, start, update, end."""

from __future__ import annotations

import time

import pytest

from drover.model.access import Role

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
