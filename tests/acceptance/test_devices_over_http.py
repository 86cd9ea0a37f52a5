"""Devices over real HTTP with the vendor's own client: lists, bulk changes, reports."""

from __future__ import annotations

import json
from time import time

import pytest
import requests
from losant_rest import LosantError

ATTRIBUTES = [
    {"name": "heat", "dataType": "number"},
    {"name": "label", "dataType": "string"},
    {"name": "open", "dataType": "boolean"},
    {"name": "place", "dataType": "gps"},
]


def refusal(call, **arguments) -> LosantError:
    with pytest.raises(LosantError) as refused:
        call(**arguments)
    return refused.value


def make(losant, plant, **device) -> dict:
    return losant.devices.post(applicationId=plant, device={"name": "Pump", **device})


def names(listed: dict) -> list[str]:
    return [item["name"] for item in listed["items"]]


def test_lists_are_sorted_paged_and_filtered_by_name(losant, plant):
    for name in ("beta", "Alpha one", "alpha TWO", "100%"):
        make(losant, plant, name=name)

    page = losant.devices.get(
        applicationId=plant, sortField="name", sortDirection="desc", perPage=2, page=1
    )
    found = losant.devices.get(applicationId=plant, filterField="name", filter="ALPHA*")
    literal = losant.devices.get(applicationId=plant, filterField="name", filter="*%")
    past = losant.devices.get(applicationId=plant, perPage=2, page=9)

    assert names(page) == ["Alpha one", "100%"]
    assert (page["count"], page["totalCount"], page["page"], page["perPage"]) == (2, 4, 1, 2)
    assert names(found) == ["Alpha one", "alpha TWO"]
    assert (found["filterField"], found["filter"]) == ("name", "ALPHA*")
    assert names(literal) == ["100%"]
    assert (past["count"], past["totalCount"], past["items"]) == (0, 4, [])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"sortField": "colour"}, "sortField"),
        ({"sortField": "name; DROP TABLE device"}, "sortField"),
        ({"sortDirection": "up"}, "sortDirection"),
        ({"page": -1}, "page"),
        ({"page": "x"}, "page"),
        ({"perPage": 0}, "perPage"),
        ({"perPage": 1001}, "perPage"),
        ({"filterField": "password", "filter": "x"}, "filterField"),
        ({"deviceClass": ["rocket"]}, "deviceClass"),
        ({"tagFilter": [{"colour": "red"}]}, "tagFilter"),
        ({"parentId": "short"}, "parentId"),
        ({"query": {"colour": "red"}}, "colour"),
        ({"query": {"name": {"$regex": ".*"}}}, "$regex"),
    ],
)
def test_bad_list_parameters_are_refused_by_name(losant, plant, arguments, field):
    refused = refusal(losant.devices.get, applicationId=plant, **arguments)

    assert (refused.status, refused.data["type"]) == (400, "Validation")
    assert field in refused.data["message"]


def test_lists_are_narrowed_by_class_tags_parent_and_query(losant, plant):
    top = make(losant, plant, name="top", deviceClass="system")
    make(losant, plant, name="low", parentId=top["id"], tags=[{"key": "floor", "value": "1"}])
    make(losant, plant, name="gate", deviceClass="gateway", tags=[{"key": "floor", "value": "2"}])

    def found(**arguments) -> list[str]:
        return names(losant.devices.get(applicationId=plant, **arguments))

    assert found(deviceClass=["gateway", "system"]) == ["gate", "top"]
    assert found(tagFilter=[{"key": "floor", "value": "1"}]) == ["low"]
    assert found(tagFilter=[{"key": "floor"}]) == ["gate", "low"]
    assert found(parentId=top["id"]) == ["low"]
    assert found(query={"tags": {"floor": "2"}}) == ["gate"]
    assert found(query={"$or": [{"name": {"$startsWith": "t"}}, {"name": "low"}]}) == ["low", "top"]
    assert found(query={"name": "low"}, deviceClass=["gateway"]) == ["low"]


