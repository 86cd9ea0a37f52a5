"""Nodes over devices and their state: what they ask of the server, what they make of it."""

from tests.support.flow_world import (
    DEVICE,
    SHOW,
    FakeHost,
    asked,
    error,
    error_of,
    flow,
    node,
    result_of,
    run_many,
    start,
)

TIME = "2026-01-02T03:04:05.678Z"


def device_get(config, data=None, items=(), total=1):
    answer = {"items": list(items), "totalCount": total, "page": 0, "perPage": 100}
    return asked("GetDeviceNode", {"resultPath": "out", **config}, data, answer, "device.find")


def test_get_device_by_id_returns_it_with_dates_or_null():
    item = {
        "id": DEVICE,
        "creationDate": TIME,
        "tags": [],
        "connectionInfo": {"time": TIME, "connected": 1},
    }

    request, payload = device_get({"idTemplate": "{{data}}"}, DEVICE, [item])

    assert request["method"] == "id"
    assert request["value"] == DEVICE
    assert request["connection"] is True
    assert payload["out"]["creationDate"] == {"$date": TIME}
    assert payload["out"]["connectionInfo"]["time"] == {"$date": TIME}
    assert device_get({"idTemplate": "{{data}}"}, DEVICE)[1]["out"] is None


def test_get_device_finds_many_by_tags_with_metadata():
    config = {
        "findMethod": "findByAnyTags",
        "tags": [{"keyTemplate": "floor", "valueTemplate": "{{data}}"}, {"keyTemplate": "any"}],
        "findMultiple": True,
        "findMetadata": True,
        "resultsPerPage": "5",
        "resultsPage": "2",
        "sortField": "creationDate",
        "sortDirection": "DESC",
    }

    request, payload = device_get(config, "3", [{"id": DEVICE}], total=11)

    assert request["tags"] == [{"key": "floor", "value": "3"}, {"key": "any", "value": None}]
    assert (request["page"], request["perPage"]) == (2, 5)
    assert (request["sortField"], request["sortDirection"]) == ("creationDate", "desc")
    assert payload["out"]["totalCount"] == 11
    assert payload["out"]["count"] == 1
    assert payload["out"]["items"] == [{"id": DEVICE}]


def test_get_device_shows_tags_and_attributes_as_objects_and_state():
    item = {
        "id": DEVICE,
        "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}],
        "attributes": [{"name": "t", "dataType": "number"}],
        "compositeState": {"t": {"value": 1, "time": TIME}},
    }
    config = {
        "tagsAsObject": True,
        "attributesAsObject": True,
        "includeState": True,
        "attributes": ["t"],
    }

    request, payload = device_get(config, items=[item])

    assert request["state"] == ["t"]
    assert payload["out"]["tags"] == {"a": ["1", "2"]}
    assert payload["out"]["attributes"] == {"t": {"dataType": "number"}}
    assert payload["out"]["compositeState"]["t"]["time"] == {"$date": TIME}


def test_get_device_throws_for_a_page_that_is_none_and_for_a_refused_query():
    config = {
        "findMethod": "name",
        "idTemplate": "x",
        "findMultiple": True,
        "resultsPerPage": "1001",
        "resultPath": "o",
    }
    assert error_of("GetDeviceNode", config)["name"] == "Validation"

    host = FakeHost(device_find=lambda _r: error("Validation", "bad query"))
    config = {"findMethod": "query", "queryTemplate": '{"x": 1}', "resultPath": "o"}
    assert error_of("GetDeviceNode", config, None, host) == {
        "name": "Validation",
        "message": "bad query",
    }


def test_create_device_from_fields_leaves_out_what_is_empty():
    config = {
        "dataMethod": "individualFields",
        "nameTemplate": "{{data.name}}",
        "descriptionTemplate": "{{data.none}}",
        "deviceClassTemplate": "gateway",
        "systemIntervalTemplate": "30",
        "keepDuplicatesTemplate": "true",
        "deviceTags": [
            {"keyTemplate": "k", "valueTemplate": "{{data.name}}"},
            {"keyTemplate": "none"},
        ],
        "deviceAttributes": [{"nameTemplate": "t", "dataTypeTemplate": "number"}],
        "recipeIdTemplate": "{{data.recipe}}",
        "resultPath": "out",
    }

    request, payload = asked(
        "CreateDeviceNode", config, {"name": "d"}, {"id": DEVICE}, "device.create"
    )

    assert request == {
        "body": {
            "name": "d",
            "deviceClass": "gateway",
            "systemInterval": 30,
            "keepDuplicates": True,
            "tags": [{"key": "k", "value": "d"}],
            "attributes": [{"name": "t", "dataType": "number"}],
        }
    }
    assert payload["out"] == {"id": DEVICE}


def test_create_device_takes_a_whole_body_and_writes_errors_softly():
    config = {"dataMethod": "payloadPath", "devicePayloadPath": "data", "resultPath": "out"}

    request, payload = asked(
        "CreateDeviceNode", config, {"name": "d"}, error("Validation", "no"), "device.create"
    )

    assert request == {"body": {"name": "d"}}
    assert payload["out"] == {"error": {"type": "Validation", "message": "no"}}


