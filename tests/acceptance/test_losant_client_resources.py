"""Applications, devices, tables, people, events, keys and webhooks: every operation there is."""

from __future__ import annotations

import csv
import io
import time

import pytest
from losant_rest import Client

from tests.support.vendor import refused, sound, until


def test_an_application_with_its_globals_and_its_readme(vendor):
    calls, key = vendor.client.application, vendor.key

    read = sound(calls.get(**key, summaryInclude="deviceCount"), "applicationId")
    assert read["summary"] == {"deviceCount": 0}
    assert "deviceCount" not in calls.get(**key, summaryExclude="deviceCount")["summary"]
    assert "organizationName" not in read
    changed = calls.patch(**key, application={"description": "x", "endpointSlug": "s-9"})
    assert sound(changed, "applicationId")["description"] == "x"
    calls.globals(**key, globals=[{"key": "a", "json": "1"}, {"key": "b", "json": "2"}])
    merged = calls.globals(
        **key,
        globals=[{"key": "a", "json": None}, {"key": "b", "json": "3", "cloudOnly": True}],
    )
    assert merged["globals"] == [{"key": "b", "json": "3", "cloudOnly": True}]
    assert calls.readme_patch(**key, readme={"content": "# Works"})["content"] == "# Works"
    assert sound(calls.readme(**key))["lastUpdatedByType"] == "user"
    assert calls.delete(**key) == {"success": True}
    refused(404, "", calls.get, **key)


@pytest.fixture
def pump(vendor):
    """A device with two attributes and two values of one tag."""
    attributes = [{"name": "t", "dataType": "number"}, {"name": "s", "dataType": "string"}]
    tags = [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}]
    device = {"name": "Pump", "attributes": attributes, "tags": tags}
    made = sound(vendor.client.devices.post(**vendor.key, device=device), "deviceId")
    return {**vendor.key, "deviceId": made["id"]}


def test_a_device_is_read_changed_deleted_and_brought_back(vendor, pump):
    many, one = vendor.client.devices, vendor.client.device
    upper = {name: value.upper() for name, value in pump.items()}

    assert sound(one.get(**upper), "deviceId")["connectionInfo"] == {"connected": None}
    seen = one.get(**pump, tagsAsObject=True, attributesAsObject=True, excludeConnectionInfo=True)
    assert seen["tags"] == {"k": ["1", "2"]}
    assert seen["attributes"] == {"t": {"dataType": "number"}, "s": {"dataType": "string"}}
    assert "connectionInfo" not in seen
    patched = one.patch(**pump, device={"description": "d"}, tagsAsObject=True)
    assert (patched["description"], patched["tags"]) == ("d", {"k": ["1", "2"]})
    changed = many.patch(
        **vendor.key, patchInfo={"query": {"name": "Pump"}, "updateFields": {"description": "e"}}
    )
    assert changed["updated"] == 1
    assert many.delete(**vendor.key, options={"query": {"name": "Pump"}})["removed"] == 1
    assert many.get(**vendor.key, queryDeleted=True)["items"][0]["deletedAt"]
    assert many.restore(**vendor.key, options={"query": {"name": "Pump"}})["restored"] == 1
    assert one.delete(**pump) == {"success": True}
    refused(404, "", one.get, **pump)


def test_a_device_reports_state(vendor, pump):
    one, now = vendor.client.device, int(time.time() * 1000)
    one.send_state(
        **pump, deviceState=[{"data": {"t": 1}, "time": now - 9000}, {"data": {"t": "2"}}]
    )

    assert [each["data"] for each in sound(one.get_state(**pump))] == [{"t": 2}]
    assert [each["data"]["t"] for each in one.get_state(**pump, limit=9)] == [2, 1]
    rising = one.get_state(**pump, limit=9, since=now - 60_000, sortDirection="asc")
    assert [each["data"]["t"] for each in rising] == [1, 2]
    assert set(one.get_composite_state(**pump, attributes="t,s")) == {"t"}
    found = vendor.client.devices.get_composite_state(**vendor.key, attributes=["s"])
    assert [each["compositeState"] for each in found["items"]] == [{}]
    for narrow, names in (("pu*", ["Pump"]), ("x*", [])):
        query = {"filterField": "name", "filter": narrow}
        page = vendor.raw("GET", "/devices/compositeState", params=query).json()
        assert [each["name"] for each in page["items"]] == names
        assert (page["totalCount"], page["filter"]) == (len(names), narrow)
    queued = one.remove_data(**pump, start=1, end=0)
    assert (queued["success"], queued["jobQueued"]) == (True, True)
    until(lambda: one.get_state(**pump, limit=9), lambda found: found == [])
    log = vendor.client.application_job_log.get(**vendor.key, jobId=queued["jobId"])
    assert (log["name"], log["resourceId"]) == ("DevicesRemoveData", pump["deviceId"])


