"""API tokens, users' keys and devices' access keys, over HTTP on each database."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio

from drover.app.access.device_check import DeviceCredentials, Presented
from drover.model.access import Role
from drover.model.errors import Unauthorized
from tests.support.access_server import ADMIN, PASSWORD, AccessServer

NOWHERE = "0" * 24


@pytest_asyncio.fixture
async def plant(server, ann):
    """The path of an application of Ann's."""
    return f"/applications/{await server.application(ann)}"


async def token_of(server, maker, path, **fields):
    made = await server.ok(maker, "POST", f"{path}/tokens", {"name": "t", **fields})
    return made["token"], f"{path}/tokens/{made['id']}"


# API tokens


async def test_the_text_of_a_token_is_shown_once(server, ann, plant):
    made = await server.ok(ann, "POST", f"{plant}/tokens", {"name": "mine"})

    assert made["scope"] == ["all.Application"]
    assert (made["ownerType"], made["creatorType"]) == ("application", "user")
    read = await server.ok(ann, "GET", f"{plant}/tokens/{made['id']}")
    listed = await server.ok(ann, "GET", f"{plant}/tokens")
    assert "token" not in read
    assert made["token"] not in str(listed)
    assert listed["items"][0]["apiTokenId"] == made["id"]


@pytest.mark.parametrize("act", ["DELETE", "inactive"])
async def test_a_revoked_token_is_refused_at_once(server, ann, plant, act):
    token, path = await token_of(server, ann, plant)
    assert (await server.call(token, "GET", plant)).status_code == 200

    if act == "DELETE":
        await server.ok(ann, "DELETE", path)
    else:
        await server.ok(ann, "PATCH", path, {"status": "inactive"})

    refused = await server.call(token, "GET", plant)
    assert refused.status_code == 401
    assert refused.json()["message"] == "Invalid access token"


async def test_an_inactive_token_can_be_made_active_again(server, ann, plant):
    token, path = await token_of(server, ann, plant, status="inactive")
    assert (await server.call(token, "GET", plant)).status_code == 401

    await server.ok(ann, "PATCH", path, {"status": "active"})

    assert (await server.call(token, "GET", plant)).status_code == 200


async def test_a_token_ends_on_its_date(server, ann, plant):
    token, _ = await token_of(server, ann, plant, expirationDate="2027-01-15T08:01:00Z")
    assert (await server.call(token, "GET", plant)).status_code == 200

    server.clock.advance(60)

    assert (await server.call(token, "GET", plant)).status_code == 401


async def test_a_token_cannot_end_before_it_begins(server, ann, plant):
    body = {"name": "t", "expirationDate": "2020-01-01T00:00:00Z"}

    assert (await server.call(ann, "POST", f"{plant}/tokens", body)).status_code == 400


async def test_scope_and_end_of_a_token_never_change(server, ann, plant):
    _, path = await token_of(server, ann, plant)

    for body in ({"scope": ["all.User"]}, {"expirationDate": "2099-01-01T00:00:00Z"}):
        assert (await server.call(ann, "PATCH", path, body)).status_code == 400


async def test_a_token_of_one_application_opens_no_other(server, ann, plant):
    other = f"/applications/{await server.application(ann)}"
    token, _ = await token_of(server, ann, plant)

    wrong = await server.call(token, "GET", f"{other}/devices")

    assert wrong.status_code == 404
    assert (
        wrong.content
        == (await server.call(token, "GET", f"/applications/{NOWHERE}/devices")).content
    )
    assert (await server.call(token, "GET", "/me")).status_code == 403
    assert (await server.call(token, "GET", "/applications")).status_code == 403
    assert (await server.call(token, "GET", "/admin/users")).status_code == 403


async def test_a_reading_token_only_reads(server, ann, plant):
    token, _ = await token_of(server, ann, plant, scope=["all.Application.read"])

    assert (await server.call(token, "GET", f"{plant}/devices")).status_code == 200
    assert (await server.call(token, "POST", f"{plant}/devices", {"name": "d"})).status_code == 403


async def test_singular_and_plural_scopes_differ(server, ann, plant):
    one, _ = await token_of(server, ann, plant, scope=["device.*"])
    many, _ = await token_of(server, ann, plant, scope=["devices.get"])

    assert (await server.call(one, "GET", f"{plant}/devices")).status_code == 403
    assert (await server.call(many, "GET", f"{plant}/devices")).status_code == 200
    assert (await server.call(many, "POST", f"{plant}/devices", {"name": "d"})).status_code == 403


