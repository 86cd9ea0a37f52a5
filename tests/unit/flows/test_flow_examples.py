"""Whole workflows: a job's iteration computed and stored, a timer that starts a job, a reply."""

from drover.flows import check_flow, compile_flow, run_batch, start_payload, warnings_of
from tests.support.flow_world import DEVICE, FLOW, FakeClock, FakeHost, node

ITERATION = f"{'a' * 24}-{DEVICE}"
TIME_MS = 1_767_323_045_678

DENSITY = {
    "id": FLOW,
    "name": "Density of the air",
    "flowClass": "cloud",
    "applicationId": "c" * 24,
    "globals": [{"key": "groundHpa", "json": "1013.25"}],
    "triggers": [
        {
            "type": "resourceJobIteration",
            "key": "b" * 24,
            "config": {},
            "meta": {"category": "trigger", "name": "resourceJobIteration"},
            "outputIds": [["look"]],
        }
    ],
    "nodes": [
        node(
            "look",
            "GetDeviceNode",
            {
                "idTemplate": "{{data.device.deviceId}}",
                "includeState": True,
                "resultPath": "working.found",
            },
            ["compute"],
        ),
        node("compute", "RawFunctionNode", {"script": "..."}, ["known"]),
        node(
            "known",
            "ConditionalNode",
            {"expression": "{{typeof working.hpa}} === 'number'"},
            ["no"],
            ["keep"],
        ),
        node(
            "keep",
            "DeviceChangeStateNode",
            {
                "deviceId": "{{working.found.id}}",
                "attrDataMethod": "jsonTemplate",
                "attrJsonTemplate": '{"pressure": {{working.hpa}}}',
                "timeSourceType": "now",
                "resultPath": "working.kept",
            },
            ["yes"],
        ),
        node(
            "yes",
            "ResourceJobAcknowledgeNode",
            {
                "successExpression": "{{working.kept.success}}",
                "messageTemplate": "{{format working.hpa '.1f'}} hPa",
                "resultPath": "working.ack",
            },
            [],
        ),
        node(
            "no",
            "ResourceJobAcknowledgeNode",
            {
                "successExpression": "false",
                "messageTemplate": "height unknown",
                "resultPath": "working.ack",
            },
            [],
        ),
    ],
}


async def _run(definition, index, payload, host):
    clock = FakeClock()
    records = await run_batch(
        compile_flow(definition), index, [payload], host, clock=clock, sleep=clock.sleep
    )
    return records[0]


def _iteration():
    data = {"device": {"deviceId": DEVICE}, "iterationId": ITERATION}
    return start_payload(
        "resourceJobIteration", "b" * 24, data, now_ms=TIME_MS, relay=("b" * 24, "resourceJob")
    )


def _host(height):
    found = {
        "items": [{"id": DEVICE, "compositeState": {"height": {"value": height}}}],
        "totalCount": 1,
    }
    host = FakeHost(
        device_find=lambda _request: found,
        state_report=lambda _request: {"success": True},
        job_acknowledge=lambda request: {
            "success": request["success"],
            "startedAt": 0,
            "completedAt": 1,
        },
    )

    def compute(payload):
        value = payload["working"]["found"]["compositeState"]["height"]["value"]
        if value is not None:
            payload["working"]["hpa"] = (
                payload["globals"]["groundHpa"] * (1 - 2.25577e-5 * value) ** 5.25588
            )
        return payload

    host.script = compute
    return host


async def test_an_iteration_reads_computes_stores_and_acknowledges():
    host = _host(100)

    record = await _run(DENSITY, 0, _iteration(), host)

    assert record.ok
    assert [name for name, _ in host.calls] == ["device.find", "state.report", "job.acknowledge"]
    assert host.requests[1]["deviceId"] == DEVICE
    assert round(host.requests[1]["reports"][0]["data"]["pressure"], 1) == 1001.3
    assert host.requests[2] == {
        "iterationId": ITERATION,
        "success": True,
        "message": "1001.3 hPa",
        "relay": {"type": "resourceJob", "id": "b" * 24},
    }


async def test_an_iteration_without_a_height_is_acknowledged_as_failed():
    host = _host(None)

    await _run(DENSITY, 0, _iteration(), host)

    assert host.requests[-1]["success"] is False
    assert host.requests[-1]["message"] == "height unknown"


