"""Workflows on a real server: saved, pressed, run in worker processes, looked at over HTTP."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from examples.serving import EMAIL, serving

PASSWORD = "correct horse battery"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def api():
    settings = {"admin_password": PASSWORD, "workers": 1, "allowed_networks": "127.0.0.0/8"}
    with serving(**settings, sweep_seconds=3600) as running:  # nothing runs because time has gone
        body = {"email": EMAIL, "password": PASSWORD}
        token = httpx.post(f"{running.url}/auth/user", json=body).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=running.url, headers=headers, timeout=60) as client:
            made = client.post("/applications", json={"name": "Plant"}).json()
            client.base_url = f"{running.url}/applications/{made['id']}"
            yield client


def node(name, kind, config=None, *outputs, group=None):
    meta = {"label": name} | ({"groupId": group} if group else {})
    return {
        "id": name,
        "type": kind,
        "config": config or {},
        "meta": meta,
        "outputIds": [list(ids) for ids in outputs],
    }


def button(*start, payload="{}"):
    return {
        "type": "virtualButton",
        "config": {},
        "meta": {
            "category": "trigger",
            "name": "virtualButton",
            "payload": payload,
            "uiId": "push",
        },
        "outputIds": [list(start)],
    }


def save(api, triggers, *nodes, **more):
    answer = api.post(
        "/flows", json={"name": "Flow", "triggers": triggers, "nodes": list(nodes), **more}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def press(api, flow, **body):
    return api.post(
        f"/flows/{flow['id']}/virtualButton", json={"key": flow["triggers"][0]["key"], **body}
    )


def eventually(look):
    """Return what ``look`` finds, as soon as it finds something."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("nothing came of it")


def stored(api, flow, key):
    return eventually(lambda: api.get(f"/flows/{flow['id']}/storage").json().get(key))


def test_a_pressed_button_runs_nodes_scripts_and_storage(api):
    script = "payload.working = {sum: payload.data.items.reduce((a, b) => a + b, 0), when: payload.time}; return payload;"
    flow = save(
        api,
        [button("f", payload='{"items": [1, 2, 3]}')],
        node("f", "RawFunctionNode", {"script": script}, ["s"]),
        node(
            "s",
            "StoreValueNode",
            {"keyName": "sum", "valueType": "path", "valuePath": "working.sum"},
            ["d"],
        ),
        node("d", "DebugNode", {"message": "{{formatDate working.when 'YYYY'}}"}, []),
    )
    assert flow["triggers"][0]["key"] == f"{flow['id']}-push"

    assert press(api, flow).json() == {"success": True}

    assert stored(api, flow, "sum") == 6
    press(api, flow, payload={"items": [10]})
    assert eventually(lambda: api.get(f"/flows/{flow['id']}/storage").json() == {"sum": 10})
    size = api.get(f"/flows/{flow['id']}/storage-metadata").json()
    assert size == {"keysCount": 1, "memoryUsed": 5}
    metrics = eventually(lambda: api.get(f"/flows/{flow['id']}/stats").json()["metrics"])
    assert sum(each["runCount"] for each in metrics) >= 1
    assert api.get(f"/flows/{flow['id']}/logs").json()[0]["flowVersionId"] == "develop"


def test_presses_that_cannot_be_are_told(api):
    flow = save(api, [button()])

    assert press(api, flow, key="nobody").status_code == 404
    assert press(api, flow, payload=[1]).status_code == 400
    assert press(api, flow, flowVersion="v9").status_code == 404
    assert api.post(f"/flows/{'0' * 24}/virtualButton", json={"key": "x"}).status_code == 404
    api.patch(f"/flows/{flow['id']}", json={"enabled": False})
    assert press(api, flow).status_code == 400


def test_a_flawed_workflow_is_refused_with_the_place_of_each_flaw(api):
    answer = api.post(
        "/flows",
        json={
            "name": "Bad",
            "triggers": [button("none")],
            "nodes": [node("a", "DebugNode", {"message": "{{#if}}"}, [])],
        },
    )

    assert answer.status_code == 400
    assert (
        "/triggers/0/outputIds/0/0: Referenced output ID none does not exist."
        in answer.json()["message"]
    )


