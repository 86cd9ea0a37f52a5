"""Beacon jobs over HTTP on both stores: conventions, create, show, list."""

from __future__ import annotations

import json
import time

import pytest

from drover.model.access import MemberRole, Role
from drover.model.accounts import Member
from tests.support.tmm_server import ROOT

MEMBERS = {
    "id", "job_id", "name", "user", "user_guid", "beacon_name", "status", "cur_task", "total_tasks",
    "tasks", "add_time", "q_time", "pickup_time", "start_time", "end_time", "result",
    "duplicate_of", "scheduled", "schedule_active", "cancel_requested", "priority", "attempts",
    "worker", "lease_until", "error", "unique_key", "fence", "dead", "lease", "timeout", "labels",
    "retry_delay", "max_attempts", "callback_url",
}  # fmt: skip
TASKS = '[{"cmd": "a"}, {"cmd":"b","n":1.0}]'


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _ids(tmm, key=None, /, **filters):
    return [job["id"] for job in await tmm.done("GET", "", key, **filters)]


async def _refusal(tmm, method, path="", /, **options):
    answer = await tmm.send(method, path, **options)
    return answer.status_code, answer.json()["code"]


# Conventions (section 1) --------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["query", "form", "json", "multipart", "bearer", "header"])
async def test_a_userkey_is_found_wherever_it_may_be_sent(tmm, place):
    key = tmm.userkey
    options = {
        "query": {"params": {"userkey": key}, "data": {"name": "a"}},
        "form": {"data": {"name": "a", "userkey": key}},
        "json": {"json": {"name": "a", "userkey": key}},
        "multipart": {"files": {"name": (None, "a"), "userkey": (None, key)}},
        "bearer": {"headers": {"Authorization": f"Bearer {key}"}, "data": {"name": "a"}},
        "header": {"headers": {"X-User-Key": key}, "data": {"name": "a"}},
    }[place]

    answer = await tmm.client.post(ROOT, **options)

    assert (answer.status_code, answer.json()["name"]) == (200, "a")


@pytest.mark.parametrize("path", ["", "/", "/1", "/1/tasks", "/scheduled", "/1/log"])
async def test_every_call_needs_a_userkey(tmm, path):
    missing = await tmm.client.get(ROOT + path)
    unknown = await tmm.client.get(ROOT + path, params={"userkey": "drover_k_nobodys"})
    cookie = await tmm.client.get(ROOT + path, headers={"Cookie": f"userkey={tmm.userkey}"})

    assert {each.status_code for each in (missing, unknown, cookie)} == {401}
    assert {each.json()["code"] for each in (missing, unknown, cookie)} == {"unauthorized"}


async def test_a_userkey_is_no_token_of_other_dialects_once_it_is_known(tmm):
    await tmm.create()

    answer = await tmm.call(tmm.userkey, "GET", "/me")

    assert answer.status_code == 401


async def test_a_revoked_key_is_refused_at_once(tmm):
    token = await tmm.user(tmm.token, "eve@example.com")
    key = await tmm.new_key(token)
    await tmm.create(key)
    caller = await tmm.access.authenticator.authenticate(token)
    [kept] = await tmm.access.account_keys.all(caller)

    await tmm.access.account_keys.delete(caller, kept.id)

    assert (await tmm.send("GET", "", key)).status_code == 401


async def test_answers_are_kept_by_nobody_and_addresses_told_to_nobody(tmm):
    answers = [
        await tmm.send("GET"),
        await tmm.send("GET", "/999"),
        await tmm.send("PUT"),
        await tmm.client.get(ROOT),
    ]

    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["", "/1", "/1/tasks", "/scheduled"])
