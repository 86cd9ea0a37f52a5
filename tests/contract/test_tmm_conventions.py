"""Beacon jobs over HTTP on both stores: keys, actions, bodies, who sees what."""

from __future__ import annotations

import pytest

from drover.model.access import MemberRole, Role
from drover.model.accounts import Member
from tests.support.tmm_server import ROOT

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
    assert "revoked" in unknown.json()["error"]


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
