"""Time Series, Gauge, Email and the replies: what they ask the host for."""

import pytest

from drover.flows.memory import spent
from tests.support.flow_world import FakeHost, error, error_of, result_of

SERIES = {"attribute": ["t"], "duration": 1000, "aggregation": "MEAN", "resultPath": "working.s"}


def asked(kind, config, data=None, operation="series_query"):
    host = FakeHost(**{operation: lambda _request: {"result": {}}})
    result_of(kind, config, data, host)
    return host.requests[0] if host.requests else None


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (
            {
                "findMethod": "tagsIds",
                "deviceIds": ["{{data.id}}", ""],
                "deviceTags": [{"key": "k", "value": ""}, {}],
            },
            {"method": "listed", "ids": ["d1"], "tags": [{"key": "k"}]},
        ),
        (
            {"findMethod": "payloadPath", "deviceIdsPath": "data.ids"},
            {"method": "listed", "ids": ["a", "b"], "tags": []},
        ),
        (
            {"findMethod": "query", "queryTemplate": '{"name": "{{data.id}}"}'},
            {"method": "query", "query": {"name": "d1"}},
        ),
        (
            {"findMethod": "expUser", "expUserTemplate": "a@b.c"},
            {"method": "experienceUserIdOrEmail", "value": "a@b.c"},
        ),
        (
            {"findMethod": "expGroupId", "expGroupIdTemplate": "g"},
            {"method": "experienceGroupId", "value": "g"},
        ),
        (
            {"findMethod": "parentId", "parentIdTemplate": "p"},
            {"method": "findByParentId", "value": "p"},
        ),
    ],
)
def test_devices_are_found_in_each_of_the_ways(config, found):
    request = asked("GaugeNode", {**SERIES, **config}, {"id": "d1", "ids": ["a", 1, "b"]})

    assert {key: request[key] for key in found} == found
    assert request["single"] is True


def test_a_series_asks_with_its_limit_order_and_value():
    config = {
        **SERIES,
        "findMethod": "tags",
        "attribute": "t",
        "aggregation": "TIMEATVALUE",
        "aggregationOptions": [{"key": "value", "valueTemplate": "{{data.v}}"}],
        "limitTemplate": "7",
        "orderTemplate": "DESC",
        "resolution": 10,
    }

    request = asked("TimeSeriesNode", config, {"v": "on"})

    assert (request["held"], request["limit"], request["order"]) == ("on", 7, "desc")
    assert (request["attributes"], request["resolution"]) == (["t"], 10)


def test_times_of_an_answer_are_dates_and_errors_go_where_the_config_says():
    config = {**SERIES, "findMethod": "tags", "errorBehavior": "payloadPath", "errorPath": "w.e"}
    point = {"time": {"$date": "2026-01-02T03:04:05.678Z"}, "value": 1}
    host = FakeHost(series_query=lambda _request: {"result": point})

    payload = result_of("GaugeNode", config, {}, host)
    failed = FakeHost(series_query=lambda _request: error("Validation", "bad"))

    assert payload["working"]["s"] == point
    assert result_of("GaugeNode", config, {}, failed)["w"]["e"]["message"] == "bad"
    strict = {**SERIES, "findMethod": "tags"}
    assert error_of("GaugeNode", strict, {}, failed)["message"] == "bad"


EMAIL = {"toAddresses": ["{{data.to}}", ""], "subjectTemplate": "s", "bodyTemplate": "<b>hi</b>"}


def test_an_email_is_sent_to_the_addresses_that_render():
    request = asked("StructureEmailNode", EMAIL, {"to": " a@b.c "}, "email_send")

    assert request == {"to": ["a@b.c"], "subject": "s", "html": "<b>hi</b>"}


