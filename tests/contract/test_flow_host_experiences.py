"""What running workflows do with experience users and groups, on each database."""

import asyncio

import pytest

from drover.app.experience_sign_in import ExperienceSignIn
from drover.kinds.device import KIND as DEVICE
from drover.kinds.experience_group import KIND as GROUP
from tests.contract.flow_host_world import NOBODY, World

PASSWORD = "correct horse battery"
FIND = {"many": False, "sortField": "id", "sortDirection": "asc"}


@pytest.fixture
async def world(database):
    return await World(database).prepare()


async def person(world, email="Ada@Example.com", **more):
    body = {"email": email, "password": PASSWORD, **more}
    return await world.result("user.create", body=body)


async def test_users_are_made_found_changed_and_deleted(world):
    made = await person(world, userTags={"team": "red", "floor": "1"})

    for wanted in (
        {"method": "emailOrId", "value": made["id"]},
        {"method": "emailOrId", "value": "ADA@example.com"},
        {"method": "userTags", "tags": [{"key": "team", "value": "red"}, {"key": "floor"}]},
        {"method": "query", "query": {"email": "ada@example.com"}},
    ):
        found = await world.result("user.find", **wanted, **FIND)
        assert [each["id"] for each in found["items"]] == [made["id"]], wanted
        assert found["items"][0]["experienceUserId"] == made["id"]
        assert "password" not in found["items"][0]
    other = {"method": "userTags", "tags": [{"key": "team", "value": "red"}, {"key": "no"}]}
    assert (await world.result("user.find", **other, **FIND))["items"] == []

    changed = await world.result(
        "user.update",
        user="ada@example.com",
        body={"firstName": "Ada"},
        mergeTags={"team": None, "floor": "2"},
    )
    assert (changed["firstName"], changed["userTags"]) == ("Ada", {"floor": "2"})
    assert await world.result("user.delete", user=made["id"]) is True
    told = ("NotFound", "Experience user was not found")
    for named in (made["id"], "ada@example.com", "", "nonsense"):
        assert await world.error("user.delete", user=named) == told


async def test_a_user_of_another_application_is_nobody(world):
    made = await person(world)
    other = await world.make(world.server.catalog.kinds["application"], {"name": "Other"}, "")
    own, world.application = world.application, other

    assert await world.error("user.update", user=made["id"], body={}) == (
        "NotFound",
        "Experience user was not found",
    )
    sign_in = {"email": "ada@example.com", "password": PASSWORD}
    assert await world.result("user.authenticate", **sign_in) is None
    world.application = own
    token = await world.result("user.token", user=made["id"])
    world.application = other
    assert await world.result("user.authenticate", token=token) is None


async def test_a_user_signs_in_by_password_and_then_by_token(world):
    made = await person(world)

    signed = await world.result(
        "user.authenticate",
        email="ada@EXAMPLE.com ",
        password=PASSWORD,
        makesToken=True,
        ttlMs=60_000,
        extra={"role": "guest"},
    )
    token = signed["token"]
    again = await world.result("user.authenticate", token=token)

    assert signed["user"]["id"] == again["user"]["id"] == made["id"]
    assert signed["user"]["lastLogin"]
    both = {"token": token, "email": "ada@example.com"}
    assert (await world.result("user.authenticate", **both))["user"]["id"] == made["id"]
    assert await world.result("user.authenticate", **{**both, "email": "x@y.z"}) is None
    every = {**both, "password": PASSWORD}
    assert (await world.result("user.authenticate", **every))["user"]["id"] == made["id"]
    assert await world.result("user.authenticate", **{**every, "password": "wrong one"}) is None


@pytest.mark.parametrize(
    "credentials",
    [
        {"email": "ada@example.com", "password": "wrong password"},
        {"email": "ada@example.com", "password": ""},
        {"email": "", "password": PASSWORD},
        {"email": "nobody@example.com", "password": PASSWORD},
        {"token": ""},
        {"token": "a.b.c"},
        {"token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."},
    ],
)
async def test_strangers_do_not_sign_in(world, credentials):
    await person(world)

    assert await world.result("user.authenticate", **credentials) is None


async def test_guessing_passwords_is_stopped(world):
    await person(world)
    wrong = {"email": "ada@example.com", "password": "wrong password"}

    for _ in range(10):
        assert await world.result("user.authenticate", **wrong) is None

    right = {**wrong, "password": PASSWORD}
    assert await world.result("user.authenticate", **right) is None


async def test_a_token_ends_by_its_time_and_when_tokens_are_cut_off(world):
    made = await person(world)
    short = await world.result("user.token", user=made["id"], ttlMs=1)
    before = await world.result("user.token", user=made["id"])

    async with asyncio.timeout(60):
        while await world.result("user.authenticate", token=short) is not None:
            await asyncio.sleep(0.05)
    assert await world.result("user.authenticate", token=before) is not None
    after = await world.result("user.token", user=made["id"], cutOff=True, login=True)

    assert await world.result("user.authenticate", token=before) is None
    assert (await world.result("user.authenticate", token=after))["user"]["lastLogin"]
    shown = await world.result("user.update", user=made["id"], body={}, cutOff=True)
    assert shown["tokenCutoff"]


