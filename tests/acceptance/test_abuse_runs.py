"""Jobs and workflows that go wrong in every way: each ends, with its reason, and none in a 5xx."""

from __future__ import annotations

import json

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


TELL = node(
    "tell",
    "ResourceJobAcknowledgeNode",
    {"successExpression": "!{{working.error}}", "messageTemplate": "{{working.error.name}}"},
    [],
)


def asking(url):
    config = {
        "method": "GET",
        "uriTemplate": url,
        "timeoutTemplate": "1",
        "responsePath": "working.x",
        "errorBehavior": "payloadPath",
        "errorPath": "working.error",
    }
    return [node("first", "HttpNode", config, ["tell"]), TELL]


def telling(name, timeout="10"):
    config = {
        "handler": name,
        "timeoutTemplate": timeout,
        "errorBehavior": "payloadPath",
        "errorPath": "working.error",
    }
    return [node("first", "PythonHandlerNode", config, ["tell"]), TELL]


WORKFLOWS = {
    "asks for nothing": asking("{{nothing}}"),
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
    "growth": [
        put("first", "{{working.second}}" + "x" * 30_000, ["second"]),
        put("second", "{{working.first}}{{working.first}}", ["first"]),
    ],
    "acknowledges nobody": acknowledging(
        {"successExpression": "true", "iterationIdPath": "working.nothing"}
    ),
} | {f"handler: {name}": handler(name) for name in HANDLERS}


TOLD = {
    "asks for metadata": (asking("http://169.254.169.254/latest/meta-data"), "Refused"),
    "asks the machine itself": (asking("http://localhost:22/"), "Refused"),
    "asks in numbers": (asking("http://2130706433/"), "Refused"),
    "asks in IPv6": (asking("http://[::ffff:127.0.0.1]:8080/"), "Refused"),
    "asks for a file": (asking("file:///etc/passwd"), "Refused"),
    "raises": (telling("raise"), "ValueError"),
    "leaves": (telling("leave"), "SystemExit"),
    "leaves a loop": (telling("leave-async"), "SystemExit"),
    "cancels": (telling("cancel-async"), "CancelledError"),
    "interrupts": (telling("interrupt"), "KeyboardInterrupt"),
    "returns a lock": (telling("unserialisable"), "TypeError"),
    "returns half a character": (telling("surrogate"), "UnicodeEncodeError"),
    "returns itself": (telling("cycle"), "RecursionError"),
    "returns 20 MB": (telling("allocate"), "PayloadTooLarge"),
    "recurses": (telling("recurse"), "RecursionError"),
    "blocks": (telling("block", timeout="0.3"), "Timeout"),
}
"""Workflows that acknowledge what went wrong, each with the name of that."""

REFUSED = {
    "an expression that is none": [
        node("first", "ConditionalNode", {"expression": "{{{{"}, ["done"], ["done"]),
        DONE,
    ],
    "outputs that lead nowhere": [put("first", "1", ["nobody"])],
    "a node that follows itself": [put("first", "1", ["first"])],
    "SQL for an expression": acknowledging({"successExpression": "'; DROP TABLE iteration"}),
    "nobody's node": [node("first", "ShellNode", {"command": "rm -rf /"}, [])],
    "nobody's handler": handler("nobody's"),
    "twice the same id": [put("first", "1", []), put("first", "2", [])],
    "settings of another kind": [node("first", "MutateNode", {"rules": "all"}, [])],
    "a list for settings": [node("first", "MutateNode", [], [])],
    "5,000 outputs": [node("first", "SwitchNode", {"cases": []}, *[["first"]] * 5000)],
    "a template of 10,000 blocks": [put("first", "{{#if a}}" * 10_000, [])],
    "a path of 100,000 steps": [put("first", "{{" + "a." * 100_000 + "a}}", [])],
    "an expression of 50,000 brackets": [
        node("first", "ConditionalNode", {"expression": "(" * 50_000}, [], [])
    ],
    "no id": [{"type": "MutateNode", "config": {}, "outputIds": []}],
    "an id of 1 MB": [node("i" * 1_000_000, "DebugNode", {}, [])],
}
"""Workflows that cannot be saved."""


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
        running.server.process.kill()  # a clean stop waits for what here never ends


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

    def running(self, nodes, **given) -> tuple[str, str] | None:
        """Start a job over a workflow; return its path and execution, None when it is refused."""
        job = self.job(**given)
        body = json.dumps(workflow(job.rsplit("/", 1)[1], nodes)).encode()
        reply = self.wire.ask("POST", f"{self.base}/flows", body)
        if reply.status != 201:
            assert reply.status in {400, 422}, reply
            return None
        return job, self.wire.send("POST", f"{job}/execute", {})["executionId"]

    def ended(self, run: tuple[str, str], seconds: float = 60) -> str:
        """Wait until an execution has ended; return how, with what came of its iterations."""
        found = ended(self.wire, *run, seconds)
        told = [(one["status"], one.get("message")) for one in self.iterations(*run)]
        return f"{found['status']} {told}"

    def iterations(self, job: str, execution_id: str):
        return self.wire.send("GET", f"{job}/executions/{execution_id}/iterations")["items"]