def test_update_device_merges_tags_and_attributes_of_single_fields():
    config = {
        "idTemplate": DEVICE,
        "nameTemplate": "new",
        "deviceTags": [
            {"keyTemplate": "a", "valueTemplate": "1"},
            {"keyTemplate": "a", "valueTemplate": "2"},
            {"keyTemplate": "gone", "valueTemplate": ""},
        ],
        "deviceAttributes": [
            {"nameTemplate": "t", "dataTypeTemplate": "gps"},
            {"nameTemplate": "gone"},
        ],
    }

    request, _ = asked("UpdateDeviceNode", config)

    assert request == {
        "id": DEVICE,
        "body": {"name": "new"},
        "mergeTags": {"a": ["1", "2"], "gone": []},
        "mergeAttributes": {"t": {"dataType": "gps"}, "gone": None},
    }


def test_update_device_replaces_what_a_whole_body_names():
    config = {"idTemplate": DEVICE, "dataMethod": "jsonTemplate", "jsonTemplate": '{"tags": []}'}

    assert asked("UpdateDeviceNode", config)[0] == {"id": DEVICE, "body": {"tags": []}}
    assert (
        error_of("UpdateDeviceNode", {"idTemplate": "{{data.none}}"})["message"]
        == "Device id is required"
    )


def test_delete_device_by_id_and_by_query():
    by_id = {"dataMethod": "id", "deviceIdTemplate": DEVICE, "resultPath": "out"}
    older = {"deleteMode": "many", "queryTemplate": '{"name": "x"}'}
    nothing = {"dataMethod": "query"}

    assert (
        asked("DeviceDeleteWorkflowNode", by_id, None, {"result": True}, "device.delete")[1]["out"]
        is True
    )
    assert asked("DeviceDeleteWorkflowNode", older)[0] == {"query": {"name": "x"}}
    assert asked("DeviceDeleteWorkflowNode", nothing)[0] == {"query": None}


def report(config, data=None, **root):
    host = FakeHost()
    only = node("only", "DeviceChangeStateNode", {"deviceId": DEVICE, **config}, ["show"])
    run_many(flow(["only"], only, SHOW), [{**start(data), **root}], host)
    return host.requests[0]["reports"]


def test_device_state_from_fields_leaves_out_empty_values():
    infos = [
        {"key": "t", "valueTemplate": "{{data.t}}"},
        {"key": "u", "valueTemplate": "{{data.none}}"},
    ]

    assert report({"attrInfos": infos, "timeSourceType": "now"}, {"t": 1}) == [{"data": {"t": "1"}}]


def test_device_state_takes_values_reports_and_arrays_of_either():
    config = {"attrDataMethod": "payloadPath", "attrPayloadPath": "data", "timeSourceType": "now"}

    assert report(config, {"t": 1}) == [{"data": {"t": 1}}]
    assert report(config, {"data": {"t": 1}, "time": 5}) == [{"data": {"t": 1}, "time": 5}]
    assert report(config, {"data": 2, "x": 5}) == [{"data": {"data": 2, "x": 5}}]
    assert report(config, {"data": {"t": 1}, "x": 5}) == [{"data": {"x": 5}}]
    assert report(config, [{"t": 1}, {"data": {"t": 2}}]) == [
        {"data": {"t": 1}},
        {"data": {"t": 2}},
    ]
    assert (
        error_of("DeviceChangeStateNode", {"deviceId": DEVICE, **config}, 5)["name"] == "Validation"
    )


def test_device_state_adds_time_meta_and_version():
    from drover.flows.payload import date_of

    config = {
        "attrDataMethod": "jsonTemplate",
        "attrJsonTemplate": '{"t": 1}',
        "metaTemplate": "from {{data}}",
        "flowVersionTemplate": "v1",
    }

    assert report(config, "x", time=date_of(TIME)) == [
        {"data": {"t": 1}, "time": TIME, "meta": "from x", "flowVersion": "v1"}
    ]


def test_device_state_throws_only_without_a_result_path():
    host = FakeHost(state_report=lambda _r: error("NotFound", "Device was not found"))
    config = {"deviceIdTemplateType": "jsonPath", "deviceId": "data.id", "attrInfos": []}

    assert error_of("DeviceChangeStateNode", config, {"id": "x"}, host)["name"] == "NotFound"
    soft = result_of("DeviceChangeStateNode", {**config, "resultPath": "out"}, {"id": "x"}, host)
    assert soft["out"]["error"]["type"] == "NotFound"
    assert error_of("DeviceChangeStateNode", config, {}, host)["message"] == "Device id is required"


def test_device_state_leaves_out_values_and_moments_that_cannot_be_reported():
    config = {"attrDataMethod": "payloadPath", "attrPayloadPath": "data.d"}
    moment = {"timeSourceType": "payloadPath", "timeSourcePath": "data.t"}
    given = {"t": 1, "o": {"a": 1}, "l": [1], "n": None, "bad name": 1, "": 1}

    assert report(config, {"d": given}) == [{"data": {"t": 1}}]
    for time in (None, True, [1], {"$date": 5}):
        assert report({**config, **moment}, {"d": {"t": 1}, "t": time}) == [{"data": {"t": 1}}]
    dated = report({**config, **moment}, {"d": {"t": 1}, "t": {"$date": TIME}})
    assert dated == [{"data": {"t": 1}, "time": {"$date": TIME}}]


def test_device_state_takes_as_many_fields_as_a_device_has_attributes():
    infos = [{"key": f"a{number}", "valueTemplate": "1"} for number in range(256)]

    (told,) = report({"attrInfos": infos, "timeSourceType": "now"})

    assert len(told["data"]) == 256
