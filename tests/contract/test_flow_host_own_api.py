"""The server's own API, called by running workflows."""

import pytest

from drover.app.workflows import MOST_DEPTH
from drover.kinds.device import KIND as DEVICE
from drover.model.access import Caller
from tests.contract.flow_host_world import NOBODY, World


@pytest.fixture
async def world(database):
    return await World(database).prepare()


async def call(world, name, token="", application="", **params):
    return await world.result(
        "api.call", name=name, params=params, token=token, applicationId=application
    )


async def test_operations_are_called_by_name_with_path_query_and_body(world):
    made = await call(world, "devices.post", device={"name": "Pump", "tags": []})
    device_id = made["result"]["deviceId"]

    listed = await call(
        world, "devices.get", filterField="name", filter="P*", perPage=1, _links=False
    )
    queried = await call(world, "devices.get", query={"name": "Pump"})
    by_tag = await call(world, "devices.get", tagFilter=[{"key": "a"}])
    changed = await call(world, "device.patch", deviceId=device_id, device={"description": "d"})
    gone = await call(world, "device.delete", deviceId=device_id)

    assert [each["id"] for each in listed["result"]["items"]] == [device_id]
    assert "_links" not in listed["result"]["items"][0]
    assert queried["result"]["count"] == 1
    assert by_tag["result"]["count"] == 0
    assert changed["result"]["description"] == "d"
    assert gone == {"result": {"success": True}}


@pytest.mark.parametrize(
    ("name", "params", "kind", "status"),
    [
        ("device.get", {"deviceId": NOBODY}, "NotFound", 404),
        ("device.get", {"deviceId": "x"}, "Validation", 400),
        ("device.get", {}, "Validation", 400),
        ("device.get", {"deviceId": ["x"]}, "Validation", 400),
        ("device.nothing", {}, "NotFound", 404),
        ("auth.authenticateUser", {"credentials": {}}, "NotFound", 404),
        ("webhook.call.get", {"token": "x", "path": ""}, "NotFound", 404),
        ("devices.post", {"device": {"name": 1}}, "Validation", 400),
        ("devices.post", {"device": {}, "other": {}}, "Validation", 400),
        ("devices.post", {"device": {"name": "x" * 5_300_000}}, "PayloadTooLarge", 413),
        ("me.get", {}, "Forbidden", 403),
        ("users.get", {}, "NotFound", 404),
    ],
)
async def test_what_is_refused_is_told_like_over_http(world, name, params, kind, status):
    told = await call(world, name, **params)

    assert (told["error"]["type"], told["error"]["statusCode"]) == (kind, status)


async def test_another_application_looks_like_none(world):
    other = await world.make(world.server.catalog.kinds["application"], {"name": "Other"}, "")
    secret = await world.make(DEVICE, {"name": "Secret"}, other)

    for application in (other, NOBODY):
        listed = await call(world, "devices.get", application=application)
        one = await call(world, "device.get", application=application, deviceId=secret)
        assert listed["error"] == one["error"]
        assert listed["error"]["message"] == "Application was not found"
    own = await call(world, "applications.get")
    assert other not in str(own)


async def test_a_token_calls_with_its_own_rights(world):
    other = await world.make(world.server.catalog.kinds["application"], {"name": "Other"}, "")
    world.server.gate.callers["reads"] = Caller(
        type="apiToken",
        id="7" * 24,
        application_id=other,
        scopes=frozenset({"all.Application.read"}),
    )

    read = await call(world, "devices.get", token="reads", application=other)
    written = await call(
        world, "devices.post", token="reads", application=other, device={"name": "x"}
    )
    unknown = await call(world, "devices.get", token="nonsense")

    assert read["result"]["count"] == 0
    assert written["error"]["statusCode"] == 403
    assert unknown["error"]["statusCode"] == 401


async def test_workflows_cannot_press_each_others_buttons_for_ever(world):
    flow = await call(world, "flow.get", flowId=world.flow)
    key = flow["result"]["triggers"][0]["key"]
    press = {
        "name": "flow.pressVirtualButton",
        "params": {"flowId": world.flow, "virtualButtonPress": {"key": key}},
        "token": "",
        "applicationId": "",
    }

    pressed = await world.result("api.call", depth=MOST_DEPTH - 1, **press)
    refused = await world.result("api.call", depth=MOST_DEPTH, **press)

    assert pressed == {"result": {"success": True}}
    (firing,) = await world.firings("virtualButton")
    assert firing.depth == MOST_DEPTH
    assert refused["error"]["statusCode"] == 400


async def test_a_server_without_the_api_says_so(world):
    object.__setattr__(world.host._tools, "api", None)

    assert (await call(world, "devices.get"))["error"]["statusCode"] == 501