async def test_a_token_of_a_deleted_user_is_good_for_nothing(world):
    made = await person(world)
    token = await world.result("user.token", user=made["id"])

    await world.result("user.delete", user=made["id"])

    assert await world.result("user.authenticate", token=token) is None


async def test_a_token_tells_its_extra_data_and_its_end(world):
    made = await person(world)
    token = await world.result("user.token", user=made["id"], ttlMs=60_000, extra={"a": [1]})

    signed = await world.server.services[ExperienceSignIn].by_token(world.application, token)

    assert signed.extra == {"a": [1]}
    assert signed.expires_ms > 0


async def test_groups_are_made_found_and_changed(world):
    ada, bob = await person(world), await person(world, "bob@example.com")
    body = {"name": "North", "groupTags": {"a": "1", "b": "2"}}
    made = await world.result("group.create", body=body)

    for wanted in (
        {"method": "id", "value": made["id"].upper()},
        {"method": "name", "value": "North"},
        {"method": "findByAllTags", "tags": [{"key": "a"}, {"key": "b"}]},
        {"method": "findByAnyTags", "tags": [{"key": "z"}, {"key": "b", "value": "2"}]},
        {"method": "query", "query": {"name": "North"}},
    ):
        found = await world.result("group.find", **wanted, **{**FIND, "many": True})
        assert [each["id"] for each in found["items"]] == [made["id"]], wanted
    for wanted in ({"method": "id", "value": "x"}, {"method": "name", "value": "north"}):
        assert (await world.result("group.find", **wanted, **FIND))["items"] == []

    named = {"id": made["id"], "body": {"description": "cold"}}
    changed = await world.result(
        "group.update", **named, added=[ada["id"], "bob@example.com"], mergeTags={"a": None}
    )
    assert sorted(changed["experienceUserIds"]) == sorted([ada["id"], bob["id"]])
    assert (changed["description"], changed["groupTags"]) == ("cold", {"b": "2"})
    changed = await world.result("group.update", **named, removed=["bob@example.com"])
    assert changed["experienceUserIds"] == [ada["id"]]
    changed = await world.result("group.update", **named, replacement=[bob["id"]])
    assert changed["experienceUserIds"] == [bob["id"]]
    unknown = ("NotFound", "Experience user was not found")
    assert await world.error("group.update", **named, added=["x@y.z"]) == unknown
    missing = ("NotFound", "Experience group was not found")
    for group_id in (NOBODY, "nonsense"):
        assert await world.error("group.update", id=group_id, body={}) == missing
        assert await world.error("group.summary", id=group_id) == missing


async def test_users_added_at_the_same_time_are_all_in(world):
    group = await world.make(GROUP, {"name": "North"})
    people = [await person(world, f"u{number}@example.com") for number in range(6)]

    requests = [{"id": group, "body": {}, "added": [each["id"]]} for each in people]
    answers = await world.ask("group.update", *requests)

    assert all("result" in answer for answer in answers), answers
    last = await world.result("group.find", method="id", value=group, **FIND)
    assert sorted(last["items"][0]["experienceUserIds"]) == sorted(e["id"] for e in people)


async def test_users_of_a_group_above_are_in_those_below_and_reach_their_devices(world):
    ada = await person(world)
    pump = await world.make(DEVICE, {"name": "Pump"})
    top = await world.make(GROUP, {"name": "Top", "experienceUserIds": [ada["id"]]})
    below = await world.make(GROUP, {"name": "Below", "parentId": top, "deviceIds": [pump]})
    aside = await world.make(GROUP, {"name": "Aside"})

    for user in (ada["id"], "ada@example.com"):
        assert await world.result("group.hasUser", user=user, group=top) is True
        assert await world.result("group.hasUser", user=user, group=below) is True
        assert await world.result("group.hasUser", user=user, group=aside) is False
    for stranger in ("x@y.z", NOBODY, "nonsense"):
        assert await world.result("group.hasUser", user=stranger, group=top) is False
    of_user = {"device": pump, "holder": ada["id"], "holderType": "experienceUser"}
    assert await world.result("group.hasDevice", **of_user) is True
    assert await world.result("group.hasDevice", **{**of_user, "device": NOBODY}) is False
    assert await world.result("group.hasDevice", **{**of_user, "device": "nonsense"}) is False
    assert await world.result("group.hasDevice", **{**of_user, "holder": "x@y.z"}) is False
    of_group = {"device": pump, "holder": below, "holderType": "experienceGroup"}
    assert await world.result("group.hasDevice", **of_group) is True
    assert await world.result("group.hasDevice", **{**of_group, "holder": aside}) is False
    assert await world.result("group.hasDevice", **{**of_group, "holder": "x"}) is False
    summary = await world.result("group.summary", id=top)
    assert summary["userCount"] == summary["descendantCount"] == summary["totalDeviceCount"] == 1
    assert summary["directDeviceCount"] == 0


async def test_bad_fields_are_told_and_nothing_is_made(world):
    told, message = await world.error("user.create", body={"email": "x@y.z", "password": "short"})

    assert told == "Validation"
    assert "password" in message
    found = await world.result("user.find", method="emailOrId", value="x@y.z", **FIND)
    assert found["items"] == []
    assert (await world.error("user.find", method="query", query={"nope": 1}, **FIND))[0] == (
        "Validation"
    )
