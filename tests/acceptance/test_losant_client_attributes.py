"""The attributes of a device, driven one by one with the vendor's client."""

from __future__ import annotations

import pytest

from tests.support.vendor import Vendor, refused, sound

VOLTAGE = {"name": "voltage", "dataType": "number", "attributeTags": {"unit": "V"}}


@pytest.fixture
def vendor(losant, resource_server, plant):
    return Vendor(losant, resource_server.url, plant)


@pytest.fixture
def device(vendor):
    made = vendor.client.devices.post(**vendor.key, device={"name": "d", "attributes": [VOLTAGE]})
    return {**vendor.key, "deviceId": made["id"]}


def test_an_attribute_is_added_read_changed_and_taken_away(vendor, device):
    one, many = vendor.client.device_attribute, vendor.client.device_attributes
    before = vendor.client.device.get(**device)["lastUpdated"]

    made = many.post(**device, deviceAttribute={"name": "on", "dataType": "boolean"})

    assert (made["name"], made["dataType"], made["_type"]) == ("on", "boolean", "deviceAttribute")
    assert (made["applicationId"], made["deviceId"]) == (vendor.application, device["deviceId"])
    assert made["_links"]["self"]["href"].endswith(f"/devices/{device['deviceId']}/attributes/on")
    assert one.get(**device, name="on") == made
    changed = one.patch(**device, name="on", deviceAttribute={"name": "off", "description": "x"})
    assert (changed["name"], changed["dataType"], changed["description"]) == ("off", "boolean", "x")
    refused(404, "", one.get, **device, name="on")
    whole = sound(vendor.client.device.get(**device), "deviceId")
    assert [each["name"] for each in whole["attributes"]] == ["voltage", "off"]
    assert whole["lastUpdated"] > before
    assert one.delete(**device, name="off") == {"success": True}
    refused(404, "", one.delete, **device, name="off")
    assert many.get(**device)["count"] == 1


def test_attributes_are_listed_in_order_and_by_a_filter(vendor, device):
    many = vendor.client.device_attributes
    for name, kind in (("amps", "number"), ("label", "string")):
        many.post(**device, deviceAttribute={"name": name, "dataType": kind})

    found = many.get(**device)

    assert [each["name"] for each in found["items"]] == ["amps", "label", "voltage"]
    assert (found["count"], found["totalCount"], found["sortField"]) == (3, 3, "name")
    assert (found["applicationId"], found["deviceId"]) == (vendor.application, device["deviceId"])
    by_type = many.get(**device, sortField="dataType", sortDirection="desc")
    assert [each["name"] for each in by_type["items"]] == ["label", "voltage", "amps"]
    numbers = many.get(**device, filterField="dataType", filter="NUM*")
    assert (numbers["count"], numbers["filter"]) == (2, "NUM*")
    assert many.get(**device, filter="x")["count"] == 3
    assert many.get(**device, filterField="name", filter=" ")["count"] == 3
    refused(400, "sortField", many.get, **device, sortField="description")
    refused(400, "filter", many.get, **device, filterField="name", filter="x" * 2000)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"name": "voltage", "dataType": "string"}, "attributes"),
        ({"name": "a b", "dataType": "string"}, "name"),
        ({"name": "ok", "dataType": "text"}, "dataType"),
        ({"name": "ok"}, "dataType"),
        ({"name": "ok", "dataType": "blob", "contentType": "x" * 65}, "contentType"),
        ({"name": "ok", "dataType": "blob", "colour": 1}, "colour"),
    ],
)
def test_an_attribute_that_cannot_be_is_refused(vendor, device, body, told):
    many = vendor.client.device_attributes

    refused(400, told, many.post, **device, deviceAttribute=body)

    assert many.get(**device)["count"] == 1


def test_a_device_has_at_most_256_attributes(vendor):
    full = [{"name": f"a{n}", "dataType": "number"} for n in range(256)]
    made = vendor.client.devices.post(**vendor.key, device={"name": "d", "attributes": full})
    one = {**vendor.key, "deviceId": made["id"]}

    refused(
        400, "attributes", vendor.client.device_attributes.post, **one,
        deviceAttribute={"name": "more", "dataType": "number"},
    )  # fmt: skip


def test_a_change_of_an_attribute_keeps_its_type_and_its_name_unique(vendor, device):
    one, many = vendor.client.device_attribute, vendor.client.device_attributes
    many.post(**device, deviceAttribute={"name": "on", "dataType": "boolean"})

    refused(400, "dataType", one.patch, **device, name="on", deviceAttribute={"dataType": "blob"})
    refused(400, "attributes", one.patch, **device, name="on", deviceAttribute={"name": "voltage"})
    refused(404, "", one.patch, **device, name="no", deviceAttribute={})
    refused(400, "name", one.get, **device, name="a.b")
    assert one.patch(**device, name="on", deviceAttribute={})["name"] == "on"


def test_attributes_of_another_applications_device_look_missing(vendor, losant):
    other = losant.applications.post(application={"name": "Other"})["id"]
    foreign = losant.devices.post(applicationId=other, device={"name": "theirs"})["id"]
    here = {**vendor.key, "deviceId": foreign}

    refused(404, "Device was not found", vendor.client.device_attributes.get, **here)
    refused(
        404, "Device was not found", vendor.client.device_attributes.post, **here,
        deviceAttribute={"name": "x", "dataType": "string"},
    )  # fmt: skip
