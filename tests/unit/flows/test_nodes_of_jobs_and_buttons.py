"""Nodes that press buttons, start jobs and acknowledge: what they ask, what they tell."""

import pytest

from tests.support.flow_world import (
    DEVICE,
    FakeHost,
    asked,
    error,
    error_of,
    flow,
    node,
    run_many,
    start,
)

TIME = "2026-01-02T03:04:05.678Z"


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


def test_what_a_button_was_pressed_with_keeps_its_dates():
    answer = {"flowId": "f", "payload": {"at": {"$date": TIME}}}

    config = {**BUTTON, "resultPath": "out"}

    _, payload = asked("WorkflowTriggerNode", config, 1, answer, "flow.trigger")

    assert payload["out"]["payload"] == {"at": {"$date": TIME}}


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


@pytest.mark.parametrize("text", ["zap", "{}", "2026-13-01T00:00:00Z"])
def test_a_press_at_what_is_no_date_throws(text):
    config = {**BUTTON, "behavior": "schedule", "scheduling": "absolute", "dateTemplate": text}

    assert error_of("WorkflowTriggerNode", config)["message"] == "Date must be a date"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2030-01-01", "2030-01-01T00:00:00.000Z"),
        ("Tue Jan 01 2030 00:00:00 GMT+0000", "2030-01-01T00:00:00.000Z"),
        ("1893456000000", "2030-01-01T00:00:00.000Z"),
    ],
)
def test_a_press_may_be_at_any_form_of_a_date(text, at):
    config = {**BUTTON, "behavior": "schedule", "scheduling": "absolute", "dateTemplate": text}

    request, _ = asked("WorkflowTriggerNode", {**config, "resultPath": "out"}, {})

    assert request["at"] == at


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
