"""How often workflows may send and press, on each database, where that is limited."""

import pytest

from drover.app.assembly import CallLimits
from drover.app.flow_pace import FlowPace
from drover.app.host.live import MOST_MESSAGE_BYTES
from drover.app.workflows import MOST_PRESSED_BYTES
from drover.kinds.device import KIND as DEVICE
from drover.ports.reports import Span
from tests.contract.flow_host_world import World

ATTRIBUTES = [{"name": "t", "dataType": "number"}]
TAGS = [{"key": "hall", "value": "A"}]


@pytest.fixture
async def world(database):
    return await World(database, CallLimits(sends=1, presses=1)).prepare()


async def device(world, name):
    return await world.make(DEVICE, {"name": name, "attributes": ATTRIBUTES, "tags": TAGS})


async def commands(world, device_id):
    span = Span(start_ms=0, end_ms=2**50, limit=100)
    return await world.store.read(lambda s: s.reports.logged(device_id, "command", span))


def reporting(device_id):
    return {"deviceId": device_id, "reports": [{"data": {"t": 1}}]}


async def test_reports_for_a_device_that_come_too_often_are_refused_others_are_not(world):
    one, two = [await device(world, name) for name in ("one", "two")]

    answers = await world.ask("state.report", reporting(one), reporting(one), reporting(two))

    assert answers[0] == answers[2] == {"result": {"success": True}}
    assert answers[1]["error"]["type"] == "TooManyRequests"


async def test_commands_to_a_device_that_come_too_often_are_left_out(world):
    one, two = [await device(world, name) for name in ("one", "two")]
    command = {"name": "go"}

    answers = await world.ask(
        "device.command",
        {"ids": [one], "command": command},
        {"ids": [one], "command": command},
        {"ids": [], "tags": TAGS, "command": command},
        {"query": {}, "command": command},
    )

    assert answers == [{"result": True}] * 4
    assert [len(await commands(world, each)) for each in (one, two)] == [1, 1]
    assert world.server.services[FlowPace].refused == 4


async def test_a_topic_has_so_many_messages(world):
    message = {"topic": "a/b", "message": "m"}

    kinds = [
        answer["error"]["type"] for answer in await world.ask("mqtt.publish", message, message)
    ]

    assert sorted(kinds) == ["TooManyRequests", "Unavailable"]


async def test_a_message_may_be_as_large_as_the_broker_takes_and_no_larger(world):
    most, more = "x" * MOST_MESSAGE_BYTES, "x" * (MOST_MESSAGE_BYTES + 1)

    assert (await world.error("mqtt.publish", topic="t" * 300, message=most))[0] == "Unavailable"
    assert (await world.error("mqtt.publish", topic="t", message=more))[0] == "PayloadTooLarge"
    assert (await world.error("mqtt.publish", topic="a/#", message=""))[0] == "Validation"


@pytest.mark.parametrize("operation", ["flow.trigger", "flow.schedule"])
async def test_a_button_is_pressed_so_often(world, operation):
    press = {"flowId": world.flow, "button": "ui", "delayMs": 0}

    first, second = await world.ask(operation, press, press)

    errors = [each["error"]["type"] for each in (first, second) if "error" in each]
    assert errors == ["TooManyRequests"]
    assert len(await world.firings("virtualButton")) == 1


@pytest.mark.parametrize("operation", ["flow.trigger", "flow.schedule"])
async def test_a_press_that_is_refused_is_none(world, operation):
    press = {"flowId": world.flow, "button": "ui", "delayMs": 0}
    too_large = {**press, "payload": "x" * MOST_PRESSED_BYTES}

    assert (await world.error(operation, **too_large))[0] == "PayloadTooLarge"

    (answer,) = await world.ask(operation, press)
    assert "result" in answer
