"""What running workflows do with devices, on each database."""

import msgspec
import pytest

from drover.kinds.device import KIND as DEVICE
from tests.contract.flow_host_world import NOBODY, World


@pytest.fixture
async def world(database):
    return await World(database).prepare()


async def test_devices_are_made_found_changed_and_deleted(world):
    body = {
        "name": "Pump",
        "tags": [{"key": "a", "value": "1"}],
        "attributes": [{"name": "t", "dataType": "number"}],
    }
    made = await world.result("device.create", body=body)
    find = {
        "connection": True,
        "state": True,
        "many": False,
        "sortField": "name",
        "sortDirection": "asc",
    }

    by_id = await world.result("device.find", method="id", value=made["id"], **find)
    by_name = await world.result("device.find", method="name", value="Pump", **find)
    by_tag = await world.result(
        "device.find", method="findByAllTags", tags=[{"key": "a", "value": ""}], **find
    )
    by_query = await world.result(
        "device.find", method="query", query={"name": "Pump"}, **{**find, "many": True}
    )

    for found in (by_id, by_name, by_tag, by_query):
        assert [each["id"] for each in found["items"]] == [made["id"]]
    assert by_query["totalCount"] == 1
    assert by_id["items"][0]["deviceId"] == made["id"]
    assert by_id["items"][0]["compositeState"] == {}
    changed = await world.result(
        "device.update",
        id=made["id"],
        body={"description": "new"},
        mergeTags={"a": ["2", "3"], "b": []},
        mergeAttributes={"t": None, "u": {"dataType": "string"}},
    )
    assert changed["tags"] == [{"key": "a", "value": "2"}, {"key": "a", "value": "3"}]
    assert [each["name"] for each in changed["attributes"]] == ["u"]
    assert changed["description"] == "new"
    assert await world.result("device.delete", id=made["id"]) is True
    assert await world.error("device.delete", id=made["id"]) == ("NotFound", "Device was not found")
    assert await world.error("device.update", id=NOBODY, body={}) == (
        "NotFound",
        "Device was not found",
    )


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("id", "nonsense"),
        ("id", NOBODY),
        ("findByParentId", "nonsense"),
        ("experienceGroupId", NOBODY),
        ("experienceUserIdOrEmail", NOBODY),
        ("experienceUserIdOrEmail", "who@example.com"),
    ],
)
async def test_a_device_that_is_not_there_is_not_found(world, method, value):
    await world.make(DEVICE, {"name": "Pump"})
    find = {
        "connection": False,
        "state": False,
        "many": True,
        "sortField": "name",
        "sortDirection": "asc",
    }

    found = await world.result("device.find", method=method, value=value, **find)

    assert found["items"] == []


async def test_bad_devices_and_queries_are_told(world):
    assert (await world.error("device.create", body={}))[0] == "Validation"
    find = {
        "connection": False,
        "state": False,
        "many": True,
        "sortField": "name",
        "sortDirection": "asc",
    }
    assert (await world.error("device.find", method="query", query={"$regex": 1}, **find))[
        0
    ] == "Validation"
    assert (await world.error("device.create", body={"name": "x"}, recipeId=NOBODY))[
        0
    ] == "NotFound"


async def test_devices_are_deleted_by_query_but_never_without_one(world):
    for name in ("a", "b", "c"):
        await world.make(DEVICE, {"name": name})

    assert await world.result("device.delete", query=None) == {"removed": 0, "failed": 0}
    assert await world.result("device.delete", query={"name": {"$in": ["a", "b"]}}) == {
        "removed": 2,
        "failed": 0,
    }


async def test_a_new_device_fires_the_triggers_that_wait_for_it(world):
    made = await world.result("device.create", body={"name": "Pump"})

    (firing,) = await world.firings("deviceCreate")

    root, data = msgspec.json.decode(firing.root), msgspec.json.decode(firing.data)
    assert root == {"triggerId": made["id"], "relayId": world.flow, "relayType": "flow"}
    assert data["device"]["name"] == "Pump"
    assert data["device"]["creationDate"].keys() == {"$date"}
    assert firing.depth == 1


async def test_state_is_reported(world):
    device = await world.make(
        DEVICE, {"name": "Pump", "attributes": [{"name": "t", "dataType": "number"}]}
    )

    assert await world.result(
        "state.report", deviceId=device, reports=[{"data": {"t": "1.5"}}]
    ) == {"success": True}

    find = {
        "connection": True,
        "state": ["t"],
        "many": False,
        "sortField": "name",
        "sortDirection": "asc",
    }
    found = await world.result("device.find", method="id", value=device, **find)
    assert found["items"][0]["compositeState"]["t"]["value"] == 1.5
    assert await world.error("state.report", deviceId=NOBODY, reports=[]) == (
        "NotFound",
        "Device was not found",
    )
    assert (await world.error("state.report", deviceId=device, reports=[{"data": 1}]))[
        0
    ] == "Validation"
    assert (await world.error("state.report", deviceId=device, reports=[{"data": {}}] * 1001))[
        0
    ] == "Validation"


async def test_a_device_is_made_by_a_recipe_and_what_is_given_wins(world):
    recipe = await world.make(
        world.server.catalog.kinds["deviceRecipe"],
        {
            "name": "r",
            "deviceClass": "gateway",
            "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "1"}],
            "attributes": [{"name": "t", "dataType": "number"}],
        },
    )
    given = {"name": "mine", "tags": [{"key": "a", "value": "2"}]}

    made = await world.result("device.create", body=given, recipeId=recipe.upper())

    tags = {(tag["key"], tag["value"]) for tag in made["tags"]}
    assert (made["name"], made["deviceClass"]) == ("mine", "gateway")
    assert tags == {("a", "2"), ("b", "1"), ("DeviceRecipe", recipe)}
    assert [each["name"] for each in made["attributes"]] == ["t"]
    assert (await world.error("device.create", body={}, recipeId="x"))[0] == "NotFound"
    assert (await world.error("device.create", body=[], recipeId=recipe))[0] == "Validation"