def test_an_email_that_fails_throws_or_is_told_at_the_result_path():
    host = FakeHost(email_send=lambda _request: error("TooManyRequests", "slow"))

    assert error_of("StructureEmailNode", EMAIL, {}, host)["name"] == "TooManyRequests"
    told = result_of("StructureEmailNode", {**EMAIL, "resultPath": "w"}, {}, host)["w"]
    assert told == {"error": {"type": "TooManyRequests", "message": "slow"}}


def test_an_allowance_is_spent_and_grows_by_one_at_a_time():
    ask, kept, passed = {"burst": 2, "everyMs": 1000}, None, []
    for now_ms in (0, 0, 0, 999, 1000, 1000, 9000, 9000, 9000):
        kept, told = spent(kept, ask, now_ms)
        passed.append(told["passes"])

    assert passed == [True, True, False, False, True, False, True, True, False]


@pytest.mark.parametrize(
    ("config", "data", "body"),
    [
        ({"bodyTemplate": "a{{data.v}}"}, {"v": 1}, "a1"),
        ({"bodyTemplate": "{{data.v}}"}, {"v": {"x": [1]}}, '{"x":[1]}'),
        ({"bodyTemplateType": "path", "bodyTemplate": "data.v"}, {"v": [1]}, "[1]"),
        ({"bodyTemplateType": "path", "bodyTemplate": "data.none"}, {}, ""),
        ({"bodyTemplateType": "json", "bodyTemplate": '{"a": 1}'}, {}, '{"a":1}'),
        ({"bodyTemplateType": "none", "bodyTemplate": "x"}, {}, ""),
    ],
)
@pytest.mark.parametrize("kind", ["WebhookReplyNode", "EndpointReplyNode"])
def test_a_reply_has_a_body_of_each_kind(kind, config, data, body):
    request = asked(kind, config, {**data, "replyId": "r"}, "reply_give")

    assert (request["replyId"], request["status"], request["body"]) == ("r", 200, body)


@pytest.mark.parametrize("kind", ["WebhookReplyNode", "EndpointReplyNode"])
def test_headers_of_a_reply_are_named_like_those_of_requests_too(kind):
    named = [{"key": "X-A", "valueTemplate": "1"}, {"keyTemplate": "X-{{data.b}}", "key": "no"}]

    request = asked(kind, {"headerInfo": named}, {"replyId": "r", "b": "B"}, "reply_give")

    assert request["headers"][-2:] == [("X-A", "1"), ("X-B", "")]


@pytest.mark.parametrize(
    ("code", "status"), [("201", 201), ("99", 200), ("x", 200), ("200.5", 200)]
)
def test_a_status_that_is_none_becomes_200(code, status):
    config = {"responseCodeTemplate": code}

    request = asked("WebhookReplyNode", config, {"replyId": "r"}, "reply_give")

    assert request["status"] == status


def test_without_a_request_that_waits_nothing_is_replied():
    assert asked("WebhookReplyNode", {}, {}, "reply_give") is None
    assert asked("EndpointReplyNode", {}, {}, "reply_give") is None


def test_a_reply_that_is_too_large_or_of_an_unknown_kind_throws():
    big = {"bodyTemplate": "x" * 30_000 + "{{{data.v}}}"}
    data = {"replyId": "r", "v": "y" * 240_000}

    assert error_of("WebhookReplyNode", big, data)["name"] == "PayloadTooLarge"
    assert error_of("EndpointReplyNode", {"replyType": "mqtt"}, data)["name"] == "NotImplemented"


def test_an_endpoint_redirects_and_sets_cookies():
    cookie = {"nameTemplate": "n", "valueTemplate": "v", "maxAgeTemplate": "x"}
    config = {
        "replyType": "redirect",
        "bodyTemplate": "/there",
        "cookieInfo": [cookie],
        "sameSiteTemplate": "None",
    }

    request = asked("EndpointReplyNode", config, {"replyId": "r"}, "reply_give")

    assert (request["status"], request["body"]) == (302, "")
    assert request["headers"] == [("location", "/there")]
    assert request["cookies"] == [{"name": "n", "value": "v", "maxAge": None, "site": "none"}]
