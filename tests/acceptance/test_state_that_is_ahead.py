"""What is reported for a moment to come counts once that moment has come, on both databases."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.support.vendor import keep, node, trigger, until

HOUR_MS = 3_600_000


@pytest.fixture
def now_ms() -> int:
    return int(time.time() * 1000)


@pytest.fixture
def pump(vendor, now_ms) -> dict[str, str]:
    """A device that reported 1 a minute ago and 2 for an hour from now, which is all of ``ahead``."""
    attributes = [{"name": name, "dataType": "number"} for name in ("level", "ahead")]
    made = vendor.client.devices.post(
        **vendor.key, device={"name": "Pump", "attributes": attributes}
    )
    pump = {**vendor.key, "deviceId": made["id"]}
    reports = [
        {"data": {"level": 1}, "time": now_ms - 60_000},
        {"data": {"level": 2, "ahead": 2}, "time": now_ms + HOUR_MS},
    ]
    vendor.client.device.send_state(**pump, deviceState=reports)
    return pump


def values(state: dict) -> dict:
    return {name: each["value"] for name, each in state.items()}


def ended(vendor, queued: dict) -> dict:
    def logs() -> list[dict]:
        found = vendor.client.application_job_logs.get(**vendor.key)["items"]
        return [each for each in found if each["jobId"] == queued["jobId"]]

    (log,) = until(logs, lambda found: found and found[0]["status"] == "completed")
    return log


def test_the_newest_values_are_those_of_now_unless_a_later_end_is_asked_for(vendor, pump, now_ms):
    one, many = vendor.client.device, vendor.client.devices
    later = now_ms + 2 * HOUR_MS

    for span in ({}, {"end": 0}, {"start": 1}, {"start": 1, "end": 0}):
        assert values(one.get_composite_state(**pump, **span)) == {"level": 1}
        (shown,) = many.get_composite_state(**vendor.key, **span)["items"]
        assert values(shown["compositeState"]) == {"level": 1}
    assert values(one.get_composite_state(**pump, end=later)) == {"level": 2, "ahead": 2}
    for attribute, end, expected in (("level", {}, [1]), ("ahead", {}, []), ("ahead", later, [2])):
        query = {"attribute": attribute, "deviceIds": [pump["deviceId"]]}
        query |= {"end": end} if end else {}
        found = vendor.client.data.last_value_query(**vendor.key, query=query)
        assert [each["data"][attribute] for each in found.values()] == expected


def test_workflows_are_told_what_devices_report_by_now(vendor, pump, now_ms):
    find = {"findMethod": "id", "idTemplate": pump["deviceId"], "includeState": True}
    gauge = {
        "findMethod": "tagsIds",
        "deviceIds": [pump["deviceId"]],
        "attribute": ["level"],
        "duration": None,
        "aggregation": "LAST",
    }
    earlier = {**gauge, "end": now_ms - HOUR_MS}
    flow = vendor.flow(
        [trigger("virtualButton", None, "find")],
        node("find", "GetDeviceNode", "gauge", **find, resultPath="working.pump"),
        node("gauge", "GaugeNode", "earlier", **gauge, resultPath="working.gauge"),
        node("earlier", "GaugeNode", "kept", **earlier, resultPath="working.earlier"),
        keep("kept", "working") | {"id": "kept"},
    )
    (button,) = vendor.client.flow.get(**flow)["triggers"]
    vendor.client.flow.press_virtual_button(**flow, button={"key": button["key"], "payload": {}})

    kept = vendor.stored(flow, "kept")["kept"]
    assert values(kept["pump"]["compositeState"]) == {"level": 1}
    assert kept["gauge"]["value"] == 1
    assert kept["earlier"] == {}


def test_what_is_ahead_is_neither_exported_nor_removed_without_a_later_end(vendor, pump, now_ms):
    one = vendor.client.device
    later = now_ms + 2 * HOUR_MS

    exports = [ended(vendor, one.export(**pump)), ended(vendor, one.export(**pump, end=later))]
    assert [each["output"]["rows"] for each in exports] == [1, 2]
    assert len(httpx.get(exports[0]["output"]["downloadUrls"][0]).text.splitlines()) == 2

    ended(vendor, one.remove_data(**pump))
    assert [each["data"] for each in one.get_state(**pump, limit=9)] == [{"ahead": 2, "level": 2}]
    query = {"query": {"id": pump["deviceId"]}}
    ended(vendor, vendor.client.devices.remove_data(**vendor.key, options=query))
    assert len(one.get_state(**pump, limit=9)) == 1
    ended(vendor, vendor.client.devices.remove_data(**vendor.key, options={**query, "end": later}))
    assert one.get_state(**pump, limit=9) == []