async def test_other_methods_are_refused(tmm, method, path):
    answer = await tmm.send(method, path)

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "", "create"),
        ("GET", "", "LIST"),
        ("POST", "", "list"),
        ("POST", "", "show"),
        ("GET", "/1", "update"),
        ("GET", "/1", "end"),
        ("POST", "/1", "show"),
        ("POST", "/1", "no such thing\r\n"),
        ("GET", "/1/tasks", "pickup"),
        ("POST", "/1/tasks", "list"),
        ("POST", "/1/tasks", ""),
        ("GET", "/scheduled", "show"),
        ("POST", "/scheduled", "list"),
    ],
)
async def test_an_action_that_is_not_for_this_path_and_method_is_refused(tmm, method, path, action):
    number = await tmm.create()
    path = path.replace("1", str(number))

    answer = await tmm.send(method, path, params={"action": action} if action else None)

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_action")
    assert (await tmm.show(number))["status"] == "queued"


async def test_of_a_scalar_given_twice_the_last_counts_and_the_query_beats_the_body(tmm):
    answer = await tmm.send("POST", "?name=a&name=b", data={"name": "c", "beacon_name": "x"})

    assert (answer.json()["name"], answer.json()["beacon_name"]) == ("b", "x")


async def test_a_trailing_slash_is_optional(tmm):
    number = await tmm.create()

    assert (await tmm.send("GET", "/")).json() == (await tmm.send("GET")).json()
    assert (await tmm.send("GET", f"/{number}/")).json()["id"] == number


