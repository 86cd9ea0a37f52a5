"""Workflows, their versions, storage and history; and what payloads of jobs hold."""

from __future__ import annotations

import csv
import io
import json

import httpx
import pytest

from tests.support.vendor import keep, node, refused, sound, trigger, until

ROOT = {
    "applicationId", "applicationName", "data", "flowId", "flowName", "flowVersion", "globals",
    "relayId", "relayType", "time", "triggerId", "triggerType",
}  # fmt: skip
EXECUTION = {
    "applicationId", "context", "id", "iterationDelay", "iterationTimeout",
    "maxIterationConcurrency", "maxIterationRetries", "query", "resourceJobExecutionId",
    "resourceJobId", "resourceType", "retryDelay", "retryOnFailure", "retryOnTimeout",
    "runStartedAt", "sourceId", "sourceType", "status",
}  # fmt: skip


def job(vendor, **fields):
    body = {"name": "Job", "resourceType": "device", "iterationTimeout": 60_000, **fields}
    made = sound(vendor.client.resource_jobs.post(**vendor.key, resourceJob=body), "resourceJobId")
    return {**vendor.key, "resourceJobId": made["id"]}


def execute(vendor, one, **options):
    answer = vendor.client.resource_job.execute(**one, executionOptions=options)
    assert set(answer) == {"success", "executionId"}
    return answer["executionId"]


def ended(vendor, one, execution_id):
    def look():
        entries = sound(vendor.client.resource_job.logs(**one, limit=20))
        return next(each for each in entries if each["id"] == execution_id)

    return until(look, lambda entry: entry["status"] in {"completed", "errored", "canceled"})


@pytest.fixture
def button(vendor):
    """A workflow with a button that stores a number and then throws."""
    return vendor.flow(
        [trigger("virtualButton", "press", "k")],
        {**keep("k", "data.x"), "outputIds": [["boom"]]},
        node("boom", "ThrowErrorNode", messageTemplate="bang {{data.x}}"),
    )


def test_a_workflow_is_pressed_and_tells_what_became_of_it(vendor, button):
    one = vendor.client.flow
    pressed = {"key": "press", "payload": {"x": 5}}

    assert one.press_virtual_button(**button, button=pressed) == {"success": True}
    assert vendor.stored(button, "k")["k"] == 5
    told = until(lambda: one.errors(**button), lambda found: found["errors"])
    assert sound(told)["errors"][0]["error"] == {"name": "ThrowErrorNode", "message": "bang 5"}
    assert told["errors"][0]["nodeId"] == "boom"
    (entry,) = sound(one.get_log_entries(**button))
    assert (entry["runCount"], entry["pathsFailed"]) == (1, 1)
    stats = one.stats(**button, duration=3_600_000, resolution=60_000)
    assert sum(each["runCount"] for each in sound(stats)["metrics"]) == 1
    refused(404, "", one.press_virtual_button, **button, button={"key": "other", "payload": {}})
    refused(400, "key", one.press_virtual_button, **button, button={"payload": {}})


def test_storage_is_set_read_measured_and_cleared(vendor, button):
    one = vendor.client.flow

    assert one.set_storage_entry(**button, entry={"key": "z", "value": {"a": 1}})["success"]
    assert one.get_storage_entries(**button) == {"z": {"a": 1}}
    assert one.get_storage_entries_metadata(**button)["keysCount"] == 1
    assert one.clear_storage_entries(**button) == {}


