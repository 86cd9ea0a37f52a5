"""Tenants, roles, tokens and keys, over HTTP on each database."""

from __future__ import annotations

import pytest
import pytest_asyncio

from drover.app.access.organizations import Roles
from drover.model.access import MemberRole
from tests.support.access_server import PASSWORD

NOWHERE = "0" * 24


@pytest_asyncio.fixture
async def bob(server, admin):
    return await server.user(admin, "bob@example.com")


async def org_with(server, owner, email, role, **more):
    """An organisation of the owner, with one more member."""
    org = await server.ok(owner, "POST", "/orgs", {"name": "Works"})
    await server.ok(
        owner, "POST", f"/orgs/{org['id']}/invites", {"email": email, "role": role, **more}
    )
    return org["id"]


async def accept(server, token):
    invite = (await server.ok(token, "GET", "/me/invites"))[0]
    return await server.ok(token, "POST", f"/me/invites/{invite['id']}", {"action": "accept"})


# Tenants


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/devices"),
        ("POST", "/devices"),
        ("GET", f"/devices/{NOWHERE}"),
        ("GET", "/tokens"),
        ("POST", "/tokens"),
        ("GET", "/keys"),
        ("DELETE", f"/keys/{NOWHERE}"),
    ],
)
async def test_another_tenants_application_looks_like_a_missing_one(server, ann, bob, method, path):
    application_id = await server.application(ann)

    theirs = await server.call(bob, method, f"/applications/{application_id}{path}", {})
    missing = await server.call(bob, method, f"/applications/{NOWHERE}{path}", {})

    assert theirs.status_code == missing.status_code == 404
    assert theirs.content == missing.content
    assert (await server.call(ann, "GET", f"/applications/{application_id}")).status_code == 200


async def test_being_out_of_sight_is_decided_before_the_scopes(server, ann, bob):
    application_id = await server.application(ann)
    narrow = await server.sign_in("bob@example.com", requestedScopes=["me.get"])

    theirs = await server.call(narrow, "GET", f"/applications/{application_id}")

    assert theirs.status_code == 404


async def test_a_visible_application_without_the_scope_is_forbidden(server, ann):
    application_id = await server.application(ann)
    narrow = await server.sign_in("ann@example.com", requestedScopes=["device.get"])

    listed = await server.call(narrow, "GET", f"/applications/{application_id}/devices")
    one = await server.call(narrow, "GET", f"/applications/{application_id}/devices/{NOWHERE}")

    assert listed.status_code == 403
    assert one.status_code == 404


async def test_a_list_shows_only_what_the_caller_sees(server, admin, ann, bob):
    mine = await server.application(ann)

    assert (await server.ok(bob, "GET", "/applications"))["totalCount"] == 0
    assert [a["id"] for a in (await server.ok(ann, "GET", "/applications"))["items"]] == [mine]
    assert (await server.ok(admin, "GET", "/applications"))["totalCount"] == 2


async def test_a_user_cannot_put_an_application_into_a_strange_organisation(server, ann, bob):
    org = await server.ok(ann, "POST", "/orgs", {"name": "Works"})

    answer = await server.call(bob, "POST", "/applications", {"name": "x", "orgId": org["id"]})

    assert answer.status_code == 403


# Roles


@pytest.mark.parametrize(
    ("role", "reads", "writes", "makes_tokens", "deletes"),
    [
        ("admin", 200, 201, 201, 200),
        ("edit", 200, 201, 201, 200),
        ("collaborate", 200, 201, 403, 403),
        ("view", 200, 403, 403, 403),
        ("none", 404, 404, 404, 404),
    ],
)
async def test_a_members_role_decides_what_they_may_do(
    server, ann, bob, role, reads, writes, makes_tokens, deletes
):
    org_id = await org_with(server, ann, "bob@example.com", role)
    await accept(server, bob)
    path = f"/applications/{await server.application(ann, orgId=org_id)}"

    assert (await server.call(bob, "GET", path)).status_code == reads
    assert (await server.call(bob, "POST", f"{path}/devices", {"name": "d"})).status_code == writes
    made = await server.call(bob, "POST", f"{path}/tokens", {"name": "t"})
    assert made.status_code == makes_tokens
    assert (await server.call(bob, "DELETE", path)).status_code == deletes


