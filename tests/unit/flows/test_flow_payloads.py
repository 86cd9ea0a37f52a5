import math
from datetime import UTC, datetime

import msgspec
import pytest

from drover.flows import FlowInvalid, compile_flow, globals_of
from drover.flows.language import UNDEFINED
from drover.flows.payload import (
    date_ms,
    decode,
    device_object,
    encode,
    from_ms,
    iteration_data,
    jsonable,
    literal,
    moment,
    start_payload,
)
from drover.flows.visit import cost, measure
from tests.support.flow_world import DEVICE, error_of, flow, node, result_of, run_one

TIME = "2026-01-02T03:04:05.678Z"
MS = 1_767_323_045_678


def test_documents_keep_dates_and_drop_what_is_missing():
    payload = {"t": from_ms(MS), "l": [UNDEFINED, math.nan, 1], "o": {"u": UNDEFINED, "x": None}}

    document = encode(payload)

    assert decode(document) == {"t": from_ms(MS), "l": [None, None, 1], "o": {"x": None}}
    assert decode(b'{"a": {"$date": 5, "b": 1}}') == {"a": {"$date": 5, "b": 1}}
    assert jsonable(payload) == {"t": TIME, "l": [None, None, 1], "o": {"x": None}}


LOOKS_LIKE_A_DATE = [{"$date": TIME}, {"$date": "soon"}, {"$date": ""}, {"$date": 5}, {"$date": [TIME]}, {"$date": {"$date": TIME}}, {"$date": "99999-01-01T00:00:00.000Z"}]  # fmt: skip


@pytest.mark.parametrize("given", LOOKS_LIKE_A_DATE)
def test_what_only_looks_like_a_date_stays_as_it_is(given):
    payload = {"given": given, "in": [{"a": given}], "time": from_ms(MS)}

    assert decode(encode(payload)) == payload
    document = msgspec.json.encode({"given": literal(given), "time": {"$date": TIME}})
    assert decode(document) == {"given": given, "time": from_ms(MS)}


def test_a_date_of_nobodys_making_keeps_no_document_from_being_read():
    soon = {"$date": "soon"}

    assert decode(b'{"a": {"$date": "soon"}}') == {"a": soon}
    assert decode(b'{"a": {"$date": "99999-01-01T00:00:00.000Z"}}')["a"].keys() == {"$date"}
    deep = b'{"t": {"$date": "%b"}, "a": %b1%b}' % (TIME.encode(), b"[" * 900, b"]" * 900)
    assert decode(deep)["t"] == from_ms(MS)
    nested = msgspec.json.decode(b"%b%b%b" % (b"[" * 900, b'{"$date": "soon"}', b"]" * 900))
    assert isinstance(literal(nested), str)


def test_moments_are_read_from_numbers_and_texts():
    assert moment(MS) == moment(TIME) == from_ms(MS)
    assert moment(None) is None
    assert date_ms(datetime(2026, 1, 2, 3, 4, 5, 678000)) == MS  # noqa: DTZ001 - no zone is UTC
    assert date_ms(datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)) == MS


def test_a_start_payload_names_trigger_relay_and_more():
    assert start_payload("timer", "k", {}, now_ms=MS) == {
        "time": from_ms(MS),
        "data": {},
        "triggerId": "k",
        "triggerType": "timer",
    }
    payload = start_payload("x", "k", 1, now_ms=MS, relay=("r", "user"), more={"meta": 1})
    assert (payload["relayId"], payload["relayType"], payload["meta"]) == ("r", "user", 1)


def test_an_iteration_shows_a_device_as_an_object():
    device = {
        "id": DEVICE,
        "creationDate": TIME,
        "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}],
        "attributes": [{"name": "t", "dataType": "number", "attributeTags": {}}],
    }

    data = iteration_data(
        "device",
        device,
        {"id": "e"},
        iteration_id="i",
        accumulator={},
        attempt={"attemptNumber": 2},
    )

    assert data["device"]["tags"] == {"a": ["1", "2"]}
    assert data["device"]["attributes"] == {"t": {"dataType": "number", "attributeTags": {}}}
    assert data["device"]["creationDate"] == from_ms(MS)
    assert (data["accumulator"], data["attemptNumber"]) == ({}, 2)
    assert device["creationDate"] == TIME


def test_an_iteration_over_rows_has_no_accumulator_unless_given():
    data = iteration_data("dataTableRow", {"id": "r", "createdAt": TIME}, {}, iteration_id="i")

    assert data["dataTableRow"]["createdAt"] == from_ms(MS)
    assert "accumulator" not in data
    assert device_object({})["tags"] == {}


