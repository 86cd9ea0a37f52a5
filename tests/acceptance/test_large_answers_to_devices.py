"""A device that keeps much of what it may keep is not answered with all of it at once."""

from __future__ import annotations

import json

import pytest
from losant_rest import Client, LosantError

from drover.model.access import Caller
from drover.model.instants import to_ms
from drover.ports.reports import MOST_BYTES

NAMES = [f"a{number:02}" for number in range(16)]
TEXT = "x" * 64_000
MOMENTS = 18
"""With 16 texts each: some 18.4 MB."""


@pytest.fixture
def key(losant, plant) -> dict[str, str]:
    attributes = [{"name": name, "dataType": "string"} for name in NAMES]
    device = losant.devices.post(
        applicationId=plant, device={"name": "talker", "attributes": attributes}
    )
    return {"applicationId": plant, "deviceId": device["id"]}


@pytest.fixture
def talker(resource_server, key) -> Client:
    resource_server.gate.callers["talker"] = Caller(
        type="device",
        id=key["deviceId"],
        device_id=key["deviceId"],
        application_id=key["applicationId"],
        scopes=frozenset({"all.Device"}),
    )
    return Client(auth_token="talker", url=resource_server.url)


def size_of(answer: object) -> int:
    return len(json.dumps(answer))


def test_what_a_device_reported_is_told_as_far_as_an_answer_goes_and_the_rest_when_asked_again(
    talker, key
):
    for age in range(1, MOMENTS + 1):
        report = {"data": dict.fromkeys(NAMES, TEXT), "time": -age * 1000}
        talker.device.send_state(**key, deviceState=report)

    first = talker.device.get_state(**key, limit=1000)
    rest = talker.device.get_state(**key, limit=1000, end=to_ms(first[-1]["time"]) - 1)
    with pytest.raises(LosantError) as refusal:
        talker.data.time_series_query(
            applicationId=key["applicationId"],
            query={"deviceIds": [key["deviceId"]], "aggregation": "COUNT"},
        )

    assert size_of([each["data"] for each in first]) <= MOST_BYTES
    assert (len(first), len(rest)) == (16, 2)
    assert {len(each["data"]) for each in (*first, *rest)} == {len(NAMES)}
    assert refusal.value.status == 413


def test_commands_are_told_as_far_as_an_answer_goes(talker, key):
    text = "x" * 250_000
    for number in range(70):
        talker.device.send_command(**key, deviceCommand={"name": f"c{number}", "payload": text})

    told = talker.device.get_command(**key, limit=1000)

    assert len(told) == 68
    assert told[0]["name"] == "c69"
    assert told[-1]["name"] == "c2"


def test_the_newest_values_of_too_many_devices_are_refused_and_fewer_are_told(losant, plant):
    attributes = [{"name": name, "dataType": "string"} for name in NAMES]
    for number in range(MOMENTS):
        device = losant.devices.post(
            applicationId=plant, device={"name": f"d{number}", "attributes": attributes}
        )
        report = {"data": dict.fromkeys(NAMES, TEXT)}
        losant.device.send_state(applicationId=plant, deviceId=device["id"], deviceState=report)

    with pytest.raises(LosantError) as refusal:
        losant.devices.get_composite_state(applicationId=plant, perPage=1000)
    page = losant.devices.get_composite_state(applicationId=plant, perPage=16)
    one = losant.devices.get_composite_state(applicationId=plant, perPage=1000, attributes=["a00"])

    assert refusal.value.status == 413
    assert [len(each["compositeState"]) for each in page["items"]] == [16] * 16
    assert [len(each["compositeState"]) for each in one["items"]] == [1] * MOMENTS