def test_a_device_is_commanded_and_comes_and_goes(vendor, pump):
    many, one = vendor.client.devices, vendor.client.device
    one.send_command(**pump, deviceCommand={"name": "go", "payload": {"x": 1}})

    (command,) = sound(one.get_command(**pump))
    assert (command["name"], command["payload"]) == ("go", {"x": 1})
    assert many.send_command(
        **vendor.key, multiDeviceCommand={"name": "all", "deviceQuery": {"name": "Pump"}}
    ) == {"success": True}
    assert [each["name"] for each in one.get_command(**pump, limit=9)] == ["all", "go"]
    one.set_connection_status(**pump, connectionStatus={"status": "connected"})
    assert one.get(**pump)["connectionInfo"]["connected"] == 1
    assert sound(one.get_log_entries(**pump))[0]["connected"] == 1


def test_a_device_that_went_may_tell_since_when_it_had_been_there(vendor, pump):
    one, now = vendor.client.device, int(time.time() * 1000)
    status = {"status": "disconnected", "connectedAt": now - 9000, "disconnectedAt": now - 5000}
    one.set_connection_status(**pump, connectionStatus=status)

    def found(field: str, ms: int) -> int:
        near = {field: {"$gte": ms, "$lte": ms}}
        return vendor.client.devices.get(**vendor.key, query=near)["count"]

    assert (found("connectedAt", now - 9000), found("disconnectedAt", now - 5000)) == (1, 1)
    assert one.get(**pump)["connectionInfo"]["connected"] == 0
    assert [each["connected"] for each in one.get_log_entries(**pump, limit=9)] == [0]


def test_names_of_devices_are_suggested_and_lists_narrowed(vendor, pump):
    many = vendor.client.devices

    assert many.attribute_names(**vendor.key, dataType="number") == {"attributeNames": ["t"]}
    assert many.tag_keys(**vendor.key, startsWith="K") == {"tagKeys": ["k"]}
    assert many.tag_values(**vendor.key, key="k")["tagValues"] == ["1", "2"]
    (named,) = many.device_names(**vendor.key, startsWith="p")["deviceSummary"]
    assert named["id"] == pump["deviceId"]
    for narrow in (
        {"deviceClass": ["standalone", "gateway"]},
        {"tagFilter": [{"key": "k", "value": "2"}]},
        {"tagFilter": [{"key": "k"}]},
        {"tagFilter": [{"value": "1"}]},
    ):
        assert many.get(**vendor.key, **narrow)["count"] == 1
    assert many.get(**vendor.key, deviceClass=["gateway"])["count"] == 0


def test_removing_data_is_answered_as_something_queued(vendor):
    (device_id,) = vendor.devices(1)

    assert vendor.raw("DELETE", f"/devices/{device_id}/data").status_code == 202


def test_a_device_token_sees_itself_alone(vendor):
    mine, other = vendor.devices(2)
    key = vendor.client.application_keys.post(**vendor.key, applicationKey={"deviceIds": [mine]})
    sound(key, "applicationKeyId")
    credentials = {"deviceId": mine, "key": key["key"], "secret": key["secret"]}
    token = Client(url=vendor.url).auth.authenticate_device(credentials=credentials)["token"]
    device = Client(auth_token=token, url=vendor.url)

    assert [each["id"] for each in device.devices.get(**vendor.key)["items"]] == [mine]
    device.device.send_state(**vendor.key, deviceId=mine, deviceState={"data": {}})
    refused(404, "", device.device.get, **vendor.key, deviceId=other)
    refused(403, "", device.device.patch, **vendor.key, deviceId=mine, device={"name": "n"})
    refused(403, "", device.application.get, **vendor.key)
    name = {**vendor.key, "applicationKeyId": key["id"]}
    assert "secret" not in vendor.client.application_key.get(**name)
    vendor.client.application_key.patch(**name, applicationKey={"status": "inactive"})
    refused(401, "Invalid access token", device.device.get, **vendor.key, deviceId=mine)
    assert vendor.client.application_key.delete(**name) == {"success": True}


