"""Signing in and what a token opens, over HTTP on each database."""

from __future__ import annotations

import pytest

from tests.support.access_server import ADMIN, PASSWORD


async def test_the_first_start_makes_an_administrator_and_an_application(server):
    made = await server.bootstrap.run("boss@example.com")

    token = await server.sign_in("boss@example.com", made.password)
    listed = await server.ok(token, "GET", "/applications")
    assert [each["name"] for each in listed["items"]] == ["My fleet"]
    assert listed["items"][0]["ownerId"] == made.organization_id
    assert (await server.ok(token, "GET", "/me"))["role"] == "administrator"
    assert await server.bootstrap.run("late@example.com") is None


async def test_a_wrong_password_and_an_unknown_user_are_refused_alike(server, admin):
    wrong = await server.call(
        None, "POST", "/auth/user", {"email": ADMIN, "password": "not-that-one"}
    )
    unknown = await server.call(
        None, "POST", "/auth/user", {"email": "who@example.com", "password": "not-that-one"}
    )

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content
    assert wrong.json()["type"] == "Unauthorized"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "Bearer " + "x" * 9000],
)
async def test_what_is_no_token_is_refused_in_the_words_clients_compare(server, authorization):
    answer = await server.client.get("/me", headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.json() == {"type": "Unauthorized", "message": "Invalid access token"}


async def test_no_address_signs_in_elsewhere(server):
    answer = await server.client.get("/auth/ssoDomain", params={"email": ADMIN})

    assert (answer.status_code, answer.content) == (204, b"")


async def test_the_command_line_client_learns_where_it_is(server):
    answer = await server.ok(None, "GET", "/whitelabels/domain")

    assert answer == {"appUrl": "http://drover.test", "endpointDomain": "drover.test"}


async def test_a_session_ends_when_its_time_is_over(server, admin):
    token = await server.sign_in(tokenTTL=60)
    server.clock.advance(59)
    assert (await server.call(token, "GET", "/me")).status_code == 200

    server.clock.advance(1)

    assert (await server.call(token, "GET", "/me")).status_code == 401


async def test_a_session_without_an_end_goes_on(server, admin):
    token = await server.sign_in(tokenTTL=0)

    server.clock.advance(10 * 365 * 86_400)

    assert (await server.call(token, "GET", "/me")).status_code == 200


async def test_a_session_does_only_what_it_asked_for(server, admin):
    token = await server.sign_in(requestedScopes=["all.User.cli"])

    assert (await server.call(token, "GET", "/applications")).status_code == 200
    refused = await server.call(token, "POST", "/applications", {"name": "x"})
    assert refused.status_code == 403
    assert refused.json()["type"] == "Forbidden"


@pytest.mark.parametrize("scope", ["all.Everything", "device", "", "all.Device.cli", "x" * 500])
async def test_an_unknown_scope_is_refused_by_name(server, admin, scope):
    answer = await server.call(
        None,
        "POST",
        "/auth/user",
        {"email": ADMIN, "password": PASSWORD, "requestedScopes": [scope]},
    )

    assert answer.status_code == 400
    assert answer.json()["type"] == "Validation"


async def test_the_password_change_ends_every_session_and_begins_one(server, admin):
    other = await server.sign_in()
    body = {"password": PASSWORD, "newPassword": "Even-better-horse-10"}

    signed = await server.ok(admin, "PATCH", "/me/changePassword", body)

    assert (await server.call(admin, "GET", "/me")).status_code == 401
    assert (await server.call(other, "GET", "/me")).status_code == 401
    assert (await server.call(signed["token"], "GET", "/me")).status_code == 200
    await server.sign_in(password="Even-better-horse-10")


async def test_the_sessions_can_be_kept_when_asked(server, admin):
    body = {
        "password": PASSWORD,
        "newPassword": "Even-better-horse-10",
        "invalidateExistingTokens": False,
    }

    await server.ok(admin, "PATCH", "/me/changePassword", body)

    assert (await server.call(admin, "GET", "/me")).status_code == 200


async def test_a_weak_new_password_is_refused(server, admin):
    body = {"password": PASSWORD, "newPassword": "alllowercase"}

    answer = await server.call(admin, "PATCH", "/me/changePassword", body)

    assert answer.status_code == 400
    assert "newPassword" in answer.json()["message"]


async def test_changing_the_email_needs_the_password(server, admin):
    refused = await server.call(admin, "PATCH", "/me", {"email": "new@example.com"})
    wrong = await server.call(
        admin,
        "PATCH",
        "/me",
        {"email": "new@example.com", "currentCredentials": {"password": "wrong-one"}},
    )

    assert refused.status_code == 400
    assert wrong.status_code == 401
    proof = {"currentCredentials": {"password": PASSWORD}}
    changed = await server.ok(admin, "PATCH", "/me", {"email": "New@Example.com", **proof})
    assert changed["email"] == "new@example.com"
    await server.sign_in("new@example.com")


async def test_a_cutoff_voids_older_sessions(server, admin):
    server.clock.advance(5)
    newer = await server.sign_in()

    await server.ok(newer, "PATCH", "/me", {"tokenCutoff": "2027-01-15T08:00:03.000Z"})

    assert (await server.call(admin, "GET", "/me")).status_code == 401
    assert (await server.call(newer, "GET", "/me")).status_code == 200


async def test_a_refreshed_session_keeps_its_scopes(server, admin):
    narrow = await server.sign_in(requestedScopes=["me.get", "me.refreshToken"])

    token = (await server.ok(narrow, "GET", "/me/refreshToken"))["token"]

    assert token != narrow
    assert (await server.call(token, "GET", "/me")).status_code == 200
    assert (await server.call(token, "PATCH", "/me", {"title": "x"})).status_code == 403


async def test_an_account_locks_after_ten_failures_and_opens_again(server, admin):
    body = {"email": ADMIN, "password": "not-that-one"}
    for _ in range(10):
        assert (await server.call(None, "POST", "/auth/user", body)).status_code == 401

    locked = await server.call(None, "POST", "/auth/user", {**body, "password": PASSWORD})

    assert locked.status_code == 429
    assert locked.json()["type"] == "AccountLocked"
    assert 0 < int(locked.headers["retry-after"]) <= 900
    assert (await server.call(admin, "GET", "/me")).status_code == 200
    server.clock.advance(901)
    await server.sign_in()


async def test_an_address_that_guesses_many_accounts_is_slowed_down(server, admin):
    for count in range(100):
        body = {"email": f"user{count}@example.com", "password": "not-that-one"}
        await server.call(None, "POST", "/auth/user", body)

    body = {"email": ADMIN, "password": PASSWORD}
    refused = await server.call(None, "POST", "/auth/user", body)
    elsewhere = server.from_address("10.0.0.9")
    allowed = await elsewhere.post("/auth/user", json=body)

    assert (refused.status_code, refused.json()["type"]) == (429, "TooManyRequests")
    assert allowed.status_code == 200
    await elsewhere.aclose()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"email": "a@b"}',
        b'{"email": "a@b.c", "password": "short"}',
        b'{"email": "a@b.c", "password": "longer-one", "role": "administrator"}',
        b'{"email": 1, "password": "longer-one"}',
        b'{"email": "a@b.c", "password": "longer-one", "tokenTTL": -1}',
        b'{"email": "a@b.c", "password": "longer-one", "tokenTTL": 1e400}',
        b'{"email": "a@b.c", "password": "longer-one", "requestedScopes": "all.User"}',
    ],
)
async def test_a_broken_sign_in_is_told_what_is_wrong(server, body):
    answer = await server.client.post("/auth/user", content=body)

    assert answer.status_code == 400
    assert answer.json()["type"] == "Validation"


async def test_a_huge_sign_in_is_refused_unread(server):
    answer = await server.client.post("/auth/user", content=b"x" * 100_000)

    assert answer.status_code == 413


async def test_sessions_whose_time_is_over_do_not_pile_up(server, admin, database):
    for _ in range(3):
        await server.sign_in(tokenTTL=1)
    server.clock.advance(90)

    await server.sign_in()

    rows = await database.read(lambda tx: tx.fetch_sql("SELECT COUNT(*) AS n FROM access_token"))
    assert rows[0]["n"] == 2


async def test_the_oldest_session_ends_when_there_are_too_many(server, admin, monkeypatch):
    monkeypatch.setattr("drover.app.access.sessions.MOST_SESSIONS", 2)
    server.clock.advance(1)
    second = await server.sign_in()
    assert (await server.call(admin, "GET", "/me")).status_code == 200
    server.clock.advance(1)

    third = await server.sign_in()

    assert (await server.call(admin, "GET", "/me")).status_code == 401
    assert (await server.call(second, "GET", "/me")).status_code == 200
    assert (await server.call(third, "GET", "/me")).status_code == 200
