import pytest

from tests.support.flow_world import (
    DEVICE,
    SHOW,
    FakeHost,
    error,
    error_of,
    flow,
    node,
    result_of,
    run_many,
    run_one,
    shown,
    start,
)

TIME = "2026-01-02T03:04:05.678Z"


def asked(kind, config, data=None, answer=None, operation=None):
    """The one request of a node, and the payload after it."""
    host = FakeHost()
    if operation:
        host.answers[operation] = lambda _request: answer
    payload = result_of(kind, config, data, host)
    return (host.requests[0] if host.requests else None), payload


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
    assert report(config, {"data": {"t": 1}, "x": 5}) == [{"data": {"data": {"t": 1}, "x": 5}}]
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


def test_get_value_falls_back_to_its_default():
    missing = {"found": False, "value": None}
    config = {"keyName": "{{data.key}}", "valuePath": "out"}

    assert asked(
        "GetValueNode", config, {"key": "k"}, {"found": True, "value": [1]}, "storage.get"
    )[1]["out"] == [1]
    for more, expected in (
        ({"defaultValue": "x{{data.key}}"}, "xk"),
        ({"defaultValue": "[1]", "defaultValueType": "json"}, [1]),
        ({"defaultValue": "data.key", "defaultValueType": "path"}, "k"),
    ):
        assert (
            asked("GetValueNode", {**config, **more}, {"key": "k"}, missing, "storage.get")[1][
                "out"
            ]
            == expected
        )
    assert "out" not in asked("GetValueNode", config, {"key": "k"}, missing, "storage.get")[1]


def test_get_value_may_ask_for_all():
    request, payload = asked(
        "GetValueNode",
        {"getAll": True, "valuePath": "out"},
        None,
        {"found": True, "value": {"a": 1}},
        "storage.get",
    )

    assert request == {"all": True}
    assert payload["out"] == {"a": 1}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"valueType": "template", "value": "n{{data.n}}"}, {"action": "set", "value": "n5"}),
        ({"valueType": "json", "value": "[{{data.n}}]"}, {"action": "set", "value": [5]}),
        ({"valueType": "number", "value": "{{data.n}}"}, {"action": "set", "value": 5}),
        ({"valueType": "path", "valuePath": "data"}, {"action": "set", "value": {"n": 5}}),
        ({"valueType": "path", "valuePath": "data.none"}, {"action": "clear"}),
        ({"valueType": "incr", "value": "0.5"}, {"action": "add", "value": 0.5}),
        ({"valueType": "decr", "value": "{{data.n}}"}, {"action": "add", "value": -5}),
        ({"valueType": "clear"}, {"action": "clear"}),
    ],
)
def test_store_value_kinds(config, expected):
    request, payload = asked(
        "StoreValueNode",
        {"keyName": "k", "resultPath": "out", **config},
        {"n": 5},
        {"value": 9},
        "storage.store",
    )

    assert request == {"key": "k", **expected}
    assert payload["out"] == 9


def test_store_value_throws_for_no_number_a_long_key_and_a_refusal():
    config = {"keyName": "k", "valueType": "incr", "value": "many"}
    assert error_of("StoreValueNode", config)["message"] == "Value must be a number"
    assert (
        error_of("StoreValueNode", {**config, "value": "1", "keyName": "k" * 256})["name"]
        == "Validation"
    )

    host = FakeHost(storage_store=lambda _r: error("PayloadTooLarge", "too large"))
    assert (
        error_of("StoreValueNode", {**config, "value": "1"}, None, host)["name"]
        == "PayloadTooLarge"
    )


def test_table_rows_are_queried_with_their_defaults():
    answer = {"items": [{"id": "r", "createdAt": TIME}], "count": 1, "totalCount": 1}

    request, payload = asked(
        "DataTableQueryNode",
        {"dataTableIdTemplate": "t", "resultPath": "out"},
        None,
        answer,
        "row.query",
    )

    assert request == {
        "tableId": "t",
        "query": {},
        "limit": 1000,
        "offset": 0,
        "sortColumn": "id",
        "sortDirection": "asc",
        "fields": None,
    }
    assert payload["out"]["items"] == [{"id": "r", "createdAt": {"$date": TIME}}]