def test_a_workflow_and_its_versions(vendor, button):
    one, versions = vendor.client.flow, vendor.client.flow_versions
    assert sound(one.get(**button, includeCustomNodes=True), "flowId")["flowClass"] == "cloud"
    assert one.patch(**button, flow={"description": "z"})["description"] == "z"
    globals_ = [{"key": "g", "json": "1"}]
    changed = one.patch(**button, flow={"globals": globals_})
    assert changed["globals"] == globals_
    made = sound(
        versions.post(**button, flowVersion={"version": "v1", "globals": globals_}),
        "flowVersionId",
    )
    assert (made["triggers"], made["nodes"], made["globals"]) == ([], [], globals_)
    for name in ("develop", "default"):
        refused(400, name, versions.post, **button, flowVersion={"version": name})
    refused(400, "", versions.post, **button, flowVersion={"version": "v1"})
    version = {**button, "flowVersionId": versions.get(**button)["items"][0]["id"]}
    assert vendor.client.flow_version.patch(**version, flowVersion={"notes": "n"})["notes"] == "n"
    assert vendor.client.flow_version.get(**version)["version"] == "v1"
    assert vendor.client.flow_version.errors(**version)["errors"] == []
    assert vendor.client.flow_version.get_log_entries(**version) == []
    assert "metrics" in vendor.client.flow_version.stats(**version)
    replaced = versions.post(**button, flowVersion={"version": "v1"}, allowReplacement=True)
    assert replaced["globals"] == []
    assert versions.get(**button, filterField="version", filter="V?")["count"] == 1
    assert versions.get(**button, query={"version": "v2"})["count"] == 0
    chosen = {"query": {"version": "v1"}, "callbackUrl": "https://example.com/done"}
    assert versions.delete(**button, options=chosen)["removed"] == 1
    again = versions.post(**button, flowVersion={"version": "v2"})["id"]
    assert vendor.client.flow_version.delete(**{**button, "flowVersionId": again})["success"]
    assert one.delete(**button) == {"success": True}


def test_a_custom_node_runs_within_a_workflow_in_the_version_named(vendor):
    label = {"type": "stringTemplate", "id": "n", "label": "N"}
    config = {"outputCount": 2, "resultMode": "required", "fields": [label]}
    cap = node("cap", "CustomNodeCapNode", resultSourcePath="data.n")
    cap["meta"] = {"name": "custom-node-end-true"}
    made = vendor.client.flows.post(
        **vendor.key,
        flow={
            "name": "Echo",
            "flowClass": "customNode",
            "customNodeConfig": config,
            "triggers": [trigger("customNodeStart", "customNodeStart", "cap")],
            "nodes": [cap],
        },
    )
    custom = {**vendor.key, "flowId": made["id"]}
    empty = vendor.client.flow_versions.post(**custom, flowVersion={"version": "empty"})
    vendor.client.flow.patch(**custom, flow={"defaultVersionId": empty["id"]})
    fields = [{"id": "n", "value": "{{data.x}}!"}]
    call = node("call", "CustomNodeExecuteNode", customNodeId=made["id"], fields=fields,
                customNodeVersion="develop", resultPath="data.x")  # fmt: skip
    call["outputIds"] = [[], ["k"]]
    one = vendor.flow([trigger("virtualButton", "press", "call")], call, keep("k", "data.x"))

    vendor.client.flow.press_virtual_button(**one, button={"key": "press", "payload": {"x": "a"}})

    assert vendor.stored(one, "k")["k"] == "a!"


def test_workflows_are_listed_by_class_and_trigger(vendor, button):
    flows = vendor.client.flows

    assert flows.get(**vendor.key)["count"] == 1
    assert flows.get(**vendor.key, flowClass=["edge", "cloud"])["count"] == 1
    assert flows.get(**vendor.key, flowClass="edge")["count"] == 0
    assert flows.get(**vendor.key, triggerFilter=[{"type": "virtualButton"}])["count"] == 1
    assert flows.get(**vendor.key, triggerFilter=[{"type": "timer"}])["count"] == 0
    assert flows.get(**vendor.key, query={"name": "Other"})["count"] == 0