async def test_a_bounded_token_does_everything_but_hand_out_access(server, ann, plant):
    token, _ = await token_of(server, ann, plant, scope=["all.Application.bounded"])

    assert (await server.call(token, "POST", f"{plant}/devices", {"name": "d"})).status_code == 201
    assert (await server.call(token, "POST", f"{plant}/tokens", {"name": "t"})).status_code == 403


async def test_a_token_makes_none_that_may_do_more(server, ann, plant):
    token, _ = await token_of(server, ann, plant, scope=["applicationApiTokens.*", "device.get"])
    path = f"{plant}/tokens"

    assert (await server.call(token, "POST", path, {"name": "t"})).status_code == 403
    wide = await server.call(token, "POST", path, {"name": "t", "scope": ["device.*"]})
    assert wide.status_code == 403
    assert "device.*" in wide.json()["message"]
    same = await server.call(token, "POST", path, {"name": "t", "scope": ["device.get"]})
    assert same.status_code == 201


@pytest.mark.parametrize("scope", ["all.User", "all.Organization", "me.get", "orgs.get"])
async def test_an_application_token_stays_within_the_application(server, ann, plant, scope):
    body = {"name": "t", "scope": [scope]}

    assert (await server.call(ann, "POST", f"{plant}/tokens", body)).status_code == 400


async def test_a_users_token_acts_as_the_user(server, ann, plant):
    token, path = await token_of(server, ann, "/me")

    assert (await server.call(token, "GET", plant)).status_code == 200
    assert (await server.call(token, "GET", "/me")).status_code == 200
    await server.ok(ann, "DELETE", path)
    assert (await server.call(token, "GET", "/me")).status_code == 401


async def test_users_tokens_are_their_own(server, admin, ann):
    _, path = await token_of(server, ann, "/me")

    assert (await server.call(admin, "GET", path)).status_code == 404
    assert (await server.call(admin, "DELETE", path)).status_code == 404


async def test_an_organisations_token_sees_its_applications(server, ann, plant):
    org = await server.ok(ann, "POST", "/orgs", {"name": "Works"})
    own = await server.application(ann, orgId=org["id"])
    token, _ = await token_of(server, ann, f"/orgs/{org['id']}")

    listed = await server.ok(token, "GET", "/applications")
    assert [each["id"] for each in listed["items"]] == [own]
    assert (await server.call(token, "GET", plant)).status_code == 404
    assert (await server.call(token, "GET", f"/orgs/{org['id']}")).status_code == 200
    assert (await server.call(token, "GET", "/me")).status_code == 403


async def test_the_tokens_of_a_deleted_application_are_void(server, ann, plant):
    token, _ = await token_of(server, ann, plant)
    assert (await server.call(token, "GET", plant)).status_code == 200

    await server.ok(ann, "DELETE", plant)

    assert (await server.call(token, "GET", plant)).status_code == 401


async def test_revocation_on_one_server_counts_on_another(server, ann, plant, database):
    other = AccessServer(database, server.clock)
    token, path = await token_of(server, ann, plant)
    assert (await other.call(token, "GET", plant)).status_code == 200

    await server.ok(ann, "DELETE", path)

    assert (await other.call(token, "GET", plant)).status_code == 401
    await other.close()


async def test_a_users_tokens_are_listed_changed_and_found_by_name(server, ann):
    _, path = await token_of(server, ann, "/me", description="mine")
    await server.ok(ann, "POST", "/me/tokens", {"name": "other"})

    changed = await server.ok(ann, "PATCH", path, {"name": "renamed", "status": "inactive"})

    assert (changed["name"], changed["description"]) == ("renamed", "mine")
    assert await server.ok(ann, "GET", path) == changed
    listed = await server.ok(ann, "GET", "/me/tokens?sortField=name&sortDirection=desc&perPage=1")
    assert [each["name"] for each in listed["items"]] == ["renamed"]
    assert (listed["count"], listed["totalCount"], listed["perPage"]) == (1, 2, 1)
    found = await server.ok(ann, "GET", "/me/tokens?filterField=status&filter=in*&_links=false")
    assert [each["name"] for each in found["items"]] == ["renamed"]
    assert "_links" not in found
    assert (await server.ok(ann, "GET", "/me/tokens?page=7&_actions=true"))["items"] == []