def test_tags_and_attributes_come_as_objects_where_asked(losant, plant):
    tags = [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]
    made = make(losant, plant, tags=tags, attributes=ATTRIBUTES[:1])

    shaped = losant.device.get(
        applicationId=plant,
        deviceId=made["id"],
        tagsAsObject=True,
        attributesAsObject=True,
        excludeConnectionInfo=True,
    )

    assert shaped["tags"] == {"a": ["1", "2"]}
    assert shaped["attributes"] == {"heat": {"dataType": "number"}}
    assert "connectionInfo" not in shaped


def test_ids_are_accepted_in_upper_case_and_shown_in_lower_case(losant, plant):
    parent = make(losant, plant)
    made = make(losant, plant, parentId=parent["id"].upper())

    found = losant.device.get(applicationId=plant.upper(), deviceId=made["id"].upper())

    assert found["id"] == made["id"] == made["id"].lower()
    assert found["parentId"] == parent["id"]


def test_ancestors_follow_a_move_and_circles_are_refused(losant, plant):
    top, middle, low = (make(losant, plant, name=name) for name in ("top", "middle", "low"))

    def move(device, parent) -> dict:
        return losant.device.patch(
            applicationId=plant, deviceId=device["id"], device={"parentId": parent and parent["id"]}
        )

    move(low, middle)
    move(middle, top)
    found = losant.device.get(applicationId=plant, deviceId=low["id"])
    circle = refusal(
        losant.device.patch, applicationId=plant, deviceId=top["id"], device={"parentId": low["id"]}
    )
    below = losant.devices.get(applicationId=plant, query={"ancestorId": top["id"]})
    losant.device.delete(applicationId=plant, deviceId=middle["id"])
    orphan = losant.device.get(applicationId=plant, deviceId=low["id"])

    assert found["ancestorIds"] == [middle["id"], top["id"]]
    assert circle.status == 400
    assert names(below) == ["low", "middle"]
    assert orphan["ancestorIds"] == []
    assert "parentId" not in orphan


def test_deleted_devices_are_listed_on_demand_and_can_be_brought_back(losant, plant):
    made = make(losant, plant)
    losant.device.delete(applicationId=plant, deviceId=made["id"])

    gone = losant.devices.get(applicationId=plant, queryDeleted=True)
    answer = losant.devices.restore(applicationId=plant, options={"query": {"id": made["id"]}})
    back = losant.device.get(applicationId=plant, deviceId=made["id"])

    assert [item["id"] for item in gone["items"]] == [made["id"]]
    assert gone["items"][0]["deletedAt"].endswith("Z")
    assert answer == {"restored": 1, "failed": 0}
    assert back == made


def test_many_devices_are_changed_by_fields_and_steps(losant, plant):
    one, two = make(losant, plant, name="one"), make(losant, plant, name="two")
    steps = [
        {"operation": "set", "target": "tag", "value": {"key": "line", "value": "3"}},
        {"operation": "add", "target": "attribute", "value": ATTRIBUTES[0]},
    ]

    answer = losant.devices.patch(
        applicationId=plant,
        patchInfo={
            "deviceIds": [one["id"]],
            "updateFields": {"description": "new"},
            "updateOperations": steps,
        },
    )
    again = losant.devices.patch(
        applicationId=plant,
        patchInfo={"query": {"name": "one"}, "updateFields": {"description": "new"}},
    )

    changed = losant.device.get(applicationId=plant, deviceId=one["id"])
    assert answer == {"updated": 1, "failed": 0, "skipped": 0}
    assert again == {"updated": 0, "failed": 0, "skipped": 1}
    assert changed["description"] == "new"
    assert changed["tags"] == [{"key": "line", "value": "3"}]
    assert [each["name"] for each in changed["attributes"]] == ["heat"]
    assert losant.device.get(applicationId=plant, deviceId=two["id"]) == two


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"updateFields": {"name": "x"}},
        {"updateFields": {"name": "x"}, "deviceIds": []},
        {"updateFields": {"name": "x"}, "query": {"bad": 1}},
        {"query": {}, "updateOperations": [{"operation": "set", "target": "tag"}]},
        {"query": {}, "updateFields": {"name": ""}},
    ],
)
def test_a_bulk_change_without_a_sound_choice_changes_nothing(losant, plant, body):
    made = make(losant, plant)

    refused = refusal(losant.devices.patch, applicationId=plant, patchInfo=body)

    assert refused.status == 400
    assert losant.device.get(applicationId=plant, deviceId=made["id"]) == made