def test_triggers_of_a_job_start_with_the_payloads_published(vendor):
    (device_id,) = vendor.devices(1)
    one = job(
        vendor, iterationTimeout=400, retryOnTimeout=True, maxIterationConcurrency=1,
        defaultContext='{"a":{"b":1}}',
    )  # fmt: skip
    flow = vendor.flow(
        [
            trigger("resourceJobIteration", one["resourceJobId"], "iteration"),
            trigger("resourceJobIterationTimeout", one["resourceJobId"], "timeout"),
            trigger("resourceJobComplete", one["resourceJobId"], "complete"),
        ],
        keep("iteration"), keep("timeout"), keep("complete"),
    )  # fmt: skip

    execution_id = execute(vendor, one)
    entry = ended(vendor, one, execution_id)
    kept = sound(vendor.stored(flow, "iteration", "timeout", "complete"))

    assert {name: set(payload) for name, payload in kept.items()} == dict.fromkeys(kept, ROOT)
    assert {payload["relayId"] for payload in kept.values()} == {one["resourceJobId"]}
    iteration, complete = kept["iteration"]["data"], kept["complete"]["data"]
    attempt = {"attemptNumber", "willRetryOnFailure", "willRetryOnTimeout"}
    item = {"device", "execution", "iterationId", "accumulator", *attempt}
    assert set(iteration) == item
    assert set(kept["timeout"]["data"]) == {*item, "iterationStartedAt"}
    assert set(iteration["execution"]) == EXECUTION
    assert iteration["execution"]["context"] == {"a": {"b": 1}}
    assert iteration["execution"]["query"] == {}
    assert iteration["iterationId"] == f"{execution_id}-{device_id}"
    assert iteration["device"]["deviceId"] == iteration["device"]["id"] == device_id
    assert set(complete) == {"execution", "resourceJob", "success", "accumulator"}
    assert set(complete["execution"]) == {
        *EXECUTION, "executionReportUrl", "executionSummary", "runCompletedAt",
    }  # fmt: skip
    assert complete["success"] is True
    assert complete["resourceJob"]["resourceJobId"] == complete["resourceJob"]["id"]
    assert complete["execution"]["executionSummary"] == entry["executionSummary"]


@pytest.mark.parametrize(
    ("resource_type", "alias"),
    [
        ("experienceGroup", "experienceGroupId"),
        ("experienceUser", "experienceUserId"),
        ("dataTableRow", "id"),
    ],
)
def test_each_type_of_resource_is_on_the_payload_under_its_name(vendor, resource_type, alias):
    table = vendor.table(("s", "string", "optional"))
    made = {
        "experienceGroup": lambda: vendor.client.experience_groups.post(
            **vendor.key, experienceGroup={"name": "g"}
        ),
        "experienceUser": lambda: vendor.client.experience_users.post(
            **vendor.key, experienceUser={"email": "a@example.com", "password": "Sup3rsecret!"}
        ),
        "dataTableRow": lambda: vendor.client.data_table_rows.post(
            **table, dataTableRow={"s": "x"}
        ),
    }[resource_type]()
    context = json.dumps({"table": table["dataTableId"]})
    more = {"dataTableId": "{{ctx.table}}"} if resource_type == "dataTableRow" else {}
    one = job(vendor, resourceType=resource_type, defaultContext=context, **more)
    flow = vendor.flow(
        [trigger("resourceJobIteration", one["resourceJobId"], "seen")],
        {**keep("seen", f"data.{resource_type}"), "outputIds": [["ack"]]},
        node("ack", "ResourceJobAcknowledgeNode", successExpression="true"),
    )

    entry = ended(vendor, one, execute(vendor, one))

    assert entry["executionSummary"]["succeeded"] == 1
    shown = vendor.stored(flow, "seen")["seen"]
    assert shown["id"] == shown[alias] == made["id"]