@pytest.mark.parametrize(
    "query", ["perPage=0", "perPage=1001", "page=-1", "sortField=token", "filterField=scope"]
)
async def test_a_list_that_cannot_be_given_is_refused(server, ann, query):
    assert (await server.call(ann, "GET", f"/me/tokens?{query}")).status_code == 400


async def test_there_is_a_most_of_everything(server, ann, plant, monkeypatch):
    for module, name, path, body in (
        ("tokens", "MOST_TOKENS", "/me/tokens", {"name": "t"}),
        ("account_keys", "MOST_KEYS", "/me/keys", {"name": "k"}),
        ("organizations", "MOST_ORGANIZATIONS", "/orgs", {"name": "o"}),
        ("issue", "MOST_KEYS", f"{plant}/keys", {}),
        ("issue", "MOST_TOKENS", f"{plant}/tokens", {"name": "t"}),
    ):
        monkeypatch.setattr(f"drover.app.access.{module}.{name}", 0)
        answer = await server.call(ann, "POST", path, body)
        assert (answer.status_code, answer.json()["type"]) == (429, "TooManyRequests")


@pytest.mark.parametrize("path", ["/me/tokens", "/me/keys"])
async def test_nothing_ends_before_it_begins(server, ann, path):
    for date in ("2020-01-01T00:00:00Z", "never", ""):
        body = {"name": "x", "expirationDate": date}
        assert (await server.call(ann, "POST", path, body)).status_code == 400


# Keys of users


async def test_a_key_shows_its_secrets_once_and_serves_both_dialects(server, ann):
    made = await server.ok(ann, "POST", "/me/keys", {"name": "box"})

    me = await server.ok(ann, "GET", "/me")
    by_userkey = await server.access.authenticator.authenticate_userkey(made["userkey"])
    by_secret = await server.access.authenticator.authenticate_key(made["keyId"], made["keySecret"])
    assert by_userkey == by_secret
    assert (by_userkey.number, by_userkey.guid) == (me["number"], me["guid"])
    assert by_userkey.role is Role.USER
    listed = await server.ok(ann, "GET", "/me/keys")
    assert made["userkey"] not in str(listed)
    assert made["keySecret"] not in str(listed)


@pytest.mark.parametrize("role", ["administrator"])
async def test_a_user_makes_no_key_above_their_own_role(server, ann, role):
    answer = await server.call(ann, "POST", "/me/keys", {"name": "k", "role": role})

    assert answer.status_code == 403


async def test_a_narrow_session_makes_no_wide_key(server, ann):
    narrow = await server.sign_in("ann@example.com", requestedScopes=["userKeys.post"])

    assert (await server.call(narrow, "POST", "/me/keys", {"name": "k"})).status_code == 403


async def test_a_deleted_or_expired_key_is_refused(server, ann):
    authenticator = server.access.authenticator
    made = await server.ok(ann, "POST", "/me/keys", {"name": "k"})
    brief = await server.ok(
        ann, "POST", "/me/keys", {"name": "b", "expirationDate": "2027-01-15T08:01:00Z"}
    )
    await authenticator.authenticate_userkey(brief["userkey"])

    await server.ok(ann, "DELETE", f"/me/keys/{made['keyId']}")
    server.clock.advance(60)

    for userkey in (made["userkey"], brief["userkey"], "", "x" * 600, ann):
        with pytest.raises(Unauthorized):
            await authenticator.authenticate_userkey(userkey)
    with pytest.raises(Unauthorized):
        await authenticator.authenticate_key(brief["keyId"], brief["keySecret"])
    with pytest.raises(Unauthorized):
        await authenticator.authenticate_key(NOWHERE, "")


async def test_a_key_loses_what_its_account_loses(server, admin):
    token = await server.user(admin, "second@example.com", "administrator")
    made = await server.ok(token, "POST", "/me/keys", {"name": "k", "role": "administrator"})
    authenticator = server.access.authenticator
    assert (await authenticator.authenticate_userkey(made["userkey"])).is_administrator

    user_id = (await server.ok(token, "GET", "/me"))["userId"]
    await server.ok(admin, "PATCH", f"/admin/users/{user_id}", {"role": "user"})

    caller = await authenticator.authenticate_userkey(made["userkey"])
    assert (caller.role, caller.is_administrator) == (Role.READ_ONLY, False)