def test_an_error_is_kept_and_handed_to_the_workflow_that_waits_for_it(api):
    handling = save(
        api,
        [{"type": "flowError", "config": {"scope": "cloud"}, "outputIds": [["s"]]}],
        node(
            "s", "StoreValueNode", {"keyName": "told", "valueType": "path", "valuePath": "data"}, []
        ),
    )
    failing = save(
        api, [button("t")], node("t", "ThrowErrorNode", {"messageTemplate": "no {{data.x}}"})
    )

    press(api, failing, payload={"x": 7})

    told = stored(api, handling, "told")
    assert told["errorInfo"] == {
        "error": {"name": "ThrowErrorNode", "message": "no 7"},
        "nodeId": "t",
        "nodeType": "ThrowErrorNode",
    }
    assert told["erroredPayload"]["data"] == {"x": 7}
    errors = eventually(lambda: api.get(f"/flows/{failing['id']}/errors").json()["errors"])
    assert errors[0]["error"] == {"name": "ThrowErrorNode", "message": "no 7"}
    assert (errors[0]["nodeId"], errors[0]["flowVersion"]) == ("t", "develop")


def test_a_timer_runs_and_stops_when_its_workflow_is_disabled(api):
    flow = save(
        api,
        [{"type": "timer", "config": {"seconds": 1}, "outputIds": [["s"]]}],
        node("s", "StoreValueNode", {"keyName": "ticks", "valueType": "incr", "value": "1"}, []),
    )

    assert eventually(lambda: api.get(f"/flows/{flow['id']}/storage").json().get("ticks", 0) >= 2)
    api.patch(f"/flows/{flow['id']}", json={"enabled": False})


def test_a_named_version_runs_though_another_is_the_default(api):
    store = {"keyName": "ran", "valueType": "template", "value": "{{flowVersion}}"}
    flow = save(api, [button("s")], node("s", "StoreValueNode", store, []))
    version = {
        "version": "v1",
        "triggers": [{**button("s"), "key": flow["triggers"][0]["key"]}],
        "nodes": flow["nodes"],
    }
    assert api.post(f"/flows/{flow['id']}/versions", json=version).status_code == 201

    press(api, flow, flowVersion="v1")

    assert stored(api, flow, "ran") == "v1"
    press(api, flow)
    assert eventually(lambda: api.get(f"/flows/{flow['id']}/storage").json()["ran"] == "develop")


def test_workflows_hear_of_events_rows_and_devices(api):
    table = api.post(
        "/data-tables",
        json={
            "name": "T",
            "columns": [{"name": "n", "dataType": "number", "constraint": "optional"}],
        },
    ).json()
    store = {"keyName": "{{triggerType}}", "valueType": "path", "valuePath": "data"}
    flow = save(
        api,
        [
            {
                "type": "event",
                "key": "any",
                "config": {"new": True, "subject": "hot*"},
                "outputIds": [["s"]],
            },
            {
                "type": "dataTable",
                "key": table["id"],
                "config": {"insert": True},
                "outputIds": [["s"]],
            },
            {"type": "deviceCreate", "outputIds": [["s"]]},
        ],
        node("s", "StoreValueNode", store, []),
    )

    api.post("/events", json={"level": "info", "subject": "cold"})
    api.post("/events", json={"level": "error", "subject": "Hot pump"})
    api.post(f"/data-tables/{table['id']}/rows", json={"n": 5})
    device = api.post("/devices", json={"name": "Pump"}).json()

    assert stored(api, flow, "event")["subject"] == "Hot pump"
    assert stored(api, flow, "dataTable")["newRow"]["n"] == 5
    assert stored(api, flow, "deviceCreate")["device"]["id"] == device["id"]


def test_one_workflow_starts_another_and_loops_over_devices(api):
    for number in range(3):
        api.post(
            "/devices", json={"name": f"Loop {number}", "tags": [{"key": "loop", "value": "yes"}]}
        )
    target = save(
        api,
        [button("s")],
        node(
            "s", "StoreValueNode", {"keyName": "all", "valueType": "path", "valuePath": "data"}, []
        ),
    )
    find = {
        "findMethod": "findByAllTags",
        "tags": [{"keyTemplate": "loop", "valueTemplate": "yes"}],
        "findMultiple": True,
        "resultPath": "found",
    }
    repeat = {
        "loopSourcePath": "found",
        "currentItemPath": "item",
        "mapResultPath": "data.names",
        "mapValuePath": "item.value.name",
        "parallel": True,
    }
    go = {
        "triggerWorkflowId": target["id"],
        "flowVersionTemplate": "default",
        "triggerVirtualButtonId": "push",
        "payloadTemplateType": "path",
        "payloadTemplate": "data",
    }
    starter = save(
        api,
        [button("g")],
        node("g", "GetDeviceNode", find, ["l"]),
        node("l", "LoopNode", repeat, ["t"], ["n"]),
        node("n", "LoopCapNode", {"loopNodeId": "l"}, group="l"),
        node("t", "WorkflowTriggerNode", {"behavior": "immediate", **go}, []),
    )

    press(api, starter)

    assert stored(api, target, "all") == {"names": ["Loop 0", "Loop 1", "Loop 2"]}


