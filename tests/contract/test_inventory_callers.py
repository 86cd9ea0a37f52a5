"""Who may do what in the inventory over HTTP."""

from __future__ import annotations

import pytest

from drover.model.access import Role
from tests.support.digi_server import basic, fleet

XML = "application/xml;charset=UTF-8"


@pytest.fixture
def server(digi_server):
    return digi_server


async def test_each_way_to_sign_in_is_accepted(server):
    key = await server.key()
    for headers in (basic(), key, {"Authorization": f"Bearer {server.token}"}):
        assert (await server.ask("GET", "/inventory", headers)).status_code == 200


async def test_keys_win_over_a_password_and_one_alone_is_not_enough(server):
    key = await server.key()
    for bad in (
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic ###"},
        {"Authorization": "Basic bm9jb2xvbg=="},
        {"Authorization": "Basic \u00ff".encode("latin-1").decode("latin-1")},
        basic(password="wrong"),
        basic(user="nobody@example.com"),
        basic() | {"X-API-KEY-ID": key["X-API-KEY-ID"]},
        basic() | {"X-API-KEY-SECRET": key["X-API-KEY-SECRET"]},
        basic() | key | {"X-API-KEY-SECRET": "wrong"},
    ):
        encoded = {name: value.encode("latin-1") for name, value in bad.items()}
        answer = await server.ask("GET", "/inventory", encoded)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="ws"'
        assert answer.json()["error_status"] == 401


async def test_a_read_only_role_reads_and_changes_nothing(server):
    (number, *_rest) = await fleet(server)
    key = await server.key(Role.READ_ONLY)

    assert (await server.ask("GET", "/inventory", key)).status_code == 200
    for method, path in (
        ("PUT", f"/cancel{number}"),
        ("PUT", "/cancel?query=id>0"),
        ("DELETE", f"/{number}"),
        ("DELETE", "/cancel?query=id>0"),
    ):
        answer = await server.ask(method, path, key)
        assert (answer.status_code, answer.json()["error_status"]) == (403, 403)
    assert len(await server.ids()) == 4


async def test_others_jobs_look_like_missing_ones(server):
    await server.user(server.token, "other@example.com")
    other = basic("other@example.com")
    (number, _failed, queued, _running) = await fleet(server)

    listed = await server.ask("GET", "/inventory", other)
    swept = await server.ask("DELETE", "/cancel", other, query="id > 0")

    assert listed.json()["list"] == []
    assert swept.json()["list"] == []
    theirs = [await server.ask("GET", f"/{n}", other) for n in (number, 999)]
    assert theirs[0].json() == theirs[1].json()
    for method, path in (("GET", "/{0}"), ("PUT", "/cancel{0}"), ("DELETE", "/{0}")):
        assert (await server.ask(method, path.format(queued), other)).status_code == 404
    assert len(await server.ids()) == 4


async def test_a_member_who_only_looks_may_not_cancel(server):
    _, shared = await server.viewer("viewer@example.com")
    number = await server.job(state="queued", application_id=shared)
    headers = basic("viewer@example.com")

    assert (await server.ask("GET", f"/{number}", headers)).status_code == 200
    assert (await server.ask("PUT", f"/cancel{number}", headers)).status_code == 403
    assert (await server.ask("PUT", "/cancel", headers, query="id > 0")).json()["count"] == 0
    assert (await server.get(f"/{number}"))["status"] == "new"


async def test_what_is_accepted_decides_the_form(server):
    number = await server.job(state="queued")

    canceled = await server.ask("PUT", f"/cancel{number}", basic() | {"Accept": "text/xml"})
    strange = await server.ask("GET", "", basic() | {"Accept": "application/xml;v=1;q=x"})
    refused = await server.ask("GET", "/999", basic() | {"Accept": "application/xml"})
    table = await server.ask("GET", "/bulk", fields="Targets,CANCEL_REQUESTED")

    assert canceled.text.endswith(
        f"<result><count>1</count><list><item><id>{number}</id><status>canceled</status></item>"
        "</list></result>"
    )
    assert strange.headers["content-type"] == "application/json"
    assert (refused.status_code, refused.headers["content-type"]) == (404, XML)
    assert table.text == "targets,cancel_requested\r\n,true\r\n"


async def test_a_user_sees_the_jobs_of_their_applications_and_their_own(server):
    token = await server.user(server.token, "other@example.com")
    me = (await server.ok(token, "GET", "/me"))["id"]
    theirs = [await server.application(token) for _ in range(10)]
    numbers = [await server.job(application_id=each) for each in theirs[:2]]
    numbers.append(await server.job(application_id=None, owner_id=me))
    await server.job()
    headers = basic("other@example.com")

    answer = await server.ask("GET", "/inventory", headers)
    few = await server.ask("GET", "/inventory", headers, orderby="job_name asc", size="2")
    swept = await server.ask("DELETE", "/inventory", headers, query="id > 0")

    assert [job["id"] for job in answer.json()["list"]] == numbers[::-1]
    assert [job["id"] for job in few.json()["list"]] == numbers[:2]
    assert swept.json()["count"] == 3
    assert len(await server.ids()) == 1