def test_a_data_table_and_its_columns(vendor):
    one = vendor.client.data_table
    key = vendor.table(("s", "string", "unique"))
    added = {"name": "x", "dataType": "string", "constraint": "optional", "defaultValue": "q"}

    sound(one.get(**key), "dataTableId")
    assert one.patch(**key, dataTable={"name": "U"})["name"] == "U"
    refused(400, "columns", one.patch, **key, dataTable={"columns": []})
    assert one.add_column(**key, dataTableColumn=added)["columns"][-1] == added
    made = vendor.client.data_table_rows.post(**key, dataTableRow={"s": "one"})
    assert made["x"] == "q"
    left = one.remove_column(**key, columnName="x")["columns"]
    assert [each["name"] for each in left] == ["s"]
    assert "x" not in vendor.client.data_table_row.get(**key, rowId=made["id"])
    assert one.delete(**key) == {"success": True}


def test_rows_are_inserted_read_changed_and_deleted(vendor):
    rows, one = vendor.client.data_table_rows, vendor.client.data_table_row
    key = vendor.table(("s", "string", "unique"), ("n", "number", "optional"))
    first = sound(rows.post(**key, dataTableRow={"s": "one", "n": 1}))
    row = {**key, "rowId": first["id"]}

    assert set(first) == {"id", "createdAt", "updatedAt", "s", "n"}
    several = sound(rows.post(**key, dataTableRow=[{"s": "two", "n": 2}, {"s": "three"}]))
    assert (several["count"], len(several["rowIds"])) == (2, 2)
    refused(400, "Entry already exists", rows.post, **key, dataTableRow={"s": "one"})
    assert sound(one.get(**row))["s"] == "one"
    assert one.patch(**row, dataTableRow={"n": None})["n"] is None
    assert rows.delete(**key, query={"s": "two"}, limit=5) == {"removed": 1}
    assert one.delete(**row) == {"success": True}
    assert rows.truncate(**key) == {"success": True}
    past = rows.get(**key, offset=1000, limit=1000)
    assert (past["count"], past["items"], past["totalCount"]) == (0, [], 0)


def test_rows_are_listed_and_queried_with_the_fields_asked_for(vendor):
    rows = vendor.client.data_table_rows
    key = vendor.table(("s", "string", "unique"), ("n", "number", "optional"))
    rows.post(**key, dataTableRow=[{"s": "one", "n": 1}, {"s": "two", "n": 2}, {"s": "three"}])

    page = sound(rows.get(**key, sortColumn="s", sortDirection="desc", limit=1, offset=1))
    assert (page["count"], page["totalCount"], page["limit"], page["offset"]) == (1, 3, 1, 1)
    assert (page["sortColumn"], page["items"][0]["s"]) == ("s", "three")
    for fields in ("id,s", ["id", "s"]):
        shown = rows.get(**key, includeFields=fields, limit=1)["items"][0]
        assert set(shown) == {"id", "s"}
    refused(400, "zz", rows.get, **key, includeFields=["zz"])
    found = rows.query(**key, query={"n": {"$gte": 1}}, sortColumn="n", includeFields=["n"])
    assert [each["n"] for each in found["items"]] == [1, 2]


def test_experience_users_and_groups(vendor):
    users, groups = vendor.client.experience_users, vendor.client.experience_groups
    one, group = vendor.client.experience_user, vendor.client.experience_group
    (device_id,) = vendor.devices(1)
    top = groups.post(
        **vendor.key, experienceGroup={"name": "top", "deviceQueryJson": '{"name":"d0"}'}
    )
    below = groups.post(**vendor.key, experienceGroup={"name": "low", "parentId": top["id"]})
    sound(below, "experienceGroupId")
    assert below["ancestorIds"] == [top["id"]]
    made = users.post(
        **vendor.key,
        experienceUser={
            "email": "A@Example.com",
            "password": "Sup3rsecret!",
            "experienceGroupIds": [below["id"]],
        },
    )
    sound(made, "experienceUserId")
    assert "password" not in made
    key = {**vendor.key, "experienceUserId": made["id"]}
    assert one.patch(**key, experienceUser={"firstName": "G"})["firstName"] == "G"
    assert one.get(**key)["experienceGroups"][0]["id"] == below["id"]
    assert users.get(**vendor.key, experienceGroupId=below["id"])["count"] == 1
    assert users.get(**vendor.key, experienceGroupId=top["id"])["count"] == 0
    named = {**vendor.key, "experienceGroupId": top["id"]}
    counted = group.get(**named, includeDirectDeviceCount=True, includeTotalDeviceCount=True)
    assert (counted["directDeviceCount"], counted["totalDeviceCount"]) == (1, 1)
    owned = vendor.client.devices.get(**vendor.key, query={"experienceGroupId": top["id"]})
    assert [each["id"] for each in owned["items"]] == [device_id]
    changed = group.patch(**named, experienceGroup={"experienceUserIds": [made["id"]]})
    assert changed["experienceUserIds"] == [made["id"]]
    refused(
        400, "deviceQueryJson", groups.post,
        **vendor.key, experienceGroup={"name": "n", "deviceQueryJson": "{"},
    )  # fmt: skip
    assert one.delete(**key) == {"success": True}
    assert group.delete(**named) == {"success": True}


