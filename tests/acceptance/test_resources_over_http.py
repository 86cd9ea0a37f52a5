"""Resources over real HTTP with the vendor's own unmodified client."""

from __future__ import annotations

import pytest
from losant_rest import Client, LosantError

from tests.support.vendor import refused


@pytest.fixture
def client(losant: Client) -> Client:
    return losant


@pytest.fixture
def application_id(plant: str) -> str:
    return plant


def test_an_application_is_created_read_changed_and_deleted(client):
    made = client.applications.post(application={"name": "Plant"})

    assert made["id"] == made["applicationId"]
    assert made["_type"] == "application"
    assert made["_links"]["self"]["href"] == f"/applications/{made['id']}"
    changed = client.application.patch(applicationId=made["id"], application={"name": "Site"})
    assert changed["name"] == "Site"
    assert client.application.delete(applicationId=made["id"]) == {"success": True}
    with pytest.raises(LosantError) as gone:
        client.application.get(applicationId=made["id"])
    assert gone.value.status == 404


def test_a_device_is_created_read_changed_listed_and_deleted(client, application_id):
    made = client.devices.post(
        applicationId=application_id,
        device={"name": "Pump", "tags": [{"key": "floor", "value": "1"}]},
    )
    key = {"applicationId": application_id, "deviceId": made["deviceId"]}

    assert client.device.get(**key) == made
    changed = client.device.patch(**key, device={"description": "new"})
    assert (changed["name"], changed["description"]) == ("Pump", "new")
    listed = client.devices.get(applicationId=application_id)
    assert listed["items"] == [changed]
    assert (listed["count"], listed["totalCount"]) == (1, 1)
    assert client.device.delete(**key) == {"success": True}
    assert client.devices.get(applicationId=application_id)["items"] == []


CASES = [
    ("dataTable", "data_tables", "data_table", {"name": "Readings"}, {"description": "x"}),
    (
        "experienceUser",
        "experience_users",
        "experience_user",
        {"email": "a@b.c", "password": "longenough"},
        {"firstName": "A"},
    ),
    (
        "experienceGroup",
        "experience_groups",
        "experience_group",
        {"name": "Crew"},
        {"description": "x"},
    ),
    (
        "experienceEndpoint",
        "experience_endpoints",
        "experience_endpoint",
        {"route": "/pumps/{id}", "method": "get"},
        {"access": "group", "staticReply": {"type": "redirect", "value": "/x"}},
    ),
    ("flow", "flows", "flow", {"name": "Do"}, {"enabled": False}),
    (
        "resourceJob",
        "resource_jobs",
        "resource_job",
        {"name": "Job", "resourceType": "device"},
        {"iterationDelay": 5},
    ),
    ("device", "devices", "device", {"name": "Pump"}, {"description": "x"}),
    ("webhook", "webhooks", "webhook", {"name": "Bell"}, {"responseCode": 204}),
]


@pytest.mark.parametrize(
    ("name", "many", "one", "body", "change"), CASES, ids=[c[0] for c in CASES]
)
def test_each_kind_has_the_usual_operations(client, application_id, name, many, one, body, change):
    made = getattr(client, many).post(applicationId=application_id, **{name: body})
    key = {"applicationId": application_id, f"{name}Id": made["id"]}

    assert made[f"{name}Id"] == made["id"]
    assert made["_type"] == name
    assert getattr(client, one).get(**key) == made
    changed = getattr(client, one).patch(**key, **{name: change})
    assert {k: changed[k] for k in change} == change
    listed = getattr(client, many).get(applicationId=application_id)
    assert listed["items"] == [changed]
    assert listed["_type"] == f"{name}s"
    assert getattr(client, one).delete(**key) == {"success": True}
    with pytest.raises(LosantError) as gone:
        getattr(client, one).get(**key)
    assert gone.value.status == 404


@pytest.mark.parametrize("text", ["{bad", "nope", "NaN", "[" * 5000])
def test_a_global_that_is_no_json_is_refused_wherever_it_is_set(losant, plant, text):
    own = [{"key": "a", "json": text}]
    flow = losant.flows.post(applicationId=plant, flow={"name": "f"})["id"]
    one = {"applicationId": plant, "flowId": flow}

    for call, given in (
        (losant.applications.post, {"application": {"name": "n", "globals": own}}),
        (losant.application.patch, {"applicationId": plant, "application": {"globals": own}}),
        (losant.application.globals, {"applicationId": plant, "globals": own}),
        (losant.flow.patch, {**one, "flow": {"globals": own}}),
        (losant.flow_versions.post, {**one, "flowVersion": {"version": "v", "globals": own}}),
    ):
        refused(400, "json", call, **given)
    assert losant.application.get(applicationId=plant)["globals"] == []