async def test_email_and_password_work_for_each_request_until_they_change(server, admin):
    authenticator = server.access.authenticator
    first = await authenticator.authenticate_basic(ADMIN, PASSWORD)
    assert await authenticator.authenticate_basic(ADMIN, PASSWORD) == first
    with pytest.raises(Unauthorized):
        await authenticator.authenticate_basic(ADMIN, "wrong-one")

    body = {"password": PASSWORD, "newPassword": "Even-better-horse-10"}
    await server.ok(admin, "PATCH", "/me/changePassword", body)

    with pytest.raises(Unauthorized):
        await authenticator.authenticate_basic(ADMIN, PASSWORD)


# Access keys and devices


async def device_in(server, ann, plant, **fields):
    made = await server.ok(ann, "POST", f"{plant}/devices", {"name": "d", **fields})
    return made["deviceId"]


async def sign_in(server, key, device_id, **more):
    body = {"deviceId": device_id, "key": key["key"], "secret": key["secret"], **more}
    return await server.call(None, "POST", "/auth/device", body)


async def test_a_device_signs_in_with_a_key_of_its_application(server, ann, plant):
    device_id = await device_in(server, ann, plant)
    key = await server.ok(ann, "POST", f"{plant}/keys", {"pubTopics": ["a/b"]})

    signed = (await sign_in(server, key, device_id)).json()

    assert signed["applicationId"] == plant.rpartition("/")[2]
    assert (signed["deviceId"], signed["deviceClass"]) == (device_id, "standalone")
    assert (signed["ownerType"], signed["filterType"]) == ("user", "all")
    assert signed["pubTopics"] == ["a/b"]
    path = f"{plant}/devices/{device_id}"
    assert (await server.call(signed["token"], "GET", path)).status_code == 200
    assert (await server.call(signed["token"], "DELETE", path)).status_code == 403
    assert (await server.call(signed["token"], "GET", plant)).status_code == 403