@pytest.mark.parametrize(
    ("role", "own", "reads", "writes"),
    [
        ("none", "view", 200, 403),
        ("none", "collaborate", 200, 201),
        ("view", "collaborate", 200, 201),
        ("collaborate", "none", 404, 404),
        ("admin", "none", 200, 201),
    ],
)
async def test_a_role_in_one_application_replaces_that_in_the_organisation(
    server, ann, bob, role, own, reads, writes
):
    org = await server.ok(ann, "POST", "/orgs", {"name": "Works"})
    application_id = await server.application(ann, orgId=org["id"])
    roles = [{"resourceId": application_id.upper(), "role": own}]
    await server.ok(
        ann,
        "POST",
        f"/orgs/{org['id']}/invites",
        {"email": "bob@example.com", "role": role, "applicationRoles": roles},
    )
    await accept(server, bob)
    path = f"/applications/{application_id}"

    assert (await server.call(bob, "GET", path)).status_code == reads
    assert (await server.call(bob, "POST", f"{path}/devices", {"name": "d"})).status_code == writes
    listed = await server.ok(bob, "GET", "/applications")
    assert listed["totalCount"] == (1 if reads == 200 else 0)


async def test_a_change_of_role_counts_from_the_next_request(server, ann, bob):
    org_id = await org_with(server, ann, "bob@example.com", "edit")
    await accept(server, bob)
    path = f"/applications/{await server.application(ann, orgId=org_id)}/devices"
    bob_id = (await server.ok(bob, "GET", "/me"))["userId"]
    assert (await server.call(bob, "POST", path, {"name": "d"})).status_code == 201

    await server.ok(ann, "PATCH", f"/orgs/{org_id}/member", {"userId": bob_id, "role": "view"})
    assert (await server.call(bob, "POST", path, {"name": "d"})).status_code == 403
    await server.ok(ann, "DELETE", f"/orgs/{org_id}/member?userId={bob_id}")
    assert (await server.call(bob, "GET", path)).status_code == 404


async def test_a_read_only_account_reads_and_changes_nothing(server, admin):
    token = await server.user(admin, "eve@example.com", "readOnly")

    assert (await server.call(token, "GET", "/applications")).status_code == 200
    assert (await server.call(token, "POST", "/applications", {"name": "x"})).status_code == 403
    assert (await server.call(token, "POST", "/orgs", {"name": "x"})).status_code == 403
    assert (await server.call(token, "PATCH", "/me", {"title": "Dr"})).status_code == 200


# Organisations


async def test_an_organisation_lives_from_its_making_to_its_end(server, ann):
    org = await server.ok(ann, "POST", "/orgs", {"name": "Works", "cardToken": "ignored"})
    path = f"/orgs/{org['id']}"

    assert org["orgId"] == org["id"]
    assert [member["role"] for member in org["members"]] == ["admin"]
    assert (await server.ok(ann, "PATCH", path, {"name": "New"}))["name"] == "New"
    assert [each["name"] for each in (await server.ok(ann, "GET", "/orgs"))["items"]] == ["New"]
    application_id = await server.application(ann, orgId=org["id"])
    assert (await server.call(ann, "DELETE", path)).status_code == 400
    await server.ok(ann, "DELETE", f"/applications/{application_id}")
    await server.ok(ann, "DELETE", path)
    assert (await server.call(ann, "GET", path)).status_code == 404


async def test_a_strange_organisation_looks_like_a_missing_one(server, ann, bob):
    org = await server.ok(ann, "POST", "/orgs", {"name": "Works"})

    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/invites")):
        theirs = await server.call(bob, method, f"/orgs/{org['id']}{path}", {})
        missing = await server.call(bob, method, f"/orgs/{NOWHERE}{path}", {})
        assert theirs.status_code == missing.status_code == 404
        assert theirs.content == missing.content


