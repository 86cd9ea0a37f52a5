"""What query strings and choices of devices mean where clients write them oddly."""

from __future__ import annotations

import pytest

from tests.support.vendor import refused


def test_a_query_in_brackets_is_refused_rather_than_passed_over(vendor):
    vendor.devices(1)

    answer = vendor.raw("GET", "/devices", params={"query[name]": "none"})

    assert answer.status_code == 400
    assert "query" in answer.json()["message"]


@pytest.mark.parametrize("path", ["/resource-jobs", "/data-tables", "/webhooks", "/tokens"])
def test_a_query_that_a_list_does_not_know_never_gets_into_its_answer(vendor, path):
    answer = vendor.raw("GET", path, params={"query": '{},"count":9'})

    assert answer.status_code == 200
    assert answer.json()["count"] == 0
    assert "query" not in answer.json()


def test_a_blank_query_is_none(vendor):
    vendor.devices(1)

    answer = vendor.raw("GET", "/devices", params={"query": "  "})

    assert answer.json()["count"] == 1


@pytest.mark.parametrize("tag", [{}, {"key": None}, {"value": None}])
def test_a_tag_that_says_nothing_commands_no_device(vendor, tag):
    (device_id,) = vendor.devices(1)
    one = {**vendor.key, "deviceId": device_id}
    vendor.client.device.patch(**one, device={"tags": [{"key": "k", "value": "v"}]})

    refused(
        400, "", vendor.client.devices.send_command,
        **vendor.key, multiDeviceCommand={"name": "go", "deviceTags": [tag]},
    )  # fmt: skip

    assert vendor.client.device.get_command(**one) == []


def test_applications_of_an_owner_are_listed_by_an_id_in_either_case(vendor):
    own = vendor.client.orgs.post(organization={"name": "Works"})["id"]
    made = vendor.client.applications.post(application={"name": "Owned", "orgId": own.upper()})

    found = vendor.client.applications.get(orgId=own.upper())

    assert [each["id"] for each in found["items"]] == [made["id"]]
    refused(400, "orgId", vendor.client.applications.get, orgId="zz")


@pytest.mark.parametrize("text", ["yes", "2", "none"])
def test_a_flag_that_is_neither_is_refused_by_name(vendor, text):
    vendor.devices(1)

    refused(400, "tagsAsObject", vendor.client.devices.get, **vendor.key, tagsAsObject=text)
