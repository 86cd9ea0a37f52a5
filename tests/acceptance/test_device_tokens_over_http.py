"""What a device may see and say with its own token."""

from __future__ import annotations

import pytest
from losant_rest import Client, LosantError

from drover.model.access import Caller, DeviceLimit

HEAT = [{"name": "heat", "dataType": "number"}]


@pytest.fixture
def fleet(losant, plant) -> dict[str, str]:
    gateway = losant.devices.post(
        applicationId=plant,
        device={"name": "gateway", "deviceClass": "gateway", "attributes": HEAT},
    )["id"]
    more = {
        "peripheral": {"deviceClass": "peripheral", "gatewayId": gateway, "attributes": HEAT},
        "tagged": {"tags": [{"key": "shared", "value": "yes"}], "attributes": HEAT},
        "stranger": {"attributes": HEAT},
    }
    made = {
        name: losant.devices.post(applicationId=plant, device={"name": name, **body})["id"]
        for name, body in more.items()
    }
    return {"gateway": gateway, **made}


@pytest.fixture
def gateway(resource_server, plant, fleet) -> Client:
    limit = DeviceLimit(ids=frozenset({fleet["peripheral"]}), tags=frozenset({("shared", "yes")}))
    resource_server.gate.callers["gateway"] = Caller(
        type="device",
        id=fleet["gateway"],
        device_id=fleet["gateway"],
        application_id=plant,
        scopes=frozenset({"all.Device"}),
        device_limit=limit,
    )
    return Client(auth_token="gateway", url=resource_server.url)


def refused(call, **arguments) -> int:
    with pytest.raises(LosantError) as refusal:
        call(**arguments)
    return refusal.value.status


def test_a_device_sees_itself_and_what_its_key_covers(gateway, plant, fleet):
    listed = gateway.devices.get(applicationId=plant)
    filtered = gateway.devices.get(applicationId=plant, filterField="name", filter="*er*")
    queried = gateway.devices.get(applicationId=plant, query={"name": {"$startsWith": "s"}})

    assert [each["name"] for each in listed["items"]] == ["gateway", "peripheral", "tagged"]
    assert [each["name"] for each in filtered["items"]] == ["peripheral"]
    assert queried["items"] == []
    assert gateway.device.get(applicationId=plant, deviceId=fleet["tagged"])["name"] == "tagged"
    assert refused(gateway.device.get, applicationId=plant, deviceId=fleet["stranger"]) == 404


def test_a_device_reports_for_itself_and_its_peripherals_alone(gateway, plant, fleet):
    report = {"data": {"heat": 1}}

    for name in ("gateway", "peripheral"):
        key = {"applicationId": plant, "deviceId": fleet[name]}
        assert gateway.device.send_state(**key, deviceState=report) == {"success": True}
        assert gateway.device.get_state(**key)[0]["data"] == {"heat": 1}
    for name in ("tagged", "stranger"):
        key = {"applicationId": plant, "deviceId": fleet[name]}
        assert refused(gateway.device.send_state, **key, deviceState=report) == 404


def test_a_device_commands_what_it_sees(gateway, losant, plant, fleet):
    gateway.devices.send_command(
        applicationId=plant, multiDeviceCommand={"name": "go", "deviceQuery": {}}
    )

    def commands(name: str) -> list[str]:
        kept = losant.device.get_command(applicationId=plant, deviceId=fleet[name])
        return [each["name"] for each in kept]

    assert commands("tagged") == ["go"]
    assert commands("stranger") == []
    stranger = {"applicationId": plant, "deviceId": fleet["stranger"]}
    assert refused(gateway.device.send_command, **stranger, deviceCommand={"name": "go"}) == 404
    assert refused(gateway.device.get_state, **stranger) == 404


def test_composite_states_stay_within_sight(gateway, plant):
    found = gateway.devices.get_composite_state(applicationId=plant)

    assert [each["name"] for each in found["items"]] == ["gateway", "peripheral", "tagged"]


def test_a_device_changes_nothing_else(gateway, plant, fleet):
    key = {"applicationId": plant, "deviceId": fleet["gateway"]}

    assert refused(gateway.device.patch, **key, device={"name": "x"}) == 403
    assert refused(gateway.device.delete, **key) == 403
    assert refused(gateway.devices.post, applicationId=plant, device={"name": "x"}) == 403


def test_spans_are_read_in_all_their_forms(losant, plant, fleet):
    key = {"applicationId": plant, "deviceId": fleet["gateway"]}
    losant.device.send_state(**key, deviceState={"data": {"heat": 5}})

    for span in (
        {"start": 1},
        {"start": -60_000, "end": 0},
        {"since": "2020-01-01T00:00:00Z"},
        {"duration": 60_000},
        {"end": 253_402_300_799_999},
    ):
        assert len(losant.device.get_state(**key, limit=10, **span)) == 1, span
    assert losant.device.get_state(**key, end=-60_000) == []
    assert refused(losant.device.get_state, **key, start="soon") == 400
    assert refused(losant.device.get_state, **key, limit=0) == 400


def test_what_is_to_be_forgotten_is_a_job(losant, plant, fleet):
    key = {"applicationId": plant, "deviceId": fleet["gateway"]}

    asked = losant.device.remove_data(**key, end=5)

    log = losant.application_job_log.get(applicationId=plant, jobId=asked["jobId"])
    assert (log["status"], log["input"]["deviceIds"]) == ("queued", [fleet["gateway"]])
    assert refused(losant.device.remove_data, **{**key, "deviceId": "0" * 24}) == 404