@pytest.mark.parametrize("role", ["edit", "collaborate", "view", "none"])
async def test_only_an_administrator_leads_an_organisation(server, ann, bob, role):
    path = f"/orgs/{await org_with(server, ann, 'bob@example.com', role)}"
    await accept(server, bob)
    bob_id = (await server.ok(bob, "GET", "/me"))["userId"]

    for method, tail, body in (
        ("PATCH", "", {"name": "Mine"}),
        ("DELETE", "", None),
        ("GET", "/invites", None),
        ("POST", "/invites", {"email": "c@example.com", "role": "admin"}),
        ("PATCH", "/member", {"userId": bob_id, "role": "admin"}),
        ("POST", "/tokens", {"name": "t"}),
    ):
        assert (await server.call(bob, method, path + tail, body)).status_code == 403
    assert (await server.call(bob, "GET", path)).status_code == 200


async def test_the_last_administrator_stays(server, ann):
    org = await server.ok(ann, "POST", "/orgs", {"name": "Works"})
    ann_id = org["members"][0]["userId"]
    path = f"/orgs/{org['id']}/member"

    demoted = await server.call(ann, "PATCH", path, {"userId": ann_id, "role": "edit"})
    removed = await server.call(ann, "DELETE", f"{path}?userId={ann_id}")

    assert (demoted.status_code, removed.status_code) == (400, 400)
    assert demoted.json()["type"] == "Conflict"


async def test_a_member_may_leave(server, ann, bob):
    org_id = await org_with(server, ann, "bob@example.com", "view")
    await accept(server, bob)
    bob_id = (await server.ok(bob, "GET", "/me"))["userId"]

    await server.ok(bob, "DELETE", f"/orgs/{org_id}/member?userId={bob_id}")

    assert (await server.call(bob, "GET", f"/orgs/{org_id}")).status_code == 404


async def test_an_invitation_can_be_taken_back_turned_down_and_run_out(server, ann, bob):
    org_id = await org_with(server, ann, "Bob@Example.com", "edit")
    invites = await server.ok(ann, "GET", f"/orgs/{org_id}/invites")
    assert [(each["email"], each["hasExpired"]) for each in invites] == [("bob@example.com", False)]
    query = f"inviteId={invites[0]['id']}"
    assert await server.ok(ann, "DELETE", f"/orgs/{org_id}/invites?{query}") == []
    assert await server.ok(bob, "GET", "/me/invites") == []

    await server.ok(
        ann, "POST", f"/orgs/{org_id}/invites", {"email": "bob@example.com", "role": "view"}
    )
    mine = (await server.ok(bob, "GET", "/me/invites"))[0]
    assert mine["invitedBy"]["email"] == "ann@example.com"
    path = f"/me/invites/{mine['id']}"
    assert (await server.ok(bob, "GET", path))["orgName"] == "Works"
    assert (await server.call(ann, "POST", path, {"action": "accept"})).status_code == 404
    server.clock.advance(8 * 86_400)
    late = await server.sign_in("bob@example.com")
    assert (await server.call(late, "POST", path, {"action": "accept"})).status_code == 410
    answered = await server.ok(late, "POST", path, {"action": "reject"})
    assert answered == {"result": "rejected", "orgId": org_id}


async def test_a_member_cannot_be_invited_again(server, ann):
    org = await server.ok(ann, "POST", "/orgs", {"name": "Works"})

    answer = await server.call(
        ann, "POST", f"/orgs/{org['id']}/invites", {"email": "ann@example.com", "role": "view"}
    )

    assert answer.status_code == 400


# Users


async def test_an_administrator_makes_changes_and_deletes_users(server, admin):
    body = {"email": "Carl@Example.com", "password": PASSWORD, "firstName": "Carl"}
    made = await server.ok(admin, "POST", "/admin/users", {**body, "role": "readOnly"})
    path = f"/admin/users/{made['userId']}"

    assert (made["email"], made["role"], made["number"]) == ("carl@example.com", "readOnly", 2)
    assert len(made["guid"]) == 36
    assert "password" not in str(made).lower().replace("passwordlastupdated", "")
    assert (await server.ok(admin, "PATCH", path, {"role": "user"}))["role"] == "user"
    listed = await server.ok(admin, "GET", "/admin/users?filterField=email&filter=carl*")
    assert [each["userId"] for each in listed["items"]] == [made["userId"]]
    await server.ok(admin, "DELETE", path)
    assert (await server.call(admin, "GET", path)).status_code == 404