def test_table_rows_are_inserted_from_fields_json_or_payload():
    fields = [
        {"columnTemplate": "a", "valueTemplate": "{{data}}"},
        {"columnTemplate": "b", "valueTemplate": ""},
        {"columnTemplate": "c", "valueTemplate": None},
    ]
    table = {"dataTableIdTemplate": "t"}

    one = asked("DataTableInsertRowNode", {**table, "rowFields": fields}, 1)[0]
    many = asked(
        "DataTableInsertRowNode",
        {**table, "dataMethod": "payloadPath", "rowPayloadPath": "data"},
        [{"a": 1}],
    )[0]

    assert one == {"tableId": "t", "data": {"a": "1", "c": None}, "cast": True}
    assert many == {"tableId": "t", "data": [{"a": 1}]}
    config = {**table, "dataMethod": "jsonTemplate", "rowJsonTemplate": "5"}
    assert error_of("DataTableInsertRowNode", config)["message"] == "A row must be an object"


def test_table_rows_are_updated_by_id_or_query():
    table = {
        "dataTableIdTemplate": "t",
        "dataMethod": "jsonTemplate",
        "rowJsonTemplate": '{"a": null}',
    }

    by_id = asked("DataTableUpdateRowNode", {**table, "rowIdTemplate": "r"})[0]
    by_query = {**table, "rowSelectType": "query", "queryTemplate": '{"a": 1}', "upsertCheck": True}

    assert by_id == {"tableId": "t", "rowId": "r", "data": {"a": None}}
    assert asked("DataTableUpdateRowNode", by_query)[0] == {
        "tableId": "t",
        "query": {"a": 1},
        "upsert": True,
        "data": {"a": None},
    }


def test_table_rows_are_deleted_by_id_or_a_query_that_is_there():
    table = {"dataTableIdTemplate": "t"}

    assert asked("DataTableDeleteRowNode", {**table, "rowIdTemplate": "r"})[0] == {
        "tableId": "t",
        "rowId": "r",
    }
    assert asked("DataTableDeleteRowNode", {**table, "queryTemplate": "{}", "limitTemplate": "5"})[
        0
    ] == {
        "tableId": "t",
        "query": {},
        "limit": 5,
    }
    config = {**table, "queryTemplate": "{{data.none}}"}
    assert error_of("DataTableDeleteRowNode", config)["message"] == "Query is required"


def test_an_event_is_created_from_fields():
    config = {
        "levelTemplate": "error",
        "subjectTemplate": "{{data}}",
        "messageTemplate": "",
        "eventTags": [{"keyTemplate": "k", "valueTemplate": "v"}],
        "dataSourceType": "payloadPath",
        "dataSourcePath": "data",
        "resultPath": "out",
    }

    request, payload = asked(
        "EventCreateNode", config, "hot", {"id": "e", "creationDate": TIME}, "event.create"
    )

    assert request == {
        "body": {"level": "error", "subject": "hot", "data": "hot", "eventTags": {"k": "v"}}
    }
    assert payload["out"]["creationDate"] == {"$date": TIME}
    assert asked("CreateEventNode", config, "hot")[0] == request


def test_an_event_is_found_by_id_or_query():
    one = {"eventIdTemplate": "e", "resultPath": "out"}
    many = {"queryTemplate": "{}", "findMultiple": True, "findMetadata": True, "resultPath": "out"}
    answer = {"items": [], "totalCount": 0, "page": 0, "perPage": 100}

    assert asked("EventGetNode", one, None, answer, "event.find")[0] == {"id": "e"}
    assert asked("EventGetNode", one, None, answer, "event.find")[1]["out"] is None
    request, payload = asked("GetEventNode", many, None, answer, "event.find")
    assert request["many"] is True
    assert (request["sortField"], request["sortDirection"]) == ("creationDate", "desc")
    assert payload["out"]["items"] == []
    assert payload["out"]["findMethod"] == "query"