async def test_whatever_is_wrong_a_device_is_refused_alike(server, ann, plant):
    device_id = await device_in(server, ann, plant)
    key = await server.ok(ann, "POST", f"{plant}/keys", {})
    other = f"/applications/{await server.application(ann)}"
    foreign = await server.ok(ann, "POST", f"{other}/keys", {})
    limited = await server.ok(ann, "POST", f"{plant}/keys", {"deviceIds": [NOWHERE]})
    inactive = await server.ok(ann, "POST", f"{plant}/keys", {})
    await server.ok(ann, "PATCH", f"{plant}/keys/{inactive['id']}", {"status": "inactive"})

    answers = [
        await sign_in(server, {**key, "secret": "wrong"}, device_id),
        await sign_in(server, {**key, "key": "wrong"}, device_id),
        await sign_in(server, key, NOWHERE),
        await sign_in(server, foreign, device_id),
        await sign_in(server, limited, device_id),
        await sign_in(server, inactive, device_id),
        await server.call(None, "POST", "/auth/device", {"deviceId": device_id}),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


async def test_who_fails_in_a_devices_place_is_locked_out_and_does_not_keep_it_out(
    server, ann, plant
):
    device_id = await device_in(server, ann, plant)
    key = await server.ok(ann, "POST", f"{plant}/keys", {})

    failed = [await sign_in(server, {**key, "secret": "wrong"}, device_id) for _ in range(11)]
    right = await sign_in(server, key, device_id)

    assert [each.status_code for each in failed] == [401] * 10 + [429]
    assert failed[-1].json()["type"] == "AccountLocked"
    assert right.status_code == 200


async def test_a_device_that_comes_many_times_at_once_is_known_each_time(server, ann, plant):
    device_id = await device_in(server, ann, plant)
    key = await server.ok(ann, "POST", f"{plant}/keys", {})
    given = DeviceCredentials(device_id=device_id, key=key["key"], secret=key["secret"])

    found = await server.access.devices.verify_all([Presented(given)] * 30)

    assert [getattr(each, "device_id", each) for each in found] == [device_id] * 30


async def test_a_device_sees_itself_and_what_its_key_covers(server, ann, plant):
    mine = await device_in(server, ann, plant, tags=[{"key": "floor", "value": "1"}])
    same = await device_in(server, ann, plant, tags=[{"key": "floor", "value": "1"}])
    listed = await device_in(server, ann, plant)
    hidden = await device_in(server, ann, plant, tags=[{"key": "floor", "value": "2"}])
    body = {"deviceIds": [listed.upper()], "deviceTags": [{"key": "floor", "value": "1"}]}
    key = await server.ok(ann, "POST", f"{plant}/keys", body)
    token = (await sign_in(server, key, mine)).json()["token"]

    seen = await server.ok(token, "GET", f"{plant}/devices")

    assert {each["id"] for each in seen["items"]} == {mine, same, listed}
    out_of_sight = await server.call(token, "GET", f"{plant}/devices/{hidden}")
    missing = await server.call(token, "GET", f"{plant}/devices/{NOWHERE}")
    assert out_of_sight.status_code == 404
    assert out_of_sight.content == missing.content
    assert (await server.call(token, "GET", f"{plant}/devices/{same}")).status_code == 200


@pytest.mark.parametrize("act", ["delete key", "switch key off", "delete device"])
async def test_a_devices_session_ends_with_its_key_and_with_itself(server, ann, plant, act):
    device_id = await device_in(server, ann, plant)
    key = await server.ok(ann, "POST", f"{plant}/keys", {})
    token = (await sign_in(server, key, device_id)).json()["token"]
    path = f"{plant}/devices/{device_id}"
    assert (await server.call(token, "GET", path)).status_code == 200

    if act == "delete key":
        await server.ok(ann, "DELETE", f"{plant}/keys/{key['id']}")
    elif act == "switch key off":
        await server.ok(ann, "PATCH", f"{plant}/keys/{key['id']}", {"status": "inactive"})
    else:
        await server.ok(ann, "DELETE", path)

    assert (await server.call(token, "GET", path)).status_code == 401


@pytest.mark.parametrize(
    ("kind", "addresses", "status"),
    [
        ("whitelist", ["10.0.0.0/8"], 401),
        ("whitelist", ["127.0.0.1"], 200),
        ("whitelist", [], 401),
        ("blacklist", ["127.0.0.0/8"], 401),
        ("blacklist", ["10.0.0.1"], 200),
        ("all", ["10.0.0.1"], 200),
    ],
)
async def test_a_key_works_only_from_its_addresses(server, ann, plant, kind, addresses, status):
    device_id = await device_in(server, ann, plant)
    body = {"addressFilterType": kind, "addresses": addresses}
    key = await server.ok(ann, "POST", f"{plant}/keys", body)

    assert (await sign_in(server, key, device_id)).status_code == status


async def test_a_device_asks_only_for_scopes_of_devices(server, ann, plant):
    device_id = await device_in(server, ann, plant)
    key = await server.ok(ann, "POST", f"{plant}/keys", {})

    wide = await sign_in(server, key, device_id, requestedScopes=["all.Application"])
    narrow = await sign_in(server, key, device_id, requestedScopes=["device.sendState"])

    assert wide.status_code == 400
    token = narrow.json()["token"]
    assert (await server.call(token, "GET", f"{plant}/devices")).status_code == 403


async def test_keys_are_listed_newest_first_without_secrets(server, ann, plant):
    first = await server.ok(ann, "POST", f"{plant}/keys", {"name": "a"})
    server.clock.advance(1)
    second = await server.ok(ann, "POST", f"{plant}/keys", {"name": "b", "deviceIds": [NOWHERE]})

    listed = await server.ok(ann, "GET", f"{plant}/keys")

    assert [each["id"] for each in listed["items"]] == [second["id"], first["id"]]
    assert first["secret"] not in str(listed)
    query = await server.call(
        ann, "GET", f"{plant}/keys", query=json.dumps({"deviceIds": {"$eq": NOWHERE}})
    )
    assert [each["name"] for each in query.json()["items"]] == ["b"]


async def test_an_address_that_is_none_is_refused(server, ann, plant):
    answer = await server.call(ann, "POST", f"{plant}/keys", {"addresses": ["10.0.0.0/99"]})

    assert answer.status_code == 400
    assert "addresses" in str(answer.json())


@pytest.mark.parametrize(
    "body",
    [
        {"status": "inactive"},
        {"secret": "mine"},
        {"key": "mine"},
        {"id": NOWHERE},
        {"deviceIds": ["x"]},
        {"deviceTags": [{"key": "a b", "value": "c"}]},
        {"filterType": "some"},
        {"pubTopics": [""]},
        {"addresses": ["1"] * 101},
    ],
)
async def test_what_a_key_cannot_be_made_of_is_refused(server, ann, plant, body):
    assert (await server.call(ann, "POST", f"{plant}/keys", body)).status_code == 400