NIGHTLY = {
    "id": FLOW,
    "name": "Every night",
    "applicationId": "c" * 24,
    "triggers": [
        {
            "type": "timer",
            "key": "t",
            "config": {"cron": "30 2 * * *", "tz": "Europe/Berlin"},
            "outputIds": [["go"]],
        }
    ],
    "nodes": [
        node(
            "go",
            "ResourceJobExecuteNode",
            {
                "resourceJobIdTemplate": "d" * 24,
                "contextTemplateType": "jsonTemplate",
                "contextTemplate": '{"day": "{{formatDate time \'YYYY-MM-DD\' tz=\'Europe/Berlin\'}}", "least": 7}',
                "resultPath": "working.job",
            },
            ["started"],
        ),
        node(
            "started",
            "ConditionalNode",
            {"expression": "{{working.job.success}} && !{{working.job.error}}"},
            ["alarm"],
            ["log"],
        ),
        node(
            "alarm",
            "EventCreateNode",
            {
                "levelTemplate": "error",
                "subjectTemplate": "Not started",
                "messageTemplate": "{{working.job.error.message}}",
            },
            [],
        ),
        node(
            "log",
            "DebugNode",
            {"message": "execution {{working.job.executionId}}", "level": "info"},
            [],
        ),
    ],
}


async def test_a_timer_starts_a_job_with_the_day_in_its_zone():
    host = FakeHost(job_execute=lambda _request: {"executionId": "e", "success": True})

    record = await _run(NIGHTLY, 0, start_payload("timer", "t", {}, now_ms=TIME_MS), host)

    assert host.requests == [{"jobId": "d" * 24, "context": {"day": "2026-01-02", "least": 7}}]
    assert record.debug[0]["message"] == "execution e"


async def test_a_job_that_does_not_start_raises_an_event():
    host = FakeHost(
        job_execute=lambda _request: {"error": {"type": "NotFound", "message": "no such job"}}
    )

    await _run(NIGHTLY, 0, start_payload("timer", "t", {}, now_ms=TIME_MS), host)

    assert host.calls[1] == (
        "event.create",
        [{"body": {"level": "error", "subject": "Not started", "message": "no such job"}}],
    )


REPLY = {
    "id": FLOW,
    "name": "Restart and wait",
    "applicationId": "c" * 24,
    "triggers": [
        {"type": "resourceJobIteration", "key": "b" * 24, "outputIds": [["send"]]},
        {
            "type": "mqttTopic",
            "key": "replies/+",
            "config": {"integrationId": "losant"},
            "outputIds": [["decode"]],
        },
    ],
    "nodes": [
        node(
            "send",
            "DeviceSendCommandNode",
            {"deviceIdsPath": "data.device.deviceId", "nameTemplate": "restart"},
            [],
        ),
        node(
            "decode",
            "JsonDecodeNode",
            {
                "source": "data",
                "destination": "working.reply",
                "errorBehavior": "payloadPath",
                "errorPath": "working.bad",
            },
            ["usable"],
        ),
        node(
            "usable",
            "ConditionalNode",
            {"expression": "{{working.reply.iterationId}} && !{{working.bad}}"},
            ["odd"],
            ["ack"],
        ),
        node(
            "ack",
            "ResourceJobAcknowledgeNode",
            {
                "successExpression": "{{working.reply.ok}} === true",
                "messageTemplate": "{{{defaultTo working.reply.note 'no note'}}}",
                "iterationIdPath": "working.reply.iterationId",
                "resultPath": "working.ack",
            },
            [],
        ),
        node(
            "odd",
            "DebugNode",
            {"message": "unusable: {{triggerId}}", "property": "data", "level": "warn"},
            [],
        ),
    ],
}


async def test_a_devices_reply_acknowledges_its_iteration():
    host = FakeHost(job_acknowledge=lambda _request: {"success": True})
    text = f'{{"iterationId": "{ITERATION}", "ok": true}}'
    payload = start_payload(
        "mqttTopic", "replies/x", text, now_ms=TIME_MS, relay=(DEVICE, "device")
    )

    await _run(REPLY, 1, payload, host)

    assert host.requests == [
        {
            "iterationId": ITERATION,
            "success": True,
            "message": "no note",
            "relay": {"type": "device", "id": DEVICE},
        }
    ]


async def test_a_reply_that_is_no_json_is_noted():
    record = await _run(
        REPLY, 1, start_payload("mqttTopic", "replies/x", "what?", now_ms=TIME_MS), FakeHost()
    )

    assert (record.debug[0]["level"], record.debug[0]["payload"]) == ("warn", "what?")


def test_the_examples_may_be_saved():
    for definition in (DENSITY, NIGHTLY, REPLY):
        assert check_flow(definition) == []
    assert warnings_of(REPLY) == []