def test_an_events_mode_is_told_by_its_meta():
    host = FakeHost(event_find=lambda _r: {"items": [{"id": "e"}], "totalCount": 1})
    config = {"queryTemplate": "{}", "eventIdTemplate": "left over", "resultPath": "out"}
    only = node("only", "EventGetNode", config, ["show"], mode="queryTemplateSingle")

    payload = shown(run_one(flow(["only"], only, SHOW), None, host))

    assert host.requests[0]["many"] is False
    assert payload["out"] == {"id": "e"}


def test_an_event_update_leaves_blanks_and_merges_tags():
    config = {
        "targetEventIdTemplate": "e",
        "stateTemplate": "resolved",
        "commentTemplate": "",
        "deviceIdTemplate": None,
        "eventTags": [{"keyTemplate": "a", "valueTemplate": "1"}, {"keyTemplate": "gone"}],
    }

    assert asked("EventUpdateNode", config)[0] == {
        "id": "e",
        "body": {"state": "resolved", "deviceId": None},
        "mergeTags": {"a": "1", "gone": None},
    }


def test_events_are_deleted():
    assert asked("DeleteEventNode", {"eventIdTemplate": "e"})[0] == {"id": "e"}
    assert (
        asked("EventDeleteNode", {"queryTemplate": "{}", "deleteMultiple": True})[0]["many"] is True
    )


BUTTON = {"triggerWorkflowId": "f", "flowVersionTemplate": "develop", "triggerVirtualButtonId": "b"}


def test_a_workflow_presses_a_button():
    config = {
        **BUTTON,
        "behavior": "immediate",
        "payloadTemplate": '{"x": {{data}}}',
        "resultPath": "out",
    }

    request, payload = asked("WorkflowTriggerNode", config, 1, {"flowId": "f"}, "flow.trigger")

    assert request == {"flowId": "f", "version": "develop", "button": "b", "payload": {"x": 1}}
    assert payload["out"] == {"flowId": "f", "success": True}


def test_a_workflow_schedules_and_cancels_a_press():
    schedule = {
        **BUTTON,
        "behavior": "schedule",
        "secondsTemplate": "1.5",
        "runIdTemplate": "r",
        "resultPath": "out",
    }
    absolute = {**BUTTON, "behavior": "schedule", "scheduling": "absolute", "dateTemplate": TIME}
    cancel = {**BUTTON, "behavior": "cancel", "runIdTemplate": "r", "resultPath": "out"}
    answer = {"runId": "r", "runAt": 1_767_323_045_678}

    request, payload = asked("WorkflowTriggerNode", schedule, None, answer, "flow.schedule")

    assert (request["delayMs"], request["runId"]) == (1500, "r")
    assert payload["out"]["runAt"] == {"$date": TIME}
    assert asked("WorkflowTriggerNode", absolute, None, {}, "flow.schedule")[0]["at"] == TIME
    answer = {"runId": "r", "success": False}
    assert asked("WorkflowTriggerNode", cancel, None, answer, "flow.cancel")[1]["out"] == answer
    assert (
        error_of("WorkflowTriggerNode", {**schedule, "secondsTemplate": "-1"})["name"]
        == "Validation"
    )


def test_a_workflow_that_is_not_there_throws():
    host = FakeHost(flow_trigger=lambda _r: error("NotFound", "no"))

    assert error_of("WorkflowTriggerNode", BUTTON, None, host)["name"] == "NotFound"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {}),
        (
            {"contextTemplateType": "jsonTemplate", "contextTemplate": '{"n": {{data}}}'},
            {"context": {"n": 1}},
        ),
        ({"contextTemplateType": "payloadPath", "contextTemplate": "data"}, {"context": 1}),
    ],
)
def test_a_job_is_executed_with_a_context(config, expected):
    answer = {"executionId": "x", "success": True}

    request, payload = asked(
        "ResourceJobExecuteNode",
        {"resourceJobIdTemplate": "j", "resultPath": "out", **config},
        1,
        answer,
        "job.execute",
    )

    assert request == {"jobId": "j", **expected}
    assert payload["out"] == answer