def test_devices_are_deleted_by_query_and_by_nothing_less(losant, plant):
    make(losant, plant, name="one")
    make(losant, plant, name="two")

    assert refusal(losant.devices.delete, applicationId=plant, options={}).status == 400
    answer = losant.devices.delete(applicationId=plant, options={"query": {"name": "one"}})

    assert answer == {"removed": 1, "failed": 0}
    assert names(losant.devices.get(applicationId=plant)) == ["two"]


def test_names_in_use_are_suggested(losant, plant):
    make(losant, plant, name="Pump", tags=[{"key": "Floor", "value": "1"}], attributes=ATTRIBUTES)
    make(losant, plant, name="pipe", tags=[{"key": "line", "value": "2"}])

    keys = losant.devices.tag_keys(applicationId=plant, startsWith="f")
    values = losant.devices.tag_values(applicationId=plant, key="Floor")
    attributes = losant.devices.attribute_names(applicationId=plant, dataType=["number", "gps"])
    summary = losant.devices.device_names(applicationId=plant, startsWith="PU")

    assert keys == {"tagKeys": ["Floor"]}
    assert values == {"tagKey": "Floor", "tagValues": ["1"]}
    assert attributes == {"attributeNames": ["heat", "place"]}
    assert [each["name"] for each in summary["deviceSummary"]] == ["Pump"]


def test_many_devices_are_created_at_once_with_their_state(losant, plant, resource_server):
    url = f"{resource_server.url}/applications/{plant}/devices/batch"
    bodies = [
        {"name": f"d{n}", "attributes": ATTRIBUTES[:1], "tags": [{"key": "n", "value": str(n)}]}
        | {"state": {"heat": n}}
        for n in range(250)
    ]

    answer = requests.post(
        url, json={"devices": bodies}, headers={"Authorization": "Bearer mine"}, timeout=20
    )
    broken = requests.post(
        url,
        json={"devices": [{"name": "ok"}, {"name": ""}]},
        headers={"Authorization": "Bearer mine"},
        timeout=60,
    )

    made = answer.json()
    assert (answer.status_code, made["created"]) == (201, 250)
    listed = losant.devices.get(applicationId=plant, query={"tags": {"n": "7"}})
    assert [item["id"] for item in listed["items"]] == [made["deviceIds"][7]]
    state = losant.device.get_composite_state(applicationId=plant, deviceId=made["deviceIds"][7])
    assert state["heat"]["value"] == 7
    assert (broken.status_code, "devices[1].name" in broken.text) == (400, True)
    assert losant.devices.get(applicationId=plant)["totalCount"] == 250


def test_state_is_kept_as_the_type_of_its_attribute(losant, plant):
    made = make(losant, plant, attributes=ATTRIBUTES)
    key = {"applicationId": plant, "deviceId": made["id"]}
    data = {"heat": "21.5", "label": 7, "open": "true", "place": "52.5, 13.4", "unknown": 1}

    losant.device.send_state(**key, deviceState={"data": data})

    state = losant.device.get_composite_state(**key)
    values = {name: each["value"] for name, each in state.items()}
    assert values == {"heat": 21.5, "label": "7", "open": True, "place": "52.5,13.4"}


def test_state_of_one_moment_is_merged_and_the_newest_moment_is_shown(losant, plant):
    made = make(losant, plant, attributes=ATTRIBUTES)
    key = {"applicationId": plant, "deviceId": made["id"]}
    now = int(time() * 1000)
    reports = [
        {"time": now - 5000, "data": {"heat": 1}},
        {"time": now, "data": {"heat": 2}},
        {"time": now, "data": {"label": "x"}},
    ]

    losant.device.send_state(**key, deviceState=reports)

    newest = losant.device.get_state(**key)
    oldest = losant.device.get_state(**key, limit=5, sortDirection="asc")
    assert newest[0]["data"] == {"heat": 2, "label": "x"}
    assert len(newest) == 1
    assert [each["data"].get("heat") for each in oldest] == [1, 2]


