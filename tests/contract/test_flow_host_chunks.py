"""What a chunk of runs asks for together, on each database: one trip to the store, each answered."""

import pytest

from drover.app.host import states
from drover.kinds.device import KIND as DEVICE
from drover.model.errors import Invalid
from tests.contract.flow_host_world import NOBODY, World

FIND = {
    "method": "id",
    "connection": False,
    "state": True,
    "many": False,
    "sortField": "name",
    "sortDirection": "asc",
}
PUMP = {"attributes": [{"name": "t", "dataType": "number"}]}


@pytest.fixture
async def world(database):
    return await World(database).prepare()


def report(device, value):
    return {"deviceId": device, "reports": [{"data": {"t": value}}]}


def units(world, monkeypatch, how):
    """Count the units of work that the store is asked for."""
    counted = []
    plain = getattr(world.store, how)

    async def counting(work):
        counted.append(how)
        return await plain(work)

    monkeypatch.setattr(world.store, how, counting)
    return counted


async def test_devices_wanted_by_id_are_read_in_one_go_and_answered_in_order(world, monkeypatch):
    pumps = [await world.make(DEVICE, {"name": name, **PUMP}) for name in "ba"]
    await world.ask("state.report", report(pumps[1], 4))
    reads = units(world, monkeypatch, "read")

    answers = await world.ask(
        "device.find",
        *({**FIND, "value": value} for value in (*pumps, NOBODY, "no id", pumps[0].upper())),
    )

    found = [[each["id"] for each in answer["result"]["items"]] for answer in answers]
    assert found == [[pumps[0]], [pumps[1]], [], [], [pumps[0]]]
    assert [answer["result"]["totalCount"] for answer in answers] == [1, 1, 0, 0, 1]
    assert answers[0]["result"]["items"][0]["compositeState"] == {}
    assert answers[1]["result"]["items"][0]["compositeState"]["t"]["value"] == 4
    assert reads == ["read"]


async def test_ways_to_look_for_devices_may_be_mixed(world):
    pump = await world.make(DEVICE, {"name": "Pump", **PUMP})
    other = await world.make(DEVICE, {"name": "Valve", **PUMP})

    answers = await world.ask(
        "device.find",
        {**FIND, "method": "name", "value": "Valve"},
        {**FIND, "value": pump},
        {**FIND, "method": "query", "query": {"$regex": 1}},
    )

    assert answers[0]["result"]["items"][0]["id"] == other
    assert answers[1]["result"]["items"][0]["id"] == pump
    assert answers[2]["error"]["type"] == "Validation"


async def test_another_applications_device_looks_like_a_missing_one(world):
    kinds = world.server.catalog.kinds
    elsewhere = await world.make(kinds["application"], {"name": "Other"}, "")
    theirs = await world.make(DEVICE, {"name": "Theirs", **PUMP}, elsewhere)

    (found,) = await world.ask("device.find", {**FIND, "value": theirs})
    (told,) = await world.ask("state.report", report(theirs, 1))

    assert found["result"]["items"] == []
    assert told["error"] == {"type": "NotFound", "message": "Device was not found"}


@pytest.mark.parametrize("together", [1, 3, 2000])
async def test_reports_of_many_devices_are_stored_and_bad_ones_told_alone(
    world, monkeypatch, together
):
    monkeypatch.setattr(states, "MOST_TOGETHER", together)
    pumps = [await world.make(DEVICE, {"name": name, **PUMP}) for name in "abc"]

    answers = await world.ask(
        "state.report",
        report(pumps[0], 1),
        report(NOBODY, 2),
        {"deviceId": pumps[1], "reports": [{"data": 1}]},
        report(pumps[2], "3"),
        report(pumps[0], 4),
    )

    told = [answer.get("result") or answer["error"]["type"] for answer in answers]
    done = {"success": True}
    assert told == [done, "NotFound", "Validation", done, done]
    found = await world.ask("device.find", *({**FIND, "value": each} for each in pumps))
    shown = [answer["result"]["items"][0]["compositeState"] for answer in found]
    assert [each.get("t", {}).get("value") for each in shown] == [4, None, 3]


async def test_a_report_that_something_refuses_takes_no_other_along(world, monkeypatch):
    class Refusing:
        async def reported(self, _session, _application_id, taken):
            if any(each.device.name == "b" for each in taken):
                raise Invalid("not this one")

        def kept(self):
            pass

    reports = world.server.services[states.DeviceReports]
    monkeypatch.setattr(reports, "_hooks", (Refusing(),))
    pumps = [await world.make(DEVICE, {"name": name, **PUMP}) for name in "abc"]

    answers = await world.ask("state.report", *(report(each, 1) for each in pumps))

    assert [answer.get("error", {}).get("message") for answer in answers] == [
        None,
        "not this one",
        None,
    ]
    found = await world.ask("device.find", *({**FIND, "value": each} for each in pumps))
    shown = [answer["result"]["items"][0]["compositeState"] for answer in found]
    assert [bool(each) for each in shown] == [True, False, True]