def test_events_from_new_to_resolved(vendor):
    many, one = vendor.client.events, vendor.client.event
    made = sound(
        many.post(**vendor.key, event={"level": "error", "subject": "Hot", "data": {"x": 1}}),
        "eventId",
    )
    key = {**vendor.key, "eventId": made["id"]}

    assert made["state"] == "new"
    top = many.most_recent_by_severity(**vendor.key, filter="h*")
    assert (top["newCount"], top["event"]["id"]) == (1, made["id"])
    changed = sound(one.patch(**key, event={"state": "acknowledged", "comment": "seen"}))
    assert changed["updates"][0]["stateChange"] == {"old": "new", "new": "acknowledged"}
    assert many.get(**vendor.key, state="acknowledged", query={"level": "error"})["count"] == 1
    assert many.get(**vendor.key, filterField="subject", filter="h?t")["count"] == 1
    many.patch(**vendor.key, updates={"state": "resolved"}, query={"subject": "Hot"})
    assert one.get(**key)["state"] == "resolved"
    refused(400, "query", many.patch, **vendor.key, updates={"state": "new"})
    assert many.delete(**vendor.key, query={"subject": "Hot"}) == {"removed": 1}
    more = many.post(**vendor.key, event={"level": "info", "subject": "x"})
    assert one.delete(**{**vendor.key, "eventId": more["id"]}) == {"success": True}


def test_webhooks_and_tokens_of_an_application(vendor):
    hooks, tokens = vendor.client.webhooks, vendor.client.application_api_tokens
    hook = sound(
        hooks.post(
            **vendor.key,
            webhook={"name": "w", "verificationType": "none", "responseCode": 200},
        ),
        "webhookId",
    )
    key = {**vendor.key, "webhookId": hook["id"]}
    changed = vendor.client.webhook.patch(**key, webhook={"name": "v"})
    assert (changed["name"], changed["token"]) == ("v", hook["token"])
    assert len(hook["token"]) == 32
    refused(400, "token", vendor.client.webhook.patch, **key, webhook={"token": "mine"})
    assert vendor.client.webhook.get(**key)["responseCode"] == 200
    assert vendor.client.webhook.delete(**key, includeWorkflows=True) == {"success": True}
    token = sound(tokens.post(**vendor.key, apiToken={"name": "t"}), "apiTokenId")
    named = {**vendor.key, "apiTokenId": token["id"]}
    assert "token" not in vendor.client.application_api_token.get(**named)
    assert vendor.client.application_api_token.patch(**named, apiToken={"name": "u"})["name"] == "u"
    assert vendor.client.application_api_token.delete(**named) == {"success": True}


