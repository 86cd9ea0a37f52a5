"""What devices report and are told, by the operations of the API, on each database."""

import msgspec
import pytest

from drover.app.device_reports import DeviceReports, Told
from drover.app.live.inbox import SaidState, reports_in
from drover.app.live.state_triggers import LiveTriggers
from drover.kinds.device import KIND as DEVICE
from drover.kinds.flow import KIND as FLOW
from drover.model.access import Caller
from drover.ports.bus import MOST_MESSAGE_BYTES
from drover.system import RandomIds, SystemClock
from tests.contract.flow_host_world import World

ATTRIBUTES = [{"name": "level", "dataType": "number"}, {"name": "note", "dataType": "string"}]


class Plant(World):
    """A world with one device."""

    async def prepare(self):
        await super().prepare()
        self.device = await self.make(DEVICE, {"name": "pump", "attributes": ATTRIBUTES})
        return self

    async def call(self, name, **params):
        return await self.result("api.call", name=name, params=params, token="", applicationId="")

    async def done(self, name, **params):
        answer = await self.call(name, **self.of(name), **params)
        assert "error" not in answer, answer
        return answer["result"]

    def of(self, name):
        return {"deviceId": self.device} if name.startswith("device.") else {}

    async def refused(self, name, **params):
        error = (await self.call(name, **self.of(name), **params))["error"]
        return error["statusCode"], error["message"]


@pytest.fixture
async def world(database):
    return await Plant(database).prepare()


@pytest.mark.parametrize(
    "more", [{"disconnectReason": "x"}, {"disconnectedAt": 5}, {"messagesFromClient": 0}]
)
async def test_a_device_that_came_has_nothing_of_a_disconnection(world, more):
    told = {"status": "connected", **more}

    assert (await world.refused("device.setConnectionStatus", connectionStatus=told))[0] == 400
    assert await world.done("device.getLogEntries") == []


async def test_nobody_comes_or_goes_in_the_future(world):
    told = {"status": "connected", "connectedAt": 2**41}

    await world.done("device.setConnectionStatus", connectionStatus=told)
    await world.done("device.setConnectionStatus", connectionStatus={"status": "disconnected"})

    assert (await world.done("device.getLogEntries"))[0]["connected"] == 0
    assert (await world.done("device.getLogEntries"))[0]["time"] < "2039"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"start": -45_000, "duration": 20_000}, [40, 30]),
        ({"end": -35_000, "duration": 10_000}, [40]),
        ({"duration": 25_000}, [20]),
        ({"start": -25_000}, [20]),
        ({"end": ""}, [40, 30, 20][::-1]),
    ],
)
async def test_a_range_begins_where_it_is_told_to_and_lasts(world, asked, found):
    reports = [{"data": {"level": age}, "time": -age * 1000} for age in (40, 30, 20)]
    await world.done("device.sendState", deviceState=reports)

    kept = await world.done("device.getState", limit=10, **asked)

    assert sorted(each["data"]["level"] for each in kept) == sorted(found)


@pytest.mark.parametrize("target", ["device", "devices"])
async def test_a_command_that_no_device_could_be_told_is_refused(world, target):
    command = {"name": "go", "payload": "x" * (MOST_MESSAGE_BYTES - 100)}
    body = "deviceCommand" if target == "device" else "multiDeviceCommand"
    chosen = {} if target == "device" else {"deviceIds": [world.device]}

    await world.done(f"{target}.sendCommand", **{body: {**command, **chosen}})
    command["payload"] += "x" * 100
    refusal = await world.refused(f"{target}.sendCommand", **{body: {**command, **chosen}})

    assert refusal == (413, f"A command may not be larger than {MOST_MESSAGE_BYTES} bytes")
    assert len(await world.done("device.getCommand", limit=10)) == 1


async def test_workflows_send_no_command_that_no_device_could_be_told(world):
    command = {"name": "go", "payload": "x" * MOST_MESSAGE_BYTES}

    for chosen in ({"ids": [world.device]}, {"query": {}}):
        told = await world.error("device.command", command=command, **chosen)
        assert told[0] == "PayloadTooLarge"


async def test_a_device_that_workflows_list_twice_is_told_once(world):
    ids = [world.device, world.device.upper(), "no id"]

    await world.result("device.command", command={"name": "go"}, ids=ids)

    assert len(await world.done("device.getCommand", limit=10)) == 1


@pytest.mark.parametrize("version", ["a\0b", "", "x" * 256, 5])
async def test_a_version_that_there_cannot_be_takes_nothing_of_a_report_away(world, version):
    trigger = {"type": "deviceId", "key": world.device, "outputIds": [["n"]]}
    node = {"id": "n", "type": "DebugNode", "config": {}, "outputIds": [[]]}
    await world.make(FLOW, {"name": "waits", "triggers": [trigger], "nodes": [node]})
    reports = DeviceReports(world.store, RandomIds(), SystemClock(), [LiveTriggers()])
    payload = msgspec.json.encode({"data": {"level": 3}, "flowVersion": version})
    said = reports_in(SaidState(world.application, world.device, payload, lambda: None)).reports
    caller = Caller(type="device", id=world.device, device_id=world.device, scopes=frozenset())
    told = [Told(caller, world.device, said)]

    taken = await world.store.write(lambda s: reports.take(s, world.application, told))

    assert taken[0].reports[0].flow_version is None
    assert len(await world.firings("deviceId")) == 1


@pytest.mark.parametrize("digits", [20, 31, 300])
async def test_whole_numbers_beyond_those_of_javascript_are_kept_nearly(world, digits):
    number = int("7" * digits)

    await world.done("device.sendState", deviceState={"data": {"level": number}})

    state = await world.done("device.getCompositeState")
    assert state["level"]["value"] == float(number)
