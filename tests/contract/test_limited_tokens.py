"""API tokens that may do less than their owner, over HTTP on each database."""

from __future__ import annotations

import pytest
import pytest_asyncio


@pytest_asyncio.fixture
async def world(server, ann):
    """An organisation, two applications of it, and one of the user's own."""
    org = (await server.ok(ann, "POST", "/orgs", {"name": "Works"}))["id"]
    first, second = [await server.application(ann, orgId=org) for _ in range(2)]
    return {"org": org, "first": first, "second": second, "own": await server.application(ann)}


async def token(server, ann, **limits):
    made = await server.ok(ann, "POST", "/me/tokens", {"name": "narrow", **limits})
    return made["token"], f"/me/tokens/{made['id']}", made


async def can(server, token, application):
    """What a token can do in an application: look, change, delete."""
    at = f"/applications/{application}"
    look = (await server.call(token, "GET", at)).status_code
    change = (await server.call(token, "POST", f"{at}/devices", {"name": "d"})).status_code
    return look, change


async def test_a_default_role_lowers_what_a_token_can_do_everywhere(server, ann, world):
    viewer, _, made = await token(server, ann, defaultRole="view")

    assert made["defaultRole"] == "view"
    for application in (world["first"], world["own"]):
        assert await can(server, viewer, application) == (200, 403)
    refused = await server.call(viewer, "POST", "/applications", {"name": "new"})
    assert refused.status_code == 403
    assert (await server.ok(viewer, "GET", "/applications"))["totalCount"] == 3


async def test_roles_are_limited_by_organization_and_by_application(server, ann, world):
    roles = [
        {
            "orgId": world["org"].upper(),
            "role": "view",
            "applicationRoles": [
                {"resourceId": world["first"].upper(), "role": "collaborate"},
            ],
        },
        {"orgId": "sandbox", "role": "none"},
    ]
    narrow, _, made = await token(server, ann, orgRoles=roles)

    assert made["orgRoles"][0]["role"] == "view"
    assert await can(server, narrow, world["first"]) == (200, 201)
    assert await can(server, narrow, world["second"]) == (200, 403)
    assert await can(server, narrow, world["own"]) == (404, 404)
    listed = await server.ok(narrow, "GET", "/applications")
    assert {each["id"] for each in listed["items"]} == {world["first"], world["second"]}
    assert (
        await server.call(narrow, "PATCH", f"/orgs/{world['org']}", {"name": "x"})
    ).status_code == 403


async def test_what_is_not_listed_is_out_of_reach_without_a_default_role(server, ann, world):
    narrow, _, _ = await token(server, ann, orgRoles=[{"orgId": "sandbox", "role": "edit"}])

    assert await can(server, narrow, world["own"]) == (200, 201)
    assert await can(server, narrow, world["first"]) == (404, 404)
    assert (await server.call(narrow, "GET", f"/orgs/{world['org']}")).status_code == 404
    assert (await server.ok(narrow, "GET", "/me"))["summary"]["appCount"] == 1


async def test_a_limit_never_raises_a_role(server, ann, world):
    bob = await server.user(await server.sign_in(), "bob@example.com")
    invite = {"email": "bob@example.com", "role": "view"}
    await server.ok(ann, "POST", f"/orgs/{world['org']}/invites", invite)
    own = (await server.ok(bob, "GET", "/me/invites"))[0]["id"]
    await server.ok(bob, "POST", f"/me/invites/{own}", {"action": "accept"})

    wide, _, _ = await token(server, bob, defaultRole="admin")

    assert await can(server, wide, world["first"]) == (200, 403)
    assert await can(server, wide, world["own"]) == (404, 404)


async def test_a_limited_token_of_an_administrator_is_no_administrator(server, ann, world):
    admin = await server.sign_in()
    narrow, _, _ = await token(server, admin, defaultRole="view")

    assert (await server.call(narrow, "GET", "/admin/users")).status_code == 403
    assert await can(server, narrow, world["own"]) == (404, 404)


