"""The HTTP node: what it asks for, and what it makes of the answer."""

import pytest

from tests.support.flow_world import (
    FakeHost,
    asked,
    error_of,
    flow,
    node,
    result_of,
    run_many,
    start,
)


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


@pytest.mark.parametrize(
    ("body", "given", "sent"),
    [
        ("jsonTemplate", "application/vnd.pump+json", "application/vnd.pump+json"),
        ("urlencoded", "text/x-form", "text/x-form"),
        ("multipart", "multipart/form-data", None),
        ("multipart", "multipart/mixed; boundary=b", "multipart/mixed; boundary=b"),
    ],
)
def test_a_type_that_is_given_counts_alone_but_parts_are_never_without_a_boundary(
    body, given, sent
):
    fields = [{"keyTemplate": "k", "valueTemplate": "v"}]
    headers = [{"key": "content-type", "valueTemplate": given}, {"key": "X", "valueTemplate": "1"}]
    config = {"method": "POST", "bodyType": body, "bodyTemplate": "{}", "bodyFields": fields}

    request, _ = http({**config, "headerInfo": headers}, "a")

    types = [value for name, value in request["headers"] if name.lower() == "content-type"]
    assert types == ([] if sent is None else [sent])
    assert ("X", "1") in request["headers"]


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


@pytest.mark.parametrize("config", [{}, {"bodyTemplate": "{{data.missing}}"}])
def test_a_json_body_that_is_not_given_is_left_out(config):
    request, _ = http({"method": "POST", "bodyType": "jsonTemplate", **config})

    assert "body" not in request