TEXT = "x" * 255
EDGES = [
    ("devices", "device", {"name": "n"}, "name", TEXT, TEXT + "x"),
    ("devices", "device", {"name": "n"}, "description", "x" * 32767, "x" * 32768),
    ("devices", "device", {"name": "n"}, "deviceClass", "floating", "Floating"),
    ("devices", "device", {"name": "n"}, "systemInterval", 3600, 3601),
    ("devices", "device", {"name": "n"}, "systemInterval", 5, 4),
    (
        "devices", "device", {"name": "n"}, "tags",
        [{"key": "k", "value": "v"}] * 100, [{"key": "k", "value": "v"}] * 101,
    ),
    ("devices", "device", {"name": "n"}, "parentId", None, "f" * 23),
    ("events", "event", {"level": "info", "subject": "s"}, "message", "x" * 32767, "x" * 32768),
    ("events", "event", {"level": "info", "subject": "s"}, "level", "critical", "fatal"),
    ("events", "event", {"level": "info", "subject": "s"}, "eventTags", {"a": "1"}, {"a b": "1"}),
    ("flows", "flow", {"name": "n"}, "name", TEXT, ""),
    ("flows", "flow", {"name": "n"}, "flowClass", "experience", "other"),
    ("flows", "flow", {"name": "n"}, "enabled", False, "false"),
    (
        "flows", "flow", {"name": "n"}, "globals",
        [{"key": "k", "json": "1"}], [{"key": "k", "json": "1", "cloudOnly": True}],
    ),
    ("data_tables", "dataTable", {"name": "n"}, "description", "x" * 32767, None),
    ("resource_jobs", "resourceJob", {"name": "n", "resourceType": "device"}, "queryJson", "{}", "{"),
    *(
        ("resource_jobs", "resourceJob", {"name": "n", "resourceType": "device"}, name, edge, beyond)
        for name, edge, beyond in [
            ("iterationDelay", 0, -1),
            ("iterationDelay", 60_000, 60_001),
            ("iterationTimeout", 900_000, 900_001),
            ("maxIterationRetries", 1, 0),
            ("maxIterationRetries", 5, 6),
            ("retryDelay", 30_000, 30_001),
            ("maxIterationConcurrency", 1000, 1001),
            ("maxIterationConcurrency", 10, 2.5),
            ("defaultContext", '{"a":1}', "[]"),
            ("resourceType", "experienceUser", "users"),
        ]
    ),
    ("application_keys", "applicationKey", {}, "filterType", "none", "some"),
    ("webhooks", "webhook", {"name": "n"}, "responseCode", 599, 600),
]  # fmt: skip


@pytest.mark.parametrize(
    ("family", "body", "needed", "field", "edge", "beyond"),
    EDGES,
    ids=[f"{each[0]}-{each[3]}-{at}" for at, each in enumerate(EDGES)],
)
def test_a_field_is_taken_at_its_edge_and_refused_beyond_it_by_name(
    vendor, family, body, needed, field, edge, beyond
):
    if family == "webhooks":
        needed = {**needed, "verificationType": "none", "responseCode": 200}
    post = getattr(vendor.client, family).post

    assert post(**vendor.key, **{body: {**needed, field: edge}}).get(field) == edge
    refused(400, field, post, **vendor.key, **{body: {**needed, field: beyond}})
    refused(400, "zz", post, **vendor.key, **{body: {**needed, "zz": 1}})


def test_ids_of_other_applications_look_like_missing_ones(vendor):
    other = vendor.client.applications.post(application={"name": "Other"})["id"]
    (device_id,) = vendor.devices(1)

    foreign = vendor.raw("GET", f"/../{other}/devices/{device_id}")
    missing = vendor.raw("GET", f"/../{other}/devices/{'a' * 24}")

    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert vendor.raw("GET", "/devices/abc").status_code == 400


def test_a_device_reads_its_own_attributes_and_changes_none(vendor):
    attribute = {"name": "voltage", "dataType": "number"}
    made = vendor.client.devices.post(**vendor.key, device={"name": "d", "attributes": [attribute]})
    device = {**vendor.key, "deviceId": made["id"]}
    key = vendor.client.application_keys.post(
        **vendor.key, applicationKey={"deviceIds": [device["deviceId"]]}
    )
    credentials = {"deviceId": device["deviceId"], "key": key["key"], "secret": key["secret"]}
    token = vendor.client.auth.authenticate_device(credentials=credentials)["token"]
    own = type(vendor.client)(auth_token=token, url=vendor.url)
    (other,) = vendor.devices(1)

    assert own.device_attributes.get(**device)["count"] == 1
    assert own.device_attribute.get(**device, name="voltage")["dataType"] == "number"
    refused(403, "", own.device_attribute.delete, **device, name="voltage")
    refused(404, "", own.device_attributes.get, **vendor.key, deviceId=other)


def test_each_device_that_a_recipe_makes_may_have_a_key_of_its_own(vendor):
    client = vendor.client
    recipe = client.device_recipes.post(**vendor.key, deviceRecipe={"name": "Pump"})
    one = {**vendor.key, "deviceRecipeId": recipe["id"]}

    made = client.device_recipe.bulk_create(
        **one, bulkInfo={"csv": "floor\n1\n2\n", "makeUniqueKeySecret": True}
    )

    first, second = csv.DictReader(io.StringIO(made["csvResult"]))
    assert first["accessKey"] != second["accessKey"]
    credentials = {
        "deviceId": first["deviceId"],
        "key": first["accessKey"],
        "secret": first["accessSecret"],
    }
    assert client.auth.authenticate_device(credentials=credentials)["token"]
    refused(
        401,
        "",
        client.auth.authenticate_device,
        credentials={**credentials, "deviceId": second["deviceId"]},
    )