@pytest.fixture
def plant(storm) -> Plant:
    return Plant(storm.vandal().wire)


def test_every_hostile_workflow_times_out_and_a_good_one_beside_them_succeeds(plant):
    runs = {name: plant.running(nodes) for name, nodes in WORKFLOWS.items()}
    patient = {"iterationTimeout": 60_000}
    good = plant.running([put("first", "1", ["done"]), DONE], **patient)
    huge = plant.running(handler("huge-number"), **patient)  # odd, but it can be told

    flaws = []
    for name, run in runs.items():
        told = plant.ended(run)
        statuses = [one["status"] for one in plant.iterations(*run)]
        if len(statuses) != DEVICES or set(statuses) - {"failed", "timedOut"}:
            flaws.append(f"{name}: {told}")
    assert_none(flaws)
    for run in (good, huge):
        assert plant.ended(run) == f"completed {[('succeeded', None)] * DEVICES}"


def test_what_goes_wrong_in_a_node_can_be_told_by_its_iteration(plant):
    runs = {
        name: (plant.running(nodes, iterationTimeout=60_000), error)
        for name, (nodes, error) in TOLD.items()
    }

    flaws = []
    for name, (run, error) in runs.items():
        told = plant.ended(run)
        if told != f"completed {[('failed', error)] * DEVICES}":
            flaws.append(f"{name}: {told}, not {error}")
    assert_none(flaws)


def test_workflows_that_cannot_work_are_refused_when_they_are_saved(plant):
    saved = [name for name, nodes in REFUSED.items() if plant.running(nodes) is not None]

    assert saved == []
    assert plant.wire.send("GET", f"{plant.base}/flows")["totalCount"] == 0


NONSENSE = [
    "{",
    "null",
    "[]",
    "1e400",
    '"x"',
    '{"$where": "1"}',
    '{"name": {"$regex": "(a+)+$"}}',
    '{"name": {"$in": {}}}',
    '{"$and": [' * 200 + "{}" + "]}" * 200,
    '{"tags": {"$tagKey": {}}}',
    '{"name": ' + "9" * 5000 + "}",
    '{"name\\u0000": 1}',
    '{"' + "n" * 30_000 + '": 1}',
    "{{",
    "{{#each}}",
    "{{#each ctx.a}}{{/if}}",
    "{{/each}}",
]
"""Queries that cannot be used whatever the context is."""

RENDERED = [
    ("{{ctx.a}}", {}),
    ("{{ctx.a}}", {"a": "}{"}),
    ('{"name": "{{{ctx.a}}}"}', {"a": '"} , {"$or": [{}]'}),
    ('{"name": {{ctx.a}}}', {"a": "9" * 5000}),
    (
        "{{#each ctx.a}}{{#each ../ctx.a}}{{#each ../../ctx.a}}x{{/each}}{{/each}}{{/each}}",
        {"a": [1] * 900},
    ),
    ('{"name": "{{ctx.a}}{{ctx.a}}{{ctx.a}}"}', {"a": "x" * 30_000}),
    ("{{jsonEncode ctx}}", {"a": 1}),
    ("{{ctx.a}}", {"a": {"$ne": 1}}),
]
"""Queries with the contexts that make nonsense of them."""


def test_jobs_whose_query_is_nonsense_are_refused(plant):
    job = plant.job()
    flaws = []
    for text in NONSENSE:
        for method, path, body in (
            ("POST", f"{plant.base}/resource-jobs", {"name": "j", "resourceType": "device"}),
            ("PATCH", job, {}),
            ("POST", f"{job}/execute", {}),
            ("POST", f"{job}/preview", {}),
        ):
            sent = json.dumps(body | {"queryJson": text}).encode()
            reply = plant.wire.ask(method, path, sent)
            if not 400 <= reply.status < 500:
                flaws.append(f"{method} {path} with {text[:60]}: {reply}")
    assert_none(flaws)
    assert plant.wire.send("GET", f"{job}/executions")["totalCount"] == 0


def test_a_query_that_is_rendered_to_nonsense_ends_its_execution_as_errored(plant):
    flaws = []
    for query, context in RENDERED:
        job = plant.job(queryJson=query)
        body = json.dumps({"templateContext": json.dumps(context)}).encode()
        reply = plant.wire.ask("POST", f"{job}/execute", body)
        if reply.status >= 500:
            flaws.append(f"{query}: {reply}")
        elif reply.status < 300:
            found = ended(plant.wire, job, reply.json["executionId"])
            if found["status"] != "errored":
                flaws.append(f"{query[:80]}: {found['status']}")
    assert_none(flaws)


@pytest.mark.parametrize("context", ["", "{", "[]", "1", "null", '{"a":' * 3000, "{{a}}"])
def test_a_context_that_is_none_is_refused_or_taken_as_empty(plant, context):
    job = plant.job()

    reply = plant.wire.ask(
        "POST", f"{job}/execute", json.dumps({"templateContext": context}).encode()
    )

    assert reply.status == (400 if context else 200), reply