@pytest.mark.parametrize("path", ["/x", "/1x", "/-1", "/0", "/999", "/" + "9" * 40, "/1/nothing"])
async def test_what_is_no_job_is_not_found(tmm, path):
    await tmm.create()

    assert await _refusal(tmm, "GET", path) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"name": "a"', b'"text"', b"[1]", b'{"name": {"a": 1}}', b'{"name": "\\ud800"}'],
)
async def test_a_body_that_cannot_be_read_is_refused(tmm, body):
    answer = await tmm.send("POST", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_param")


async def test_json_under_the_type_of_a_form_is_read_as_json(tmm):
    answer = await tmm.send(
        "POST",
        content=b'{"name": "a", "tasks": [{"n": 1}]}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.json()["tasks"] == [{"n": 1}]


# Who sees what ------------------------------------------------------------------------------------


async def test_a_key_sees_its_own_jobs_an_administrators_all(tmm):
    ann = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"))
    bob = await tmm.new_key(await tmm.user(tmm.token, "bob@example.com"))
    number = await tmm.create(ann)

    assert await _ids(tmm, bob) == []
    assert await _ids(tmm, ann) == await _ids(tmm) == [number]
    for method, action in (("GET", "show"), ("POST", "update"), ("POST", "end"), ("GET", "pickup")):
        seen = await tmm.send(method, f"/{number}?action={action}", bob)
        absent = await tmm.send(method, f"/{number + 1}?action={action}", bob)
        assert (seen.status_code, seen.content) == (404, absent.content)


async def test_a_beacons_key_sees_the_jobs_of_those_who_share_an_organisation(tmm):
    tokens = {
        name: await tmm.user(tmm.token, f"{name}@example.com") for name in ("ann", "bob", "eve")
    }
    org = (await tmm.ok(tokens["ann"], "POST", "/orgs", {"name": "Plant"}))["id"]
    bob = (await tmm.ok(tokens["bob"], "GET", "/me"))["userId"]
    member = Member(organization_id=org, account_id=bob, role=MemberRole.VIEW)
    await tmm.store.write(lambda session: session.access.organizations.put_member(member))
    number = await tmm.create(await tmm.new_key(tokens["ann"]))
    beside = await tmm.new_key(tokens["bob"], Role.BEACON)
    apart = await tmm.new_key(tokens["eve"], Role.BEACON)
    everywhere = await tmm.new_key(tmm.token, Role.BEACON)

    assert await _ids(tmm, beside) == await _ids(tmm, everywhere) == [number]
    assert await _ids(tmm, apart) == []
    assert (await tmm.send("POST", "?action=pickup", apart)).status_code == 204
    assert (await tmm.act(number, "pickup", beside))["status"] == "picked_up"


async def test_a_read_only_key_looks_and_changes_nothing(tmm):
    number = await tmm.create()
    reader = await tmm.new_key(tmm.token, Role.READ_ONLY)

    assert await _ids(tmm, reader) == [number]
    assert (await tmm.send("GET", f"/{number}/tasks", reader)).json() == []
    for method, path in (
        ("POST", ""),
        ("POST", "?action=pickup"),
        ("POST", "?action=pause"),
        ("GET", f"/{number}?action=pickup"),
        ("POST", f"/{number}"),
        ("POST", f"/{number}?action=cancel"),
    ):
        answer = await tmm.send(
            method, path, reader, data={"name": "a"} if method == "POST" else None
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await tmm.show(number))["status"] == "queued"


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


# List (section 4) ---------------------------------------------------------------------------------


async def test_a_list_is_an_array_first_in_first_out_without_tasks(tmm):
    for name in ("b", "a", "c"):
        await tmm.create(name=name, tasks=TASKS)

    answer = await tmm.send("GET")

    assert [job["name"] for job in answer.json()] == ["b", "a", "c"]
    assert {frozenset(job) for job in answer.json()} == {frozenset(MEMBERS - {"tasks"})}
    assert answer.headers["x-total-count"] == "3"


async def test_a_list_can_be_cut_into_pages(tmm):
    numbers = [await tmm.create() for _ in range(5)]

    answer = await tmm.send("GET", "?limit=2&offset=1")

    assert [job["id"] for job in answer.json()] == numbers[1:3]
    assert answer.headers["x-total-count"] == "5"
    assert await _ids(tmm, limit=0) == []
    for bad in ("limit=x", "offset=-1"):
        assert await _refusal(tmm, "GET", f"?{bad}") == (400, "bad_param")


async def test_a_list_without_a_limit_is_whole_however_long(tmm, monkeypatch):
    monkeypatch.setattr("drover.app.beacons.jobs.PAGE", 2)
    numbers = [await tmm.create() for _ in range(5)]

    assert await _ids(tmm) == numbers
    assert await _ids(tmm, offset=1, limit=3) == numbers[1:4]


async def test_every_property_is_a_filter(tmm):
    other = await tmm.create(name="other", beacon_name="x", q="0", priority="2")
    number = await tmm.create(
        name="job", tasks=TASKS, duplicate_of=other, unique_key="k", labels="b,a", q_time="1000",
        max_attempts="5", timeout="60", retry_delay="7", callback_url="http://x.test/",
    )  # fmt: skip
    await tmm.act(number, "pickup", worker="w", lease="100")
    await tmm.act(number, "start")
    await tmm.act(number, "update", curtask="2")
    await tmm.act(number, "end", **{"result[]": ['{"a": 1}', "2"], "error": "broke"})
    job = await tmm.show(number)

    for name, value in job.items():
        given = json.dumps(value) if isinstance(value, list) else value
        given = (
            {True: "true", False: "false", None: ""}.get(given, given)
            if (given is None or isinstance(given, bool))
            else given
        )
        found = await _ids(tmm, **{name: given})
        assert number in found, (name, given)
    for name in (
        "name",
        "beacon_name",
        "status",
        "priority",
        "worker",
        "error",
        "result",
        "q_time",
    ):
        value = job[name]
        given = json.dumps(value) if isinstance(value, list) else value
        assert other not in await _ids(tmm, **{name: given}), name


async def test_filters_are_anded_and_exact(tmm):
    one = await tmm.create(name="Job", beacon_name="x")
    await tmm.create(name="Job", beacon_name="y")

    assert await _ids(tmm, name="Job", beacon_name="x") == [one]
    assert await _ids(tmm, name="job") == []
    assert await _ids(tmm, name="Jo") == []


async def test_blank_is_unset_and_zero_is_so_too_for_times(tmm):
    waiting, taken = await tmm.create(), await tmm.create()
    await tmm.act(taken, "pickup")

    assert await _ids(tmm, pickup_time="") == await _ids(tmm, pickup_time="0") == [waiting]
    assert await _ids(tmm, duplicate_of="") == [waiting, taken]
    assert await _ids(tmm, worker="") == [waiting, taken]
    assert await _ids(tmm, result="") == [waiting, taken]


async def test_a_user_is_named_by_number_guid_or_login(tmm):
    ann = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"))
    await tmm.create()
    number = await tmm.create(ann)
    job = await tmm.show(number)

    for text in (job["user"], job["user_guid"], "ann@example.com"):
        assert await _ids(tmm, user=text) == [number]
    assert await _ids(tmm, user="nobody") == await _ids(tmm, user="77") == []


async def test_results_match_by_value_not_by_spelling(tmm):
    number = await tmm.create()
    await tmm.act(number, "end", **{"result[]": '{"a": 1, "b": [true]}'})

    assert await _ids(tmm, result='[ {"b":[true],"a":1} ]') == [number]
    assert await _ids(tmm, result='[{"a": 1}]') == []
    assert await _refusal(tmm, "GET", "?result=[{") == (400, "bad_param")


@pytest.mark.parametrize("number", ["1e-400000", "1." + "3" * 20_000, "0e1000"])
async def test_a_number_that_no_store_can_compare_is_refused_and_spoils_no_list(tmm, number):
    odd, plain = await tmm.create(), await tmm.create()
    text = f'{{"a": "\\"{number}", "b": 1.5e300}}'
    await tmm.act(plain, "end", **{"result[]": text})

    assert await tmm.refused(odd, "end", **{"result[]": number}) == (400, "bad_param")
    assert await _refusal(tmm, "POST", data={"name": "a", "tasks": f'[{{"a":{number}}}]'}) == (
        400,
        "bad_param",
    )
    assert await _refusal(tmm, "GET", "?result=[1e-400000]") == (400, "bad_param")
    assert await _ids(tmm, result="") == [odd]
    assert (await tmm.show(plain))["result"] == [json.loads(text)]


async def test_results_that_hold_any_character_are_kept_and_do_not_spoil_a_filter(tmm):
    odd, plain = await tmm.create(), await tmm.create()
    await tmm.act(odd, "end", **{"result[]": '"\\u0000 \\ud83d\\ude00 <&\'"'})
    await tmm.act(plain, "end", **{"result[]": "1"})

    assert (await tmm.show(odd))["result"] == ["\0 😀 <&'"]
    assert await _ids(tmm, result="[1]") == [plain]
    assert await _refusal(tmm, "GET", "?result=[%22%5Cu0000%22]") == (400, "bad_param")


@pytest.mark.parametrize(
    "name", ["id", "cur_task", "q_time", "end_time", "priority", "duplicate_of"]
)
async def test_a_number_that_is_none_is_refused(tmm, name):
    assert await _refusal(tmm, "GET", f"?{name}=x") == (400, "bad_param")


async def test_what_means_nothing_is_told(tmm):
    answer = await tmm.send("GET", "?bogus=1&name=a&x%0d%0aSet-Cookie:y=1&action=list&limit=1")

    assert answer.headers["x-ignored-params"] == "bogus,x%0D%0ASet-Cookie%3Ay"
    assert "set-cookie" not in answer.headers


async def test_every_status_is_found_by_its_word(tmm):
    numbers = {"new": await tmm.create(q="0"), "queued": await tmm.create()}
    for status, actions in {
        "picked_up": ("pickup",),
        "running": ("start",),
        "complete": ("end",),
        "canceled": ("cancel",),
    }.items():
        numbers[status] = await tmm.create()
        for action in actions:
            await tmm.act(numbers[status], action)
    numbers["failed"] = await tmm.create()
    await tmm.act(numbers["failed"], "end", failed="1")

    for status, number in numbers.items():
        assert await _ids(tmm, status=status) == [number]
        assert (await tmm.show(number))["status"] == status
