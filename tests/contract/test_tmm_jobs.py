"""Beacon jobs over HTTP on both stores: create, show, tasks."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from drover.model.access import Role
from tests.support.tmm_server import MEMBERS

TASKS = '[{"cmd": "a"}, {"cmd":"b","n":1.0}]'


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _ids(tmm, key=None, /, **filters):
    return [job["id"] for job in await tmm.done("GET", "", key, **filters)]


# Create (section 5) -------------------------------------------------------------------------------


async def test_a_created_job_has_every_member_of_the_contract(tmm):
    before = int(time.time())

    job = await tmm.done("POST", "", name="nightly", q="1", tasks=TASKS)

    assert set(job) == MEMBERS
    assert job["id"] == job["job_id"]
    assert (job["name"], job["status"], job["beacon_name"]) == ("nightly", "queued", "default")
    assert (job["cur_task"], job["total_tasks"], job["tasks"]) == (0, 2, json.loads(TASKS))
    assert before <= job["add_time"] == job["q_time"] <= time.time()
    assert [job[name] for name in ("pickup_time", "start_time", "end_time")] == [None] * 3
    assert (job["user"], job["result"], job["duplicate_of"]) == (1, [], None)
    assert (job["scheduled"], job["schedule_active"], job["cancel_requested"]) == (
        False,
        None,
        False,
    )
    assert await tmm.show(job["id"]) == job


@pytest.mark.parametrize(
    ("form", "queued", "status"),
    [
        ({}, None, "new"),
        ({"q": "true"}, "now", "queued"),
        ({"q": "TRUE"}, "now", "queued"),
        ({"q": "1"}, "now", "queued"),
        ({"q": "yes"}, None, "new"),
        ({"q": "0"}, None, "new"),
        ({"q": ""}, None, "new"),
        ({"q_time": "4000000000"}, 4_000_000_000, "queued"),
        ({"q_time": "4000000000", "q": "1"}, 4_000_000_000, "queued"),
        ({"q_time": "4000000000", "q": "false"}, None, "new"),
        ({"q_time": ""}, None, "new"),
        ({"q_time": "5"}, 5, "queued"),
    ],
)
async def test_the_queue_rule(tmm, form, queued, status):
    job = await tmm.done("POST", "", name="a", **form)

    assert job["status"] == status
    assert job["q_time"] == (job["add_time"] if queued == "now" else queued)


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"name": None}, 400, "missing_param"),
        ({"name": "  "}, 400, "missing_param"),
        ({"name": "x" * 1001}, 400, "bad_param"),
        ({"name": "a\0b"}, 400, "bad_param"),
        ({"user_id": "77"}, 400, "bad_param"),
        ({"user_id": "x"}, 400, "bad_param"),
        ({"user_guid": "nobody"}, 400, "bad_param"),
        ({"beacon_name": "x" * 201}, 400, "bad_param"),
        ({"beacon_name[]": "x"}, 400, "bad_param"),
        ({"tasks": "{}"}, 400, "bad_param"),
        ({"tasks": "[1]"}, 400, "bad_param"),
        ({"tasks": "[{]"}, 400, "bad_param"),
        ({"tasks": "null"}, 400, "bad_param"),
        ({"tasks": "[" * 5000}, 400, "bad_param"),
        ({"tasks": "[{}, []]"}, 400, "bad_param"),
        ({"q_time": "soon"}, 400, "bad_param"),
        ({"q_time": "-1"}, 400, "bad_param"),
        ({"q_time": "9" * 30}, 400, "bad_param"),
        ({"q_time": "1.5"}, 400, "bad_param"),
        ({"priority": "x"}, 400, "bad_param"),
        ({"max_attempts": "0"}, 400, "bad_param"),
        ({"lease": "5"}, 400, "bad_param"),
        ({"lease": "86401"}, 400, "bad_param"),
        ({"callback_url": "file:///etc/passwd"}, 400, "bad_param"),
        ({"callback_url": "http://"}, 400, "bad_param"),
        ({"callback_url": "http://a b/"}, 400, "bad_param"),
        ({"callback_url": "http://a:99999/"}, 400, "bad_param"),
        ({"callback_url": "http://[::1/"}, 400, "bad_param"),
        ({"duplicate_of": "999"}, 400, "bad_param"),
    ],
)
async def test_a_job_that_cannot_be_created_is_refused_and_not_stored(tmm, form, status, code):
    given = {name: value for name, value in {"name": "a", **form}.items() if value is not None}

    answer = await tmm.send("POST", data=given)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await _ids(tmm) == []


async def test_tasks_of_a_mebibyte_are_taken_and_one_byte_more_is_refused(tmm):
    fitting = '[{"a":"' + "x" * (1_048_576 - 10) + '"}]'

    taken = await tmm.send("POST", data={"name": "a", "tasks": fitting})
    refused = await tmm.send("POST", json={"name": "a", "tasks": fitting[:-1] + " ]"})

    assert taken.status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("tasks", [None, "", "  ", "[]"])
async def test_no_tasks_are_an_empty_list(tmm, tasks):
    job = await tmm.done("POST", "", name="a", **({} if tasks is None else {"tasks": tasks}))

    assert (job["tasks"], job["total_tasks"]) == ([], 0)


async def test_the_owner_is_the_caller_or_whom_a_key_that_may_names(tmm):
    token = await tmm.user(tmm.token, "ann@example.com")
    ann, beacon = await tmm.new_key(token), await tmm.new_key(tmm.token, Role.BEACON)
    own = await tmm.done("POST", "", ann, name="a")

    named = await tmm.done("POST", "", name="b", user_id=own["user"], user_guid="!" * 2000)
    by_guid = await tmm.done("POST", "", beacon, name="c", user_guid=own["user_guid"])
    refused = await tmm.send("POST", "", ann, data={"name": "d", "user_id": "1"})
    nobody = await tmm.send("POST", "", ann, data={"name": "d", "user_id": "77"})

    assert own["user"] == named["user"] == by_guid["user"] == 2
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (nobody.status_code, nobody.content) == (403, refused.content)
    assert len(await _ids(tmm, ann)) == 3


async def test_an_array_creates_several_jobs_or_none(tmm):
    wanted = [{"name": "a", "q": True, "tasks": [{"n": 1}]}, {"name": "b", "priority": 3}]

    created = await tmm.send("POST", "?beacon_name=x", json=wanted)
    refused = await tmm.send("POST", json=[*wanted, {"name": ""}])

    assert [job["name"] for job in created.json()] == ["a", "b"]
    assert {job["beacon_name"] for job in created.json()} == {"x"}
    assert (refused.status_code, refused.json()["code"]) == (400, "missing_param")
    assert refused.json()["error"] == "Job 3: name is required"
    assert len(await _ids(tmm)) == 2


async def test_too_many_at_once_are_refused(tmm):
    answer = await tmm.send("POST", json=[{"name": "a"}] * 1001)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_param")


async def test_a_unique_key_gives_the_first_job_until_its_time_is_over(tmm):
    first = await tmm.send("POST", data={"name": "a", "unique_key": "k", "unique_for": "60"})
    number = first.json()["id"]
    again = await tmm.send("POST", data={"name": "b", "unique_key": "k"})
    await tmm.database.write(lambda tx: tx.execute_sql("UPDATE beacon_job SET unique_until_ms = 1"))

    later = await tmm.send("POST", data={"name": "c", "unique_key": "k"})

    assert (again.status_code, again.json()["id"], again.json()["name"]) == (200, number, "a")
    assert again.headers["x-duplicate-of"] == str(number)
    assert "x-duplicate-of" not in first.headers
    assert later.json()["id"] != number
    assert (await tmm.show(number))["unique_key"] == "k"


async def test_arrays_with_the_same_unique_keys_in_any_order_do_not_stand_in_each_other_s_way(tmm):
    names = [f"k{each}" for each in range(12)]
    orders = [names, names[::-1], names[6:] + names[:6], names[1::2] + names[::2]] * 3
    bodies = [[{"name": each, "unique_key": each} for each in order] for order in orders]

    answers = await asyncio.gather(*(tmm.send("POST", json=body) for body in bodies))

    assert {each.status_code for each in answers} == {200}
    assert len({job["id"] for each in answers for job in each.json()}) == len(names)
    for body, answer in zip(bodies, answers, strict=True):
        assert [job["name"] for job in answer.json()] == [each["name"] for each in body]


async def test_a_unique_key_is_unique_for_each_user(tmm):
    ann = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"))

    first = await tmm.done("POST", "", name="a", unique_key="k")
    second = await tmm.done("POST", "", ann, name="a", unique_key="k")

    assert first["id"] != second["id"]


async def test_a_copy_names_what_it_is_a_copy_of(tmm):
    number = await tmm.create()

    copy = await tmm.done("POST", "", name="again", duplicate_of=number)

    assert copy["duplicate_of"] == number


# Show and tasks (section 6) -----------------------------------------------------------------------


async def test_tasks_are_shown_exactly_as_they_were_given(tmm):
    number = await tmm.create(tasks=TASKS)

    answers = [
        await tmm.send("GET", f"/{number}/tasks{action}")
        for action in ("", "?action=list", "?action=show")
    ]

    assert {each.text for each in answers} == {TASKS}
    assert (await tmm.send("GET", f"/{await tmm.create()}/tasks")).json() == []


async def test_a_head_answers_like_a_get_without_a_body(tmm):
    number = await tmm.create()

    answer = await tmm.send("HEAD", f"/{number}")

    assert (answer.status_code, answer.content) == (200, b"")
