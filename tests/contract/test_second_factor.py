"""The second factor of users, over HTTP on each database."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from drover.app.inventory import reach_of
from drover.model.access import Caller
from drover.model.one_time_codes import STEP_MS, code_at
from tests.support.access_server import PASSWORD

EMAIL = "ann@example.com"


@pytest_asyncio.fixture
async def key(server, ann):
    """The key of her app, from when codes are required."""
    offered = await server.ok(ann, "PATCH", "/me/generateTwoFactorAuth")
    body = {"password": PASSWORD, "twoFactorAuthKey": offered["key"]}
    body["twoFactorCode"] = code_of(server, offered["key"])
    shown = await server.ok(ann, "PATCH", "/me/enableTwoFactorAuth", body)
    assert shown["twoFactorAuthEnabled"] is True
    server.clock.advance(60)
    return offered["key"]


def code_of(server, key, steps=0):
    return code_at(key, server.clock.now_ms() // STEP_MS + steps)


async def sign_in(server, **more):
    body = {"email": EMAIL, "password": PASSWORD, **more}
    return await server.call(None, "POST", "/auth/user", body)


async def test_an_offered_key_fits_an_app_and_is_required_only_once_enabled(server, ann):
    offered = await server.ok(ann, "PATCH", "/me/generateTwoFactorAuth")

    assert len(offered["key"]) == 52
    assert offered["keyUri"].startswith("otpauth://totp/Drover:ann%40example.com?secret=")
    assert offered["key"] in offered["keyUri"]
    assert (await server.ok(ann, "GET", "/me"))["twoFactorAuthEnabled"] is False
    assert (await sign_in(server)).status_code == 200


async def test_signing_in_takes_a_code_once_that_is_enabled(server, key):
    without, empty = await sign_in(server), await sign_in(server, twoFactorCode="")
    wrong = await sign_in(server, twoFactorCode="000000")
    right = await sign_in(server, twoFactorCode=code_of(server, key))

    assert [each.status_code for each in (without, empty, wrong, right)] == [401, 401, 401, 200]
    assert without.json()["type"] == "Unauthorized"
    assert "code" in without.json()["message"]


async def test_a_wrong_password_is_refused_alike_with_and_without_a_second_factor(server, key):
    refused = await server.call(
        None, "POST", "/auth/user", {"email": EMAIL, "password": "wrong-password"}
    )

    assert refused.json()["message"] == "Invalid email or password"


async def test_a_code_counts_once_even_when_sent_many_times_at_once(server, key):
    code = code_of(server, key)
    answers = await asyncio.gather(*(sign_in(server, twoFactorCode=code) for _ in range(5)))

    assert sorted(each.status_code for each in answers) == [200, 401, 401, 401, 401]
    assert (await sign_in(server, twoFactorCode=code_of(server, key, 1))).status_code == 200


async def test_the_code_that_enabled_it_does_not_sign_in_again(server, ann):
    offered = await server.ok(ann, "PATCH", "/me/generateTwoFactorAuth")
    code = code_of(server, offered["key"])
    body = {"password": PASSWORD, "twoFactorAuthKey": offered["key"], "twoFactorCode": code}
    await server.ok(ann, "PATCH", "/me/enableTwoFactorAuth", body)

    assert (await sign_in(server, twoFactorCode=code)).status_code == 401


async def test_guessing_codes_locks_the_account(server, key):
    for _ in range(10):
        await sign_in(server, twoFactorCode="000000")

    locked = await sign_in(server, twoFactorCode=code_of(server, key))
    assert locked.json()["type"] == "AccountLocked"


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"password": "not-my-password"}, 401, "password"),
        ({"twoFactorCode": "000000"}, 400, "code"),
        ({"twoFactorAuthKey": "A" * 51}, 400, "twoFactorAuthKey"),
        ({"twoFactorAuthKey": None}, 400, "twoFactorAuthKey"),
        ({"twoFactorCode": None}, 400, "twoFactorCode"),
    ],
)
async def test_enabling_needs_the_password_a_key_and_a_code_of_it(
    server, ann, change, status, told
):
    offered = await server.ok(ann, "PATCH", "/me/generateTwoFactorAuth")
    body = {"password": PASSWORD, "twoFactorAuthKey": offered["key"]}
    body |= {"twoFactorCode": code_of(server, offered["key"])} | change
    given = {name: value for name, value in body.items() if value is not None}

    answer = await server.call(ann, "PATCH", "/me/enableTwoFactorAuth", given)

    assert answer.status_code == status, answer.text
    assert told in answer.json()["message"]
    assert (await sign_in(server)).status_code == 200


async def test_what_changes_the_account_takes_a_code_too(server, ann, key):
    new = "Another-horse-7"
    body = {"password": PASSWORD, "newPassword": new}
    assert (await server.call(ann, "PATCH", "/me/changePassword", body)).status_code == 401
    changed = {"email": "new@example.com", "currentCredentials": {"password": PASSWORD}}
    assert (await server.call(ann, "PATCH", "/me", changed)).status_code == 401
    delete = {"email": EMAIL, "password": PASSWORD}
    assert (await server.call(ann, "POST", "/me/delete", delete)).status_code == 401

    body["twoFactorCode"] = code_of(server, key)
    token = (await server.ok(ann, "PATCH", "/me/changePassword", body))["token"]
    assert (await server.ok(token, "GET", "/me"))["twoFactorAuthEnabled"] is True


async def test_disabling_takes_a_code_and_then_none_is_needed(server, ann, key):
    body = {"password": PASSWORD, "twoFactorCode": "000000"}
    assert (await server.call(ann, "PATCH", "/me/disableTwoFactorAuth", body)).status_code == 401

    body["twoFactorCode"] = code_of(server, key)
    shown = await server.ok(ann, "PATCH", "/me/disableTwoFactorAuth", body)

    assert shown["twoFactorAuthEnabled"] is False
    assert (await sign_in(server)).status_code == 200
    again = await server.call(ann, "PATCH", "/me/disableTwoFactorAuth", body)
    assert again.status_code == 400


async def test_it_is_not_enabled_twice(server, ann, key):
    other = (await server.ok(ann, "PATCH", "/me/generateTwoFactorAuth"))["key"]
    body = {"password": PASSWORD, "twoFactorAuthKey": other, "twoFactorCode": code_of(server, key)}

    answer = await server.call(ann, "PATCH", "/me/enableTwoFactorAuth", body)

    assert (answer.status_code, "already" in answer.json()["message"]) == (400, True)


async def test_an_administrator_helps_who_lost_their_app_and_cannot_enable_it(server, key):
    admin = await server.sign_in()
    (ann,) = [
        u for u in (await server.ok(admin, "GET", "/admin/users"))["items"] if u["email"] == EMAIL
    ]
    at = f"/admin/users/{ann['id']}"
    assert ann["twoFactorAuthEnabled"] is True
    on = await server.call(admin, "PATCH", at, {"twoFactorAuthEnabled": True})
    assert on.status_code == 400

    await server.ok(admin, "PATCH", at, {"twoFactorAuthEnabled": False})

    assert (await sign_in(server)).status_code == 200


async def test_a_password_alone_does_not_open_the_dialect_that_sends_it_each_time(server, key):
    check = server.access.authenticator.authenticate_basic

    with pytest.raises(Exception, match="code is required"):
        await check(EMAIL, PASSWORD)


async def test_no_answer_shows_the_key(server, ann, key):
    admin = await server.sign_in()
    for token, path in ((ann, "/me"), (admin, "/admin/users")):
        assert key not in (await server.call(token, "GET", path)).text


async def enabled(server, session):
    """Require codes of an account from now on."""
    offered = await server.ok(session, "PATCH", "/me/generateTwoFactorAuth")
    body = {"password": PASSWORD, "twoFactorAuthKey": offered["key"]}
    body["twoFactorCode"] = code_of(server, offered["key"])
    await server.ok(session, "PATCH", "/me/enableTwoFactorAuth", body)
    server.clock.advance(60)


async def _member(server, org, admin, session, email, role):
    body = {"email": email, "role": role}
    await server.ok(admin, "POST", f"/orgs/{org}/invites", body)
    (invite,) = await server.ok(session, "GET", "/me/invites")
    await server.ok(session, "POST", f"/me/invites/{invite['id']}", {"action": "accept"})
    return invite


async def test_an_organization_keeps_members_out_until_they_have_a_second_factor(server):
    root = await server.start()
    lead, bob = await server.user(root, "lead@example.com"), await server.user(root, EMAIL)
    org = (await server.ok(lead, "POST", "/orgs", {"name": "Works"}))["orgId"]
    own = await server.application(lead, orgId=org)
    invite = await _member(server, org, lead, bob, EMAIL, "edit")
    alone = await server.call(lead, "PATCH", f"/orgs/{org}", {"mfaMode": "adminRequired"})
    await enabled(server, lead)
    await server.ok(lead, "PATCH", f"/orgs/{org}", {"mfaMode": "adminRequired"})
    before = await server.call(bob, "GET", f"/applications/{own}")
    await server.ok(lead, "PATCH", f"/orgs/{org}", {"mfaMode": "required"})

    refused = [
        await server.call(bob, "GET", f"/applications/{own}"),
        await server.call(bob, "POST", f"/applications/{own}/devices", {"name": "p"}),
        await server.call(bob, "GET", f"/orgs/{org}/audit-logs"),
        await server.call(bob, "POST", "/applications", {"name": "new", "orgId": org}),
    ]
    listed = await server.ok(bob, "GET", "/applications")
    seen = await server.call(bob, "GET", f"/orgs/{org}")
    await enabled(server, bob)
    after = await server.call(bob, "GET", f"/applications/{own}")

    assert (alone.status_code, "mfaMode" in alone.text) == (400, True)
    assert invite["requiresMFA"] is False
    assert before.status_code == 200
    assert {each.status_code for each in refused[:2]} == {403}
    assert "two-factor" in refused[0].json()["message"]
    assert all(each.status_code >= 400 for each in refused)
    assert listed["totalCount"] == 0
    assert seen.status_code == after.status_code == 200
    assert (await server.ok(lead, "GET", "/applications"))["totalCount"] == 1
    assert (await server.ok(root, "GET", f"/applications/{own}"))["id"] == own


async def test_who_is_invited_is_told_that_a_second_factor_is_needed(server):
    root = await server.start()
    lead, bob = await server.user(root, "lead@example.com"), await server.user(root, EMAIL)
    await enabled(server, lead)
    body = {"name": "Works", "mfaMode": "adminRequired"}
    org = (await server.ok(lead, "POST", "/orgs", body))["orgId"]
    without = await server.call(bob, "POST", "/orgs", {"name": "B", "mfaMode": "required"})

    invite = await _member(server, org, lead, bob, EMAIL, "admin")
    changed = await server.call(bob, "PATCH", f"/orgs/{org}", {"name": "Mine"})
    left = await server.call(bob, "DELETE", f"/orgs/{org}/member?userId={await _id(server, bob)}")

    assert without.status_code == 400
    assert invite["requiresMFA"] is True
    assert (changed.status_code, left.status_code) == (403, 200)


async def _id(server, session):
    return (await server.ok(session, "GET", "/me"))["userId"]


async def test_members_kept_out_of_applications_change_no_jobs_of_theirs_either(server):
    root = await server.start()
    lead, bob = await server.user(root, "lead@example.com"), await server.user(root, EMAIL)
    org = (await server.ok(lead, "POST", "/orgs", {"name": "Works"}))["orgId"]
    own = await server.application(lead, orgId=org)
    await _member(server, org, lead, bob, EMAIL, "edit")
    own_id = await _id(server, bob)
    scopes = frozenset({"all.User"})
    member = Caller(type="user", id=own_id, user_id=own_id, scopes=scopes)

    async def reached(*, changes):
        found = await server.store.read(lambda session: reach_of(session, member, changes=changes))
        return found.applications

    before = await reached(changes=True)
    await enabled(server, lead)
    await server.ok(lead, "PATCH", f"/orgs/{org}", {"mfaMode": "required"})

    assert before == (own,)
    assert await reached(changes=False) == ()
    assert await reached(changes=True) == ()