def test_a_button_acknowledges_an_iteration_once_and_tells_the_rest(vendor):
    first, second = vendor.devices(2)
    one = job(vendor, maxIterationConcurrency=1)
    waits = vendor.flow(
        [trigger("resourceJobIteration", one["resourceJobId"], "s")],
        node(
            "s", "StoreValueNode",
            keyName="{{data.iterationId}}", valueType="path", valuePath="data.accumulator",
        ),
    )  # fmt: skip
    acknowledges = vendor.flow(
        [trigger("virtualButton", "press", "ack")],
        node(
            "ack", "ResourceJobAcknowledgeNode", "told",
            successExpression="{{data.ok}}", messageTemplate="m{{data.n}}",
            iterationIdPath="data.iteration", accumulatorMethod="stringTemplate",
            accumulatorValue="after {{data.n}}", resultPath="data.result",
        ),
        node(
            "told", "StoreValueNode",
            keyName="{{data.n}}", valueType="path", valuePath="data.result",
        ),
    )  # fmt: skip
    execution_id = execute(vendor, one)

    def press(name, iteration, *, ok=True):
        payload = {"n": name, "iteration": iteration, "ok": ok}
        body = {"key": "press", "payload": payload}
        vendor.client.flow.press_virtual_button(**acknowledges, button=body)
        return vendor.stored(acknowledges, name)[name]

    vendor.stored(waits, f"{execution_id}-{first}")
    done = press("one", f"{execution_id}-{first}")
    late = press("late", f"{execution_id}-{first}", ok=False)
    unknown = press("odd", "nothing")
    handed_on = vendor.stored(waits, f"{execution_id}-{second}")[f"{execution_id}-{second}"]
    press("two", f"{execution_id}-{second}", ok=False)
    entry = ended(vendor, one, execution_id)

    assert set(sound(done)) == {"success", "message", "accumulator", "startedAt", "completedAt"}
    assert done["accumulator"] == handed_on == "after one"
    assert set(late) == set(unknown) == {"error"}
    assert set(late["error"]) == {"type", "message"}
    assert unknown["error"]["type"] == "NotFound"
    assert entry["executionSummary"] == {
        "succeeded": 1, "failed": 1, "timedOut": 0, "inProgress": 0, "remaining": 0,
    }  # fmt: skip
    assert entry["accumulator"] == "after two"


@pytest.mark.parametrize(
    ("fields", "options", "reason"),
    [
        ({"queryJson": '{"name": {{ctx.x}} }'}, {}, "queryJson"),
        ({"queryJson": '{"{{ctx.x}}": 1}'}, {"templateContext": '{"x":"zz"}'}, "zz"),
        ({"resourceType": "dataTableRow", "dataTableId": "{{ctx.x}}"}, {}, "dataTableId"),
        (
            {"resourceType": "dataTableRow", "dataTableId": "{{ctx.x}}"},
            {"templateContext": json.dumps({"x": "a" * 24})},
            "",
        ),
    ],
)
def test_what_renders_to_nonsense_is_errored_with_its_reason(vendor, fields, options, reason):
    one = job(vendor, **fields)

    entry = ended(vendor, one, execute(vendor, one, **options))

    assert entry["status"] == "errored"
    assert entry["error"]
    assert reason in entry["error"]
    assert sum(entry["executionSummary"].values()) == 0


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"templateContext": "x"}, "templateContext"),
        ({"queryJson": "{"}, "queryJson"),
        ({"dataTableId": "xyz"}, "dataTableId"),
        ({"zz": 1}, "zz"),
    ],
)
def test_overrides_that_cannot_be_are_refused_by_name(vendor, options, field):
    one = job(vendor)

    refused(400, field, vendor.client.resource_job.execute, **one, executionOptions=options)


def test_an_execution_is_cancelled_by_its_own_job_alone(vendor):
    vendor.devices(1)
    one, other = job(vendor), job(vendor)
    execution_id = execute(vendor, one)
    cancel = vendor.client.resource_job.cancel_execution

    refused(404, "", cancel, **other, executionId=execution_id)
    refused(404, "", cancel, **one, executionId="a" * 24)
    refused(400, "executionId", cancel, **one, executionId="zz")
    refused(400, "executionId", cancel, **one)
    assert cancel(**one, executionId=execution_id.upper()) == {"success": True}


@pytest.mark.parametrize("concurrency", [1, 10])
def test_an_accumulator_is_kept_by_serial_jobs_alone(vendor, concurrency):
    vendor.devices(1)
    one = job(vendor, maxIterationConcurrency=concurrency)
    flow = vendor.flow(
        [trigger("resourceJobIteration", one["resourceJobId"], "ack")],
        node(
            "ack", "ResourceJobAcknowledgeNode", "told",
            successExpression="true", accumulatorMethod="stringTemplate",
            accumulatorValue="kept", resultPath="data.result",
        ),
        keep("told", "data.result"),
    )  # fmt: skip

    entry = ended(vendor, one, execute(vendor, one))
    result = vendor.stored(flow, "told")["told"]
    (row,) = csv.DictReader(io.StringIO(httpx.get(entry["executionReportUrl"]).text))

    expected = "kept" if concurrency == 1 else None
    assert entry.get("accumulator") == result.get("accumulator") == expected
    assert row["accumulator"] == (expected or "")