async def test_an_email_belongs_to_one_user(server, admin, ann):
    body = {"email": "ANN@example.com", "password": PASSWORD}

    answer = await server.call(admin, "POST", "/admin/users", body)

    assert (answer.status_code, answer.json()["type"]) == (400, "AlreadyExists")


async def test_users_do_not_manage_users(server, ann):
    body = {"email": "x@example.com", "password": PASSWORD, "role": "administrator"}

    assert (await server.call(ann, "POST", "/admin/users", body)).status_code == 403
    assert (await server.call(ann, "GET", "/admin/users")).status_code == 403
    mine = (await server.ok(ann, "GET", "/me"))["userId"]
    changed = await server.call(ann, "PATCH", f"/admin/users/{mine}", {"role": "administrator"})
    assert changed.status_code == 403
    assert (await server.call(ann, "PATCH", "/me", {"role": "administrator"})).status_code == 400


async def test_the_last_administrator_of_the_server_stays(server, admin):
    mine = (await server.ok(admin, "GET", "/me"))["userId"]

    demoted = await server.call(admin, "PATCH", f"/admin/users/{mine}", {"role": "user"})
    deleted = await server.call(admin, "DELETE", f"/admin/users/{mine}")

    assert (demoted.status_code, deleted.status_code) == (400, 400)


async def test_a_deleted_or_demoted_user_loses_it_at_once(server, admin):
    second = await server.user(admin, "second@example.com", "administrator")
    second_id = (await server.ok(second, "GET", "/me"))["userId"]
    assert (await server.call(second, "GET", "/admin/users")).status_code == 200

    await server.ok(admin, "PATCH", f"/admin/users/{second_id}", {"role": "user"})
    assert (await server.call(second, "GET", "/admin/users")).status_code == 403
    await server.ok(admin, "DELETE", f"/admin/users/{second_id}")
    assert (await server.call(second, "GET", "/me")).status_code == 401


async def test_a_user_who_owns_applications_cannot_be_deleted(server, admin, ann):
    await server.application(ann)
    ann_id = (await server.ok(ann, "GET", "/me"))["userId"]

    answer = await server.call(admin, "DELETE", f"/admin/users/{ann_id}")

    assert (answer.status_code, answer.json()["type"]) == (400, "Conflict")


async def test_a_new_password_from_the_administrator_ends_the_sessions(server, admin, ann):
    ann_id = (await server.ok(ann, "GET", "/me"))["userId"]

    await server.ok(admin, "PATCH", f"/admin/users/{ann_id}", {"password": "another-one-1"})

    assert (await server.call(ann, "GET", "/me")).status_code == 401
    await server.sign_in("ann@example.com", "another-one-1")


# Invitations by letter


async def invited(server, ann, email, role="edit"):
    """The secret in the letter of an invitation, which no answer shows."""
    org = await server.ok(ann, "POST", "/orgs", {"name": "Works"})
    owner = await server.access.gate.identify({"authorization": f"Bearer {ann}"})
    _, secret = await server.access.organizations.invite(
        owner, org["id"], email, Roles(role=MemberRole(role))
    )
    return org["id"], secret


async def test_an_invitation_is_answered_by_its_letter(server, ann, bob):
    org_id, secret = await invited(server, ann, "bob@example.com")
    query = {"email": "Bob@example.com", "token": secret}

    shown = (await server.call(None, "GET", "/invites", **query)).json()
    answered = await server.ok(None, "POST", "/invites", {**query, "accept": True})

    assert (shown["orgName"], shown["role"]) == ("Works", "edit")
    assert answered == {"accepted": True, "orgId": org_id}
    assert (await server.call(bob, "GET", f"/orgs/{org_id}")).status_code == 200
    assert (await server.call(None, "GET", "/invites", **query)).status_code == 404