def test_globals_merge_and_pass_over_what_is_no_json():
    assert globals_of(
        [{"key": "a", "json": "1"}, {"key": "b", "json": "{"}], None, [{"key": "a", "json": "[2]"}]
    ) == {"a": [2]}


@pytest.mark.parametrize("definition", [b"{", b"[]", {"nodes": 5}, {"triggers": [5]}])
def test_what_is_no_workflow_cannot_be_compiled(definition):
    with pytest.raises(FlowInvalid) as caught:
        compile_flow(definition)

    assert caught.value.flaws


def test_sizes_are_about_right_and_counting_stops():
    assert 5 <= measure([1, "ab", {"k": None}]) <= 60
    assert measure(["x" * 100] * 1000, 500) < 2000
    assert cost("x" * 10) < cost({"a": "x" * 10}) < cost({"a": ["x" * 500]})


def test_globals_may_be_given_merged():
    record = run_one(
        flow(["d"], node("d", "DebugNode", {"property": "globals.x"}, []), globals={"x": 5})
    )

    assert record.debug[0]["payload"] == 5


def test_paths_with_brackets_and_wholes_are_written_too():
    def put(path, template="{{data}}"):
        rule = {"type": "set", "valueTemplate": template, "destination": path}
        return result_of("MutateNode", {"rules": [rule]}, {"a": [1]})

    assert put("data.a.[1]", "x")["data"]["a"] == [1, "x"]
    assert put("[odd key].b", "x")["odd key"] == {"b": "x"}
    assert put(".")["a"] == [1]
    assert put("triggerType.deeper", "x")["triggerType"] == {"deeper": "x"}


def test_a_copy_shares_nothing_with_its_source():
    rules = [
        {"type": "copy", "source": "data.a", "destination": "data.b"},
        {"type": "set", "valueTemplate": "changed", "destination": "data.b.x"},
    ]

    assert result_of("MutateNode", {"rules": rules}, {"a": {"x": 1}})["data"] == {
        "a": {"x": 1},
        "b": {"x": "changed"},
    }


def test_events_may_be_given_whole():
    from tests.support.flow_world import FakeHost

    host = FakeHost()
    config = {"dataMethod": "payloadPath", "eventPayloadPath": "data"}
    result_of("EventCreateNode", config, {"level": "info", "subject": "x"}, host)
    update = {
        "targetEventIdTemplate": "e",
        "dataMethod": "jsonTemplate",
        "eventJsonTemplate": '{"state": "new"}',
    }
    result_of("EventUpdateNode", update, None, host)

    assert host.requests[0] == {"body": {"level": "info", "subject": "x"}}
    assert host.requests[1] == {"id": "e", "body": {"state": "new"}}
    assert error_of("EventCreateNode", config, 5)["message"] == "The event must be an object"


def test_an_events_time_may_come_from_the_payload():
    from tests.support.flow_world import FakeHost, run_many, start

    for source, expected in (("payloadTime", TIME), ("payloadPath", 5)):
        host = FakeHost()
        config = {
            "levelTemplate": "info",
            "subjectTemplate": "x",
            "timeSourceType": source,
            "timeSourcePath": "data",
        }
        definition = flow(["e"], node("e", "EventCreateNode", config, []))
        run_many(definition, [{**start(5), "time": from_ms(MS)}], host)
        assert host.requests[0]["body"]["creationDate"] == expected


def test_state_may_take_time_and_meta_from_the_payload():
    from tests.support.flow_world import FakeHost

    host = FakeHost()
    config = {
        "deviceId": DEVICE,
        "attrDataMethod": "payloadPath",
        "attrPayloadPath": "data.state",
        "timeSourceType": "payloadPath",
        "timeSourcePath": "data.when",
        "metaTemplateType": "jsonPath",
        "metaTemplate": "data.meta",
    }
    result_of("DeviceChangeStateNode", config, {"state": {"t": 1}, "when": 5, "meta": [1]}, host)
    result_of(
        "DeviceChangeStateNode",
        {**config, "metaTemplateType": "jsonTemplate", "metaTemplate": "{}"},
        {"state": {}},
        host,
    )

    assert host.requests[0]["reports"] == [{"data": {"t": 1}, "time": 5, "meta": [1]}]
    assert host.requests[1]["reports"] == [{"data": {}, "meta": {}}]
