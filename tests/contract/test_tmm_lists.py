"""Lists of beacon jobs over HTTP on both stores: pages and filters."""

from __future__ import annotations

import json

import pytest

from tests.support.tmm_server import MEMBERS

TASKS = '[{"cmd": "a"}, {"cmd":"b","n":1.0}]'


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _ids(tmm, key=None, /, **filters):
    return [job["id"] for job in await tmm.done("GET", "", key, **filters)]


async def _refusal(tmm, method, path="", /, **options):
    answer = await tmm.send(method, path, **options)
    return answer.status_code, answer.json()["code"]


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
    assert await _ids(tmm, result='[{"a": 1.0, "b": [true]}]') == [number]
    assert await _ids(tmm, result='[{"a": 10e-1, "b": [true]}]') == [number]
    assert await _ids(tmm, result='[{"a": 1.5, "b": [true]}]') == []
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


async def test_what_nobody_has_taken_of_a_beacon_is_listed_however_it_stands(tmm):
    made = [await tmm.job_in(state, beacon_name="x") for state in ("new", "queued", "picked_up")]
    canceled = await tmm.create(beacon_name="x")
    await tmm.act(canceled, "cancel")
    back = await tmm.create(beacon_name="x")
    await tmm.act(back, "pickup")
    await tmm.act(back, "release")
    template = (await tmm.done("POST", "", name="t", schedule="1", beacon_name="x"))["id"]
    await tmm.create(beacon_name="y")
    asked = {"beacon_name": "x", "pickup_time": ""}

    assert await _ids(tmm, **asked) == [*made[:2], canceled, back]
    assert await _ids(tmm, **asked, scheduled="true") == [template]
    assert await _ids(tmm, **asked, name="job", status="new") == [made[0]]
    assert await _ids(tmm, beacon_name="x", status="queued") == [made[1], back]


async def test_who_sees_no_others_jobs_is_listed_none_that_nobody_has_taken(tmm):
    ann = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"))
    await tmm.create(beacon_name="x")
    own = await tmm.create(ann, beacon_name="x")

    answer = await tmm.send("GET", "?beacon_name=x&pickup_time=", ann)

    assert [job["id"] for job in answer.json()] == [own]
    assert answer.headers["x-total-count"] == "1"