def test_the_whole_payload_can_be_a_jobs_context():
    config = {"resourceJobIdTemplate": "j", "contextTemplateType": "workflowPayload"}

    assert asked("ResourceJobExecuteNode", config, 1)[0]["context"]["data"] == 1


def ack(config, data, answer=None):
    given = {"successExpression": "true", "resultPath": "out", **config}
    answer = answer or {"success": True, "startedAt": 0, "completedAt": 1_767_323_045_678}
    return asked("ResourceJobAcknowledgeNode", given, data, answer, "job.acknowledge")


def test_an_iteration_is_acknowledged_with_words_cut_to_size():
    request, payload = ack(
        {"messageTemplate": "{{data.text}}"}, {"iterationId": "i", "text": "x" * 300}
    )

    assert request == {"iterationId": "i", "success": True, "message": "x" * 256}
    assert payload["out"]["completedAt"] == {"$date": TIME}


def test_an_expression_decides_and_the_id_may_lie_elsewhere():
    request, _ = ack(
        {"successExpression": "{{data.ok}}", "iterationIdPath": "data.id"}, {"id": "i", "ok": 0}
    )

    assert request == {"iterationId": "i", "success": False}


@pytest.mark.parametrize("missing", [{}, {"iterationId": 5}, {"iterationId": ["i"]}])
def test_an_iteration_id_that_is_no_text_is_a_soft_error(missing):
    request, payload = ack({}, missing)

    assert request is None
    assert payload["out"]["error"]["type"] == "Validation"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"accumulatorValue": "data.acc"}, '{"n":1}'),
        ({"accumulatorValue": "data.none"}, None),
        ({"accumulatorMethod": "jsonTemplate", "accumulatorValue": "[{{data.acc.n}}]"}, "[1]"),
        ({"accumulatorMethod": "stringTemplate", "accumulatorValue": "n={{data.acc.n}}"}, "n=1"),
    ],
)
def test_the_accumulator_is_handed_on_as_text(config, expected):
    request, _ = ack(config, {"iterationId": "i", "acc": {"n": 1}})

    assert request.get("accumulator") == expected


def test_an_accumulator_too_long_throws_and_a_refusal_does_not():
    config = {"successExpression": "true", "accumulatorValue": "data.acc"}
    assert (
        error_of("ResourceJobAcknowledgeNode", config, {"iterationId": "i", "acc": "x" * 257})[
            "name"
        ]
        == "Validation"
    )

    _, payload = ack({}, {"iterationId": "i"}, error("NotFound", "Iteration was not found"))
    assert payload["out"] == {"error": {"type": "NotFound", "message": "Iteration was not found"}}


def test_who_caused_a_run_is_told_whatever_its_payload_says_later():
    host = FakeHost(job_acknowledge=lambda _r: {})
    rule = {"type": "set", "valueTemplate": "user", "destination": "relayType"}
    definition = flow(
        ["forge"],
        node("forge", "MutateNode", {"rules": [rule]}, ["ack"]),
        node("ack", "ResourceJobAcknowledgeNode", {"successExpression": "true"}, []),
    )

    run_many(
        definition,
        [{**start({"iterationId": "i"}), "relayType": "device", "relayId": DEVICE}],
        host,
    )

    assert host.requests[0]["relay"] == {"type": "device", "id": DEVICE}


def http(config, data=None, answer=None):
    answer = answer or {"statusCode": 200, "headers": {}, "body": '{"ok": true}', "isText": True}
    given = {"uriTemplate": "http://x/{{data}}", "responsePath": "out", **config}
    return asked("HttpNode", given, data, answer, "http.request")


