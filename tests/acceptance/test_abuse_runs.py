"""Jobs and workflows that go wrong in every way: each ends, with its reason, and none in a 5xx."""

from __future__ import annotations

import json
import time

import pytest

from tests.acceptance.abuse_server import assert_none, storming
from tests.support.abuse_world import Wire, ended

pytestmark = pytest.mark.slow

DEVICES = 3
HANDLERS = [
    "raise",
    "raise-nameless",
    "leave",
    "leave-async",
    "cancel-async",
    "interrupt",
    "kill",
    "unserialisable",
    "surrogate",
    "huge-number",
    "cycle",
    "block",
    "spin-async",
    "allocate",
    "recurse",
]


def node(name, kind, config, *outputs):
    return {"id": name, "type": kind, "config": config, "meta": {}, "outputIds": list(outputs)}


DONE = node("done", "ResourceJobAcknowledgeNode", {"successExpression": "true"}, [])


def script(text):
    return [node("first", "RawFunctionNode", {"script": text}, ["done"]), DONE]


def put(name, template, *outputs):
    rule = {"type": "set", "valueTemplate": template, "destination": f"working.{name}"}
    return node(name, "MutateNode", {"rules": [rule]}, *outputs)


def acknowledging(config):
    return [node("first", "ResourceJobAcknowledgeNode", config, [])]


def handler(name):
    config = {"handler": name, "timeoutTemplate": "1", "resultPath": "working.x"}
    return [node("first", "PythonHandlerNode", config, ["done"]), DONE]


def asking(url):
    config = {"method": "get", "uriTemplate": url, "responsePath": "working.x"}
    return [node("first", "HTTPNode", config, ["done"]), DONE]


WORKFLOWS = {
    "script for ever": script("while (true) {}"),
    "script that recurses": script("function f() { return f() + f(); } f();"),
    "script that eats memory": script("const a = []; while (true) a.push(new Array(1e6).fill(1));"),
    "script of a bad pattern": script("/^(a+)+$/.test('a'.repeat(40) + 'b')"),
    "script that is none": script("}{ not javascript"),
    "script that throws": script("throw new Error('no')"),
    "script that throws nonsense": script("throw {toString() { throw 1 }}"),
    "script that returns 8 MB": script("payload.x = 'y'.repeat(8e6)"),
    "script that returns a cycle": script("payload.x = payload"),
    "script that nests 100,000": script("let x=[]; for(let i=0;i<1e5;i++) x=[x]; payload.x=x"),
    "script that pollutes": script("Object.prototype.toJSON=()=>{throw 1}; payload.x={}"),
    "script that removes the payload": script("payload = undefined"),
    "script with getters": script("payload.x = {get y() { while (true) {} }}"),
    "circle": [put("first", "1", ["second"]), put("second", "2", ["first"])],
    "circle that forks": [
        put("first", "1", ["second", "third"]),
        put("second", "2", ["first"]),
        put("third", "3", ["first"]),
    ],
    "growth": [put("first", "{{working.first}}" + "x" * 30_000, ["first"])],
    "expression that is none": [
        node("first", "ConditionalNode", {"expression": "{{{{"}, ["done"], ["done"]),
        DONE,
    ],
    "outputs that lead nowhere": [put("first", "1", ["nobody"])],
    "acknowledges nobody": acknowledging(
        {"successExpression": "true", "iterationIdPath": "working.nothing"}
    ),
    "acknowledges with text": acknowledging({"successExpression": "'; DROP TABLE iteration"}),
    "asks for metadata": asking("http://169.254.169.254/latest/meta-data"),
    "asks the machine itself": asking("http://localhost:22/"),
    "asks in numbers": asking("http://2130706433/"),
    "asks for a file": asking("file:///etc/passwd"),
    "asks for nothing": asking("{{nothing}}"),
} | {f"handler: {name}": handler(name) for name in HANDLERS}


def workflow(job_id, nodes):
    trigger = {
        "type": "resourceJobIteration",
        "key": job_id,
        "config": {},
        "meta": {},
        "outputIds": [["first"]],
    }
    return {"name": job_id, "enabled": True, "triggers": [trigger], "nodes": nodes, "globals": []}


@pytest.fixture(scope="module")
def storm():
    with storming() as running:
        yield running


@pytest.fixture(autouse=True)
def calm_after(storm):
    yield
    storm.assert_calm()


class Plant:
    """An application with a few devices, and jobs over them."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.base = f"/applications/{wire.send('POST', '/applications', {'name': 'P'})['id']}"
        for number in range(DEVICES):
            wire.send("POST", f"{self.base}/devices", {"name": f"d{number}"})

    def job(self, **given) -> str:
        """Make a job and return its path."""
        body = {"name": "j", "resourceType": "device", "iterationTimeout": 1500} | given
        body = {"maxIterationConcurrency": 10} | body
        return f"{self.base}/resource-jobs/" + self.made("resource-jobs", body)["id"]

    def made(self, many: str, body: object):
        return self.wire.send("POST", f"{self.base}/{many}", body)

    def running(self, nodes) -> tuple[str, str] | None:
        """Start a job over a workflow; return its path and execution, None when it is refused."""
        job = self.job()
        body = json.dumps(workflow(job.rsplit("/", 1)[1], nodes)).encode()
        reply = self.wire.ask("POST", f"{self.base}/flows", body)
        if reply.status != 201:
            assert reply.status in {400, 422}, reply
            return None
        return job, self.wire.send("POST", f"{job}/execute", {})["executionId"]

    def iterations(self, job: str, execution_id: str):
        return self.wire.send("GET", f"{job}/executions/{execution_id}/iterations")["items"]


@pytest.fixture
def plant(storm) -> Plant:
    return Plant(storm.vandal().wire)


def test_every_hostile_workflow_ends_with_a_reason_and_a_good_one_beside_them_succeeds(plant):
    began = time.monotonic()
    runs = {name: plant.running(nodes) for name, nodes in WORKFLOWS.items()}
    good = plant.running([put("first", "1", ["done"]), DONE])

    flaws = []
    for name, run in {name: run for name, run in runs.items() if run}.items():
        job, execution_id = run
        found = ended(plant.wire, job, execution_id, seconds=90)
        each = plant.iterations(job, execution_id)
        told = [(one["status"], one.get("message")) for one in each]
        print(f"{time.monotonic() - began:5.1f} s  {name}: {found['status']} {told}")
        if len(each) != DEVICES or {one["status"] for one in each} - {"failed", "timedOut"}:
            flaws.append(f"{name}: {found['status']} {told}")
    assert_none(flaws)
    ended(plant.wire, *good)
    assert {one["status"] for one in plant.iterations(*good)} == {"succeeded"}