async def test_a_wrong_letter_opens_nothing(server, ann, bob):
    await invited(server, ann, "bob@example.com")

    for token in ("x", "drover_i_" + "x" * 43):
        query = {"email": "bob@example.com", "token": token}
        assert (await server.call(None, "GET", "/invites", **query)).status_code == 404
        answer = await server.call(None, "POST", "/invites", {**query, "accept": True})
        assert answer.status_code == 404


async def test_whoever_has_no_account_can_only_turn_an_invitation_down(server, ann):
    org_id, secret = await invited(server, ann, "who@example.com")
    body = {"email": "who@example.com", "token": secret}

    accepted = await server.call(None, "POST", "/invites", {**body, "accept": True})
    declined = await server.ok(None, "POST", "/invites", {**body, "accept": False})

    assert accepted.status_code == 400
    assert declined == {"accepted": False, "orgId": org_id}


async def test_accepting_again_keeps_the_role_one_has(server, ann, bob):
    org_id, _ = await invited(server, ann, "bob@example.com", "view")
    late = await server.ok(bob, "GET", "/me/invites")
    carl = await server.user(await server.sign_in(), "carl@example.com")
    proof = {"currentCredentials": {"password": PASSWORD}}
    await server.ok(bob, "PATCH", "/me", {"email": "robert@example.com", **proof})
    await server.ok(carl, "PATCH", "/me", {"email": "bob@example.com", **proof})

    answer = await server.call(bob, "POST", f"/me/invites/{late[0]['id']}", {"action": "accept"})

    assert answer.status_code == 404
    assert (await server.ok(carl, "GET", "/me/invites"))[0]["id"] == late[0]["id"]
    assert (await accept(server, carl))["orgId"] == org_id
    await server.ok(
        ann, "POST", f"/orgs/{org_id}/invites", {"email": "x@example.com", "role": "admin"}
    )
    await server.ok(carl, "PATCH", "/me", {"email": "x@example.com", **proof})
    await accept(server, carl)
    members = (await server.ok(carl, "GET", f"/orgs/{org_id}"))["members"]
    assert [each["role"] for each in members] == ["admin", "view"]


async def test_what_is_not_there_cannot_be_changed(server, ann):
    org = await server.ok(ann, "POST", "/orgs", {"name": "Works"})
    path = f"/orgs/{org['id']}"

    for method, tail, body in (
        ("PATCH", "/member", {"userId": NOWHERE, "role": "view"}),
        ("DELETE", f"/member?userId={NOWHERE}", None),
        ("DELETE", f"/invites?inviteId={NOWHERE}", None),
        ("GET", f"/tokens/{NOWHERE}", None),
    ):
        assert (await server.call(ann, method, path + tail, body)).status_code == 404
    assert (await server.call(ann, "DELETE", f"{path}/member?userId=x")).status_code == 400
    assert (await server.call(ann, "GET", f"/me/invites/{NOWHERE}")).status_code == 404


async def test_the_only_administrator_of_an_organisation_cannot_be_deleted(server, admin, ann):
    await server.ok(ann, "POST", "/orgs", {"name": "Works"})
    ann_id = (await server.ok(ann, "GET", "/me"))["userId"]

    answer = await server.call(admin, "DELETE", f"/admin/users/{ann_id}")

    assert answer.status_code == 400
    assert "Works" in answer.json()["message"]


async def test_a_session_can_be_ended(server, ann):
    caller = await server.access.gate.identify({"authorization": f"Bearer {ann}"})

    await server.access.sessions.end(caller)

    assert (await server.call(ann, "GET", "/me")).status_code == 401


@pytest.mark.parametrize(
    "email", ["", "x", "a@", "@b", "a b@c", "a@\nb", "x" * 600 + "@" + "y" * 600]
)
async def test_what_is_no_email_is_refused(server, admin, email):
    answer = await server.call(
        admin, "POST", "/admin/users", {"email": email, "password": PASSWORD}
    )

    assert (answer.status_code, answer.json()["type"]) == (400, "Validation")