def test_http_asks_with_its_defaults_and_parses_json():
    request, payload = http({}, "a")

    assert (request["method"], request["url"], request["timeoutMs"]) == (
        "GET",
        "http://x/a",
        30_000,
    )
    assert request["verify"] is True
    assert request["redirects"] is True
    assert "body" not in request
    assert payload["out"] == {"statusCode": 200, "headers": {}, "body": {"ok": True}}


def test_http_keeps_a_body_that_is_no_json_or_was_asked_for_otherwise():
    assert http({}, answer={"body": "plain", "isText": True})[1]["out"]["body"] == "plain"
    assert http({}, answer={"body": "1234", "isText": False})[1]["out"]["body"] == "1234"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"bodyTemplate": "x={{data}}"}, {"body": "x=a", "bodyEncoding": "utf8"}),
        (
            {"bodyType": "jsonTemplate", "bodyTemplate": '{"x": "{{data}}"}'},
            {"body": '{"x":"a"}', "headers": [("Content-Type", "application/json")]},
        ),
        (
            {
                "bodyType": "urlencoded",
                "bodyFields": [{"keyTemplate": "k", "valueTemplate": "a b&"}],
            },
            {
                "body": "k=a+b%26",
                "headers": [("Content-Type", "application/x-www-form-urlencoded")],
            },
        ),
        (
            {
                "bodyType": "multipart",
                "bodyFields": [{"keyTemplate": "k", "valueTemplate": "{{data}}"}],
            },
            {"multipart": [("k", "a")]},
        ),
        ({"bodyType": "url", "bodyTemplate": "http://y"}, {"bodyUrl": "http://y"}),
        ({"bodyType": "none"}, {}),
    ],
)
def test_http_bodies(config, expected):
    request, _ = http({"method": "POST", **config}, "a")

    for key, value in expected.items():
        assert request[key] == value
    if not expected:
        assert "body" not in request


def test_http_headers_and_credentials():
    config = {
        "headerInfo": [
            {"key": "X-A", "valueTemplate": "{{data}}"},
            {"keyTemplate": "X-{{data}}", "valueTemplate": "2"},
            {"keyTemplate": "{{data.none}}", "valueTemplate": "3"},
        ],
        "authType": "basic",
        "authCredentials": {"usernameTemplate": "u{{data}}", "passwordTemplate": "p"},
        "timeoutTemplate": "99",
    }

    request, _ = http(config, "a")

    assert request["headers"] == [("X-A", "a"), ("X-a", "2")]
    assert request["auth"] == {"username": "ua", "password": "p"}
    assert request["timeoutMs"] == 30_000


def test_http_transport_errors_are_thrown_or_written():
    failed = {"error": {"type": "Timeout", "message": "slow"}, "request": {"uri": "http://x"}}
    config = {"uriTemplate": "http://x", "responsePath": "out"}
    host = FakeHost(http_request=lambda _r: failed)

    assert error_of("HttpNode", config, None, host) == {"name": "HttpNodeError", "message": "slow"}
    soft = {**config, "errorBehavior": "payloadPath", "errorPath": "e"}
    assert result_of("HttpNode", soft, None, host)["e"] == {
        "name": "Timeout",
        "message": "slow",
        "request": {"uri": "http://x"},
    }
    assert (
        error_of("HttpNode", {**soft, "uriTemplate": "{{data.none}}"}, None, host)["message"]
        == "URL is required"
    )


def test_http_requests_of_a_wave_go_out_apart():
    host = FakeHost(http_request=lambda _r: {"body": "", "isText": True})
    definition = flow(["h"], node("h", "HttpNode", {"uriTemplate": "http://x"}, []))

    run_many(definition, [start() for _ in range(5)], host)

    assert [len(requests) for _, requests in host.calls] == [1] * 5