def test_a_job_is_acknowledged_iteration_by_iteration(api):
    for number in range(4):
        api.post(
            "/devices", json={"name": f"Job {number}", "tags": [{"key": "n", "value": str(number)}]}
        )
    query = '{"name": {"$startsWith": "Job "}}'
    job = api.post(
        "/resource-jobs", json={"name": "J", "resourceType": "device", "queryJson": query}
    ).json()
    ack = {
        "successExpression": "{{data.device.tags.n.[0]}} != '2'",
        "messageTemplate": "{{data.device.name}} {{data.execution.context.word}}",
        "accumulatorMethod": "jsonTemplate",
        "accumulatorValue": '{"count": {{add data.accumulator.count 1}}}',
    }
    save(
        api,
        [{"type": "resourceJobIteration", "key": job["id"], "config": {}, "outputIds": [["a"]]}],
        node("a", "ResourceJobAcknowledgeNode", ack, []),
    )
    done = save(
        api,
        [{"type": "resourceJobComplete", "key": job["id"], "config": {}, "outputIds": [["s"]]}],
        node(
            "s", "StoreValueNode", {"keyName": "done", "valueType": "path", "valuePath": "data"}, []
        ),
    )

    api.post(f"/resource-jobs/{job['id']}/execute", json={"templateContext": '{"word": "ok"}'})

    told = stored(api, done, "done")
    assert told["execution"]["executionSummary"]["succeeded"] == 3
    assert told["execution"]["executionSummary"]["failed"] == 1
    assert told["accumulator"] == {"count": 4}


def test_an_iteration_is_acknowledged_later_by_another_workflow(api):
    api.post("/devices", json={"name": "Later"})
    query = '{"name": "Later"}'
    job = api.post(
        "/resource-jobs", json={"name": "J", "resourceType": "device", "queryJson": query}
    ).json()
    save(
        api,
        [{"type": "resourceJobIteration", "key": job["id"], "config": {}, "outputIds": [["s"]]}],
        node(
            "s",
            "StoreValueNode",
            {"keyName": "id", "valueType": "path", "valuePath": "data.iterationId"},
            [],
        ),
        name="Begin",
    )
    begin = next(
        flow for flow in api.get("/flows?perPage=1000").json()["items"] if flow["name"] == "Begin"
    )
    ack = {"successExpression": "true", "messageTemplate": "by hand", "resultPath": "working.ack"}
    finish = save(
        api,
        [button("a")],
        node("a", "ResourceJobAcknowledgeNode", ack, ["s"]),
        node(
            "s",
            "StoreValueNode",
            {"keyName": "ack", "valueType": "path", "valuePath": "working.ack"},
            [],
        ),
    )
    api.post(f"/resource-jobs/{job['id']}/execute", json={})
    iteration_id = stored(api, begin, "id")

    press(api, finish, payload={"iterationId": iteration_id})

    assert stored(api, finish, "ack")["success"] is True
    press(api, finish, payload={"iterationId": iteration_id})
    again = eventually(lambda: api.get(f"/flows/{finish['id']}/storage").json()["ack"].get("error"))
    assert again == {"type": "Validation", "message": "Iteration was already acknowledged"}


def test_http_requests_go_out_and_come_back(api):
    class Echo(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"got": %b}' % body)

        def log_message(self, *_args):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    request = {
        "method": "POST",
        "uriTemplate": f"http://127.0.0.1:{server.server_port}/x",
        "bodyType": "jsonTemplate",
        "bodyTemplate": '{"n": {{data.n}}}',
        "responsePath": "working.answer",
    }
    flow = save(
        api,
        [button("h")],
        node("h", "HttpNode", request, ["s"]),
        node(
            "s",
            "StoreValueNode",
            {"keyName": "a", "valueType": "path", "valuePath": "working.answer"},
            [],
        ),
    )

    press(api, flow, payload={"n": 1})

    answer = stored(api, flow, "a")
    server.shutdown()
    server.server_close()
    assert (answer["statusCode"], answer["body"]) == (201, {"got": {"n": 1}})


def test_storage_is_changed_over_http(api):
    flow = save(api, [button()])
    path = f"/flows/{flow['id']}/storage"

    assert api.patch(path, json={"key": "a", "value": [1]}).json() == {"success": True}
    assert api.get(path).json() == {"a": [1]}
    api.patch(path, json={"key": "a"})
    assert api.get(path).json() == {}
    assert api.patch(path, json={"key": "", "value": 1}).status_code == 400
    assert api.patch(path, json={"key": "b", "value": "x" * 20_000}).status_code in (400, 413)
    api.patch(path, json={"key": "b", "value": 1})
    assert api.delete(path).status_code == 200
    assert api.get(path).json() == {}