async def test_a_limited_token_hands_out_no_access(server, ann, world):
    narrow, at, _ = await token(server, ann, defaultRole="edit")
    for method, path, body in (
        ("POST", "/me/tokens", {"name": "wide"}),
        ("PATCH", at, {"defaultRole": "admin"}),
        ("POST", "/me/keys", {"name": "wide"}),
        ("POST", f"/applications/{world['own']}/tokens", {"name": "wide"}),
        ("POST", f"/orgs/{world['org']}/invites", {"email": "x@example.com", "role": "admin"}),
        ("PATCH", "/me", {"firstName": "Eve"}),
    ):
        assert (await server.call(narrow, method, path, body)).status_code == 403, path


async def test_changing_the_limit_counts_at_once(server, ann, world):
    narrow, at, _ = await token(server, ann, defaultRole="view")
    assert await can(server, narrow, world["own"]) == (200, 403)

    changed = await server.ok(ann, "PATCH", at, {"defaultRole": "edit"})

    assert changed["defaultRole"] == "edit"
    assert await can(server, narrow, world["own"]) == (200, 201)
    await server.ok(ann, "PATCH", at, {"orgRoles": [{"orgId": "sandbox", "role": "none"}]})
    assert await can(server, narrow, world["own"]) == (404, 404)


async def test_a_token_of_an_application_can_be_limited_too(server, ann, world):
    at = f"/applications/{world['first']}/tokens"
    made = await server.ok(ann, "POST", at, {"name": "narrow", "defaultRole": "view"})

    assert (made["defaultRole"], "orgRoles" in made) == ("view", False)
    assert await can(server, made["token"], world["first"]) == (200, 403)
    assert await can(server, made["token"], world["second"]) == (404, 404)
    roles = [{"orgId": world["org"], "role": "edit"}]
    await server.ok(ann, "PATCH", f"{at}/{made['id']}", {"orgRoles": roles})
    assert await can(server, made["token"], world["first"]) == (200, 201)
    await server.ok(ann, "PATCH", f"{at}/{made['id']}", {"defaultRole": "none", "orgRoles": []})
    assert await can(server, made["token"], world["first"]) == (404, 404)


async def test_a_limited_token_of_an_organization_sees_what_its_roles_allow(server, ann, world):
    at = f"/orgs/{world['org']}/tokens"
    role = {"resourceId": world["second"], "role": "none"}
    roles = [{"orgId": world["org"], "role": "view", "applicationRoles": [role]}]
    made = await server.ok(ann, "POST", at, {"name": "narrow", "orgRoles": roles})

    assert await can(server, made["token"], world["first"]) == (200, 403)
    assert await can(server, made["token"], world["second"]) == (404, 404)
    listed = await server.ok(made["token"], "GET", "/applications")
    assert [each["id"] for each in listed["items"]] == [world["first"]]


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"defaultRole": "owner"}, "defaultRole"),
        ({"orgRoles": [{"role": "view"}]}, "orgId"),
        ({"orgRoles": [{"orgId": "cellar", "role": "view"}]}, "orgId"),
        ({"orgRoles": [{"orgId": "sandbox", "role": "view"}] * 26}, "orgRoles"),
        ({"orgRoles": [{"orgId": "sandbox", "role": "view", "x": 1}]}, "x"),
        (
            {
                "orgRoles": [
                    {
                        "orgId": "sandbox",
                        "role": "view",
                        "applicationRoles": [{"resourceId": "ab" * 12, "role": "admin"}],
                    }
                ]
            },
            "role",
        ),
    ],
)
async def test_a_limit_that_is_none_is_refused(server, ann, world, limits, told):
    for at in ("/me/tokens", f"/applications/{world['own']}/tokens"):
        answer = await server.call(ann, "POST", at, {"name": "narrow", **limits})

        assert answer.status_code == 400, at
        assert told in answer.json()["message"]
