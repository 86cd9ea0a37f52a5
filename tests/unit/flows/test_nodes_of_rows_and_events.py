"""Nodes over stored values, table rows and events: what they ask, what they make of it."""

import pytest

from tests.support.flow_world import (
    SHOW,
    FakeHost,
    asked,
    error,
    error_of,
    flow,
    node,
    run_one,
    shown,
)

TIME = "2026-01-02T03:04:05.678Z"


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
