"""Applications that change hands, accounts that go, and what was looked at, on each database."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.support.access_server import PASSWORD

NOBODY = "ab" * 12


@pytest_asyncio.fixture
async def org(server, ann):
    return (await server.ok(ann, "POST", "/orgs", {"name": "Works"}))["id"]


def to_org(org, *applications, **more):
    return {
        "destinationId": org,
        "destinationType": "organization",
        "applicationIds": list(applications),
        **more,
    }


async def test_a_user_gives_applications_to_an_organization(server, ann, org):
    mine, kept = await server.application(ann), await server.application(ann)

    answer = await server.ok(ann, "PATCH", "/me/transferResources", to_org(org, mine.upper()))

    assert answer == {"success": True}
    moved = await server.ok(ann, "GET", f"/applications/{mine}")
    assert (moved["ownerId"], moved["ownerType"]) == (org, "organization")
    assert moved["organizationName"] == "Works"
    assert (await server.ok(ann, "GET", f"/applications/{kept}"))["ownerType"] == "user"


async def test_an_organization_gives_applications_back_to_its_administrator(server, ann, org):
    me = (await server.ok(ann, "GET", "/me"))["id"]
    app = await server.application(ann, orgId=org)
    body = {"destinationId": me, "destinationType": "user", "applicationIds": [app]}

    await server.ok(ann, "PATCH", f"/orgs/{org}/transferResources", body)

    assert (await server.ok(ann, "GET", f"/applications/{app}"))["ownerId"] == me


async def test_who_saw_it_before_sees_it_no_more(server, ann, org):
    """What servers remember of roles is void at once."""
    bob = await server.user(await server.sign_in(), "bob@example.com")
    await server.ok(
        ann, "POST", f"/orgs/{org}/invites", {"email": "bob@example.com", "role": "view"}
    )
    invite = (await server.ok(bob, "GET", "/me/invites"))[0]["id"]
    await server.ok(bob, "POST", f"/me/invites/{invite}", {"action": "accept"})
    app = await server.application(ann, orgId=org)
    assert (await server.call(bob, "GET", f"/applications/{app}")).status_code == 200
    me = (await server.ok(ann, "GET", "/me"))["id"]
    body = {"destinationId": me, "destinationType": "user", "applicationIds": [app]}

    viewer = await server.call(bob, "PATCH", f"/orgs/{org}/transferResources", body)
    await server.ok(ann, "PATCH", f"/orgs/{org}/transferResources", body)

    assert viewer.status_code == 403
    assert (await server.call(bob, "GET", f"/applications/{app}")).status_code == 404


async def test_what_is_not_the_owners_is_passed_over_or_refused_when_strict(server, ann, org):
    mine = await server.application(ann)
    theirs = await server.application(await server.sign_in())
    strict = to_org(org, mine, theirs, strict=True)

    refused = await server.call(ann, "PATCH", "/me/transferResources", strict)

    assert (refused.status_code, theirs in refused.json()["message"]) == (400, True)
    assert (await server.ok(ann, "GET", f"/applications/{mine}"))["ownerType"] == "user"
    await server.ok(ann, "PATCH", "/me/transferResources", to_org(org, mine, theirs))
    assert (await server.ok(ann, "GET", f"/applications/{mine}"))["ownerId"] == org
    admin = await server.sign_in()
    assert (await server.ok(admin, "GET", f"/applications/{theirs}"))["ownerId"] != org


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"destinationId": NOBODY}, "destinationId"),
        ({"destinationId": NOBODY, "destinationType": "user"}, "destinationId"),
        ({"destinationType": "user"}, "destinationId"),
        ({"destinationType": "team"}, "destinationType"),
        ({"applicationIds": []}, "applicationIds"),
        ({"applicationIds": ["short"]}, "applicationIds"),
        ({"dashboardIds": [NOBODY], "strict": True}, "dashboardIds"),
        ({"all": True}, "all"),
    ],
)
async def test_a_transfer_that_makes_no_sense_is_refused(server, ann, org, change, told):
    app = await server.application(ann)

    answer = await server.call(ann, "PATCH", "/me/transferResources", to_org(org, app) | change)

    assert answer.status_code == 400
    assert told in answer.json()["message"]
    assert (await server.ok(ann, "GET", f"/applications/{app}"))["ownerType"] == "user"


async def test_users_delete_themselves_with_their_password(server, ann):
    body = {"email": "ann@example.com", "password": PASSWORD}
    wrong = await server.call(ann, "POST", "/me/delete", body | {"password": "not-this-one"})
    other = await server.call(ann, "POST", "/me/delete", body | {"email": "bob@example.com"})
    app = await server.application(ann)
    owning = await server.call(ann, "POST", "/me/delete", body)
    await server.ok(ann, "DELETE", f"/applications/{app}")

    assert (wrong.status_code, other.status_code, owning.status_code) == (401, 400, 400)
    assert await server.ok(ann, "POST", "/me/delete", body) == {"success": True}
    assert (await server.call(ann, "GET", "/me")).status_code == 401
    assert (await server.call(None, "POST", "/auth/user", body)).status_code == 401


async def test_a_user_is_shown_with_the_counts_that_are_wanted(server, ann, org):
    app = await server.application(ann, orgId=org)
    for name in ("a", "b"):
        await server.ok(ann, "POST", f"/applications/{app}/devices", {"name": name})
    everything = (await server.ok(ann, "GET", "/me"))["summary"]
    some = await server.call(ann, "GET", "/me", summaryInclude="deviceCount,orgCount")
    less = await server.call(ann, "GET", "/me", summaryExclude="deviceCount")
    of_org = await server.call(ann, "GET", f"/orgs/{org}", summaryInclude="memberCount,deviceCount")

    assert (everything["appCount"], everything["deviceCount"], everything["flowCount"]) == (1, 2, 0)
    assert some.json()["summary"] == {"deviceCount": 2, "orgCount": 1}
    assert "deviceCount" not in less.json()["summary"]
    assert of_org.json()["summary"] == {"memberCount": 1, "deviceCount": 2}
    assert (await server.ok(ann, "PATCH", "/me/disconnectGithub"))["summary"] == everything
    assert await server.ok(ann, "POST", "/me/verify-email") == {"success": True}


async def recent(server, token, item_type, item_id, parent=None):
    body = {"itemType": item_type, "itemId": item_id} | ({"parentId": parent} if parent else {})
    return await server.ok(token, "POST", "/me/recentItems", body)


async def test_what_was_looked_at_is_listed_newest_first_and_once(server, ann, org):
    one, two = await server.application(ann, name="One"), await server.application(ann, name="Two")
    for each in (one, two, one.upper()):
        found = await recent(server, ann, "application", each)

    assert found == {
        "itemType": "application",
        "items": [{"id": one, "name": "One"}, {"id": two, "name": "Two"}],
    }
    device = (await server.ok(ann, "POST", f"/applications/{one}/devices", {"name": "d"}))["id"]
    inside = await recent(server, ann, "device", device, one)
    assert (inside["parentId"], inside["items"]) == (one, [{"id": device, "name": "d"}])
    await recent(server, ann, "organization", org)
    listed = await server.call(ann, "GET", "/me/recentItems", itemType="application")
    assert listed.json() == found
    me = (await server.call(ann, "GET", "/me", includeRecent="true")).json()
    assert me["recentApplications"] == found
    assert me["recentOrganizations"]["items"] == [{"id": org, "name": "Works"}]
    assert me["recentDashboards"]["items"] == []
    await server.ok(ann, "DELETE", f"/applications/{one}")
    left = await server.call(ann, "GET", "/me/recentItems", itemType="application")
    assert [each["id"] for each in left.json()["items"]] == [two]


async def test_ten_recent_items_are_kept(server, ann):
    made = [await server.application(ann, name=f"n{n}") for n in range(12)]
    for each in made:
        found = await recent(server, ann, "application", each)

    assert [each["id"] for each in found["items"]] == made[:1:-1]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"itemType": "application", "itemId": NOBODY}, "itemId"),
        ({"itemType": "dashboard", "itemId": NOBODY}, "itemId"),
        ({"itemType": "organization", "itemId": NOBODY}, "itemId"),
        ({"itemType": "device", "itemId": NOBODY}, "parentId"),
        ({"itemType": "device", "itemId": NOBODY, "parentId": NOBODY}, "itemId"),
        ({"itemType": "webhook", "itemId": NOBODY}, "itemType"),
        ({"itemType": "application"}, "itemId"),
    ],
)
async def test_what_is_not_there_was_not_looked_at(server, ann, body, told):
    answer = await server.call(ann, "POST", "/me/recentItems", body)

    assert (answer.status_code, told in answer.json()["message"]) == (400, True)


async def test_another_tenants_items_are_not_there(server, ann):
    admin = await server.sign_in()
    theirs = await server.application(admin)
    device = (await server.ok(admin, "POST", f"/applications/{theirs}/devices", {"name": "d"}))[
        "id"
    ]
    for body in (
        {"itemType": "application", "itemId": theirs},
        {"itemType": "device", "itemId": device, "parentId": theirs},
    ):
        seen = await server.call(ann, "POST", "/me/recentItems", body)
        missing = await server.call(
            ann,
            "POST",
            "/me/recentItems",
            {key: NOBODY if value in (theirs, device) else value for key, value in body.items()},
        )
        assert (seen.status_code, seen.content) == (400, missing.content)
