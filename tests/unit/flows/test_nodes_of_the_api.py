"""Losant API: what it asks, and what it writes."""

import pytest

from drover.flows import check_flow
from tests.support.flow_world import FakeHost, error, error_of, flow, node, result_of


def asked(config, data=None, answer=None):
    host = FakeHost()
    host.answers["api.call"] = lambda _request: {"result": answer}
    given = {"resource": "device", "action": "get", "responsePath": "out", **config}
    return host, result_of("LosantApiNode", given, data, host).get("out")


def test_parameters_are_text_json_or_taken_from_the_payload():
    config = {
        "params": [
            {"name": "deviceId", "type": "string", "value": "{{data.id}}"},
            {"name": "device", "type": "json", "value": '{"n": {{data.n}}}'},
            {"name": "tags", "type": "path", "value": "data.tags"},
            {"name": "none", "type": "path", "value": "data.nothing"},
            {"name": "blank", "value": "{{data.nothing}}"},
            {"name": "", "value": "x"},
        ],
        "apiTokenTemplate": "{{data.token}}",
    }

    host, out = asked(config, {"id": "d", "n": 1, "tags": ["t"]}, {"result": 7})

    assert host.requests == [
        {
            "name": "device.get",
            "params": {"deviceId": "d", "device": {"n": 1}, "tags": ["t"]},
            "token": "",
            "applicationId": "",
        }
    ]
    assert out == {"result": 7}


def test_what_was_refused_is_written_and_nothing_thrown():
    told = {"error": {"type": "NotFound", "statusCode": 404, "message": "none"}}

    assert asked({}, None, told)[1] == told


def test_a_server_that_cannot_is_told_of_too():
    host = FakeHost()
    host.answers["api.call"] = lambda _request: error("NotImplemented", "no")
    config = {"resource": "a", "action": "b", "responsePath": "out"}

    assert result_of("LosantApiNode", config, None, host)["out"]["error"]["message"] == "no"


@pytest.mark.parametrize("value", ["{", '{"a": }'])
def test_json_that_is_none_throws(value):
    config = {
        "resource": "a",
        "action": "b",
        "params": [{"name": "x", "type": "json", "value": value}],
    }

    assert error_of("LosantApiNode", config)["name"] == "InvalidJsonTemplate"


def test_resource_and_action_are_required():
    flaws = check_flow(flow(["a"], node("a", "LosantApiNode", {}, [])))

    assert {flaw.message for flaw in flaws} == {"Resource is required", "Action is required"}