@pytest.mark.parametrize(
    ("moment", "stored"),
    [
        (lambda now: now - 1000, True),
        (lambda now: (now - 1000) // 1000, True),
        (lambda _: -1000, True),
        (lambda _: {"$date": "2001-01-01T00:00:00.000Z"}, False),
        (lambda now: now - 31 * 86_400_000, False),
        (lambda now: now + 2 * 86_400_000, False),
        (lambda _: "no date", True),
    ],
)
def test_reports_far_from_now_are_passed_over(losant, plant, moment, stored):
    made = make(losant, plant, attributes=ATTRIBUTES)
    key = {"applicationId": plant, "deviceId": made["id"]}
    report = {"time": moment(int(time() * 1000)), "data": {"heat": 1}}

    assert losant.device.send_state(**key, deviceState=report) == {"success": True}

    assert bool(losant.device.get_state(**key)) is stored


def test_composite_state_of_a_span_and_of_many_devices(losant, plant):
    made = make(losant, plant, attributes=ATTRIBUTES)
    key = {"applicationId": plant, "deviceId": made["id"]}
    now = int(time() * 1000)
    for age, heat in ((60_000, 1), (0, 2)):
        report = {"time": now - age, "data": {"heat": heat}}
        losant.device.send_state(**key, deviceState=report)

    old = losant.device.get_composite_state(**key, start=now - 90_000, end=now - 30_000)
    many = losant.devices.get_composite_state(applicationId=plant, attributes=["heat"])

    assert old["heat"]["value"] == 1
    assert many["items"][0]["compositeState"]["heat"]["value"] == 2
    assert (many["count"], many["totalCount"]) == (1, 1)


def test_commands_are_kept_for_the_devices_chosen(losant, plant):
    one = make(losant, plant, tags=[{"key": "a", "value": "1"}])
    two = make(losant, plant)
    command = {"name": "reset", "payload": [1, 2]}

    losant.device.send_command(applicationId=plant, deviceId=one["id"], deviceCommand=command)
    losant.devices.send_command(
        applicationId=plant,
        multiDeviceCommand={**command, "name": "all", "deviceTags": [{"key": "a"}]},
    )
    none = refusal(losant.devices.send_command, applicationId=plant, multiDeviceCommand=command)

    kept = losant.device.get_command(applicationId=plant, deviceId=one["id"], limit=5)
    assert sorted(each["name"] for each in kept) == ["all", "reset"]
    assert kept[0]["payload"] == [1, 2]
    assert losant.device.get_command(applicationId=plant, deviceId=two["id"]) == []
    assert none.status == 400


def test_connections_are_logged_and_shown(losant, plant):
    made = make(losant, plant)
    key = {"applicationId": plant, "deviceId": made["id"]}

    losant.device.set_connection_status(**key, connectionStatus={"status": "connected"})
    losant.device.set_connection_status(
        **key,
        connectionStatus={"status": "disconnected", "disconnectReason": "gone"},
    )

    found = losant.device.get(**key)
    log = losant.device.get_log_entries(**key, limit=5)
    offline = losant.devices.get(applicationId=plant, query={"connectionStatus": "disconnected"})
    assert found["connectionInfo"]["connected"] == 0
    assert {each["connected"] for each in log} == {0, 1}
    assert [each.get("disconnectReason") for each in log if each["connected"] == 0] == ["gone"]
    assert offline["totalCount"] == 1


def test_two_attributes_of_one_name_are_refused(losant, plant):
    refused = refusal(
        losant.devices.post,
        applicationId=plant,
        device={"name": "x", "attributes": [ATTRIBUTES[0], ATTRIBUTES[0]]},
    )

    assert (refused.status, "attributes" in refused.data["message"]) == (400, True)


def test_a_parent_of_another_application_looks_like_none(losant, plant):
    other = losant.applications.post(application={"name": "Other"})["id"]
    stranger = make(losant, other)

    refused = refusal(
        losant.devices.post, applicationId=plant, device={"name": "x", "parentId": stranger["id"]}
    )

    assert refused.status == 400
    assert json.dumps(refused.data).count("was not found") == 1
