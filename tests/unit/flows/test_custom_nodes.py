"""Workflows that are used as nodes of others."""

from typing import Any

import pytest

from drover.flows import check_flow
from tests.support.flow_world import (
    SHOW,
    FakeClock,
    FakeHost,
    error,
    flow,
    node,
    run_many,
    run_one,
    shown,
    start,
)

DOUBLER = "64b0000000000000000000c1"
OTHER = "64b0000000000000000000c2"


def custom(
    *nodes: dict[str, Any],
    begin: str | None = None,
    fields: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A custom node's definition."""
    return {
        "id": DOUBLER,
        "name": "Doubler",
        "applicationId": "64b0000000000000000000a1",
        "flowVersion": "develop",
        "triggers": [
            {
                "type": "customNodeStart",
                "key": "customNodeStart",
                "outputIds": [[begin or nodes[0]["id"]]],
            }
        ],
        "nodes": list(nodes),
        "customNodeConfig": {"outputCount": 1, "resultMode": "optional", "fields": fields or []},
        **more,
    }


def execute(name: str = "call", of: str = DOUBLER, *outputs: list[str], **config: Any) -> Any:
    return node(
        name,
        "CustomNodeExecuteNode",
        {"customNodeId": of, "resultPath": "working.result", **config},
        *(outputs or (["show"],)),
    )


def end(path: str | None = None, name: str = "end", kind: str = "single") -> dict[str, Any]:
    config = {"resultSourcePath": path} if path else {}
    made = node(name, "CustomNodeCapNode", config)
    made["meta"]["name"] = f"custom-node-end-{kind}"
    return made


def put(name: str, template: str, path: str, *outputs: list[str]) -> dict[str, Any]:
    rule = {"type": "set", "valueTemplate": template, "destination": path}
    return node(name, "MutateNode", {"rules": [rule]}, *outputs)


def calling(definition: dict[str, Any], *nodes: dict[str, Any], first: str = "call") -> Any:
    """A workflow that uses one custom node."""
    return flow([first], *nodes, SHOW, customNodes={f"{DOUBLER}/default": definition})


NUMBER = {"type": "numberTemplate", "id": "n", "label": "Number", "required": True}
DOUBLE = node(
    "math", "MathNode", {"statements": [{"expression": "{{data.n}} * 2", "resultPath": "data.n"}]},
    ["end"],
)  # fmt: skip


def test_a_custom_node_gets_its_inputs_and_hands_back_its_result():
    definition = custom(DOUBLE, end("data.n"), fields=[NUMBER])
    call = execute(fields=[{"id": "n", "value": "{{data.many}}"}])

    payload = shown(run_one(calling(definition, call), {"many": 21}))

    assert payload["working"]["result"] == 42
    assert payload["data"] == {"many": 21}


def test_a_custom_node_sees_nothing_of_the_payload_but_its_inputs():
    definition = custom(end("."), globals=[{"key": "g", "json": "7"}])
    call = execute()

    payload = shown(run_one(calling(definition, put("set", "1", "working.secret", ["call"]), call,
                                    first="set")))  # fmt: skip

    inner = payload["working"]["result"]
    assert inner["data"] == {}
    assert "working" not in inner
    assert inner["globals"] == {"g": 7}
    assert inner["flowId"] == DOUBLER
    assert inner["flowName"] == "Doubler"
    assert inner["triggerType"] == inner["triggerId"] == "customNodeStart"
    assert (inner["relayType"], inner["relayId"]) == ("flow", payload["flowId"])


def test_a_result_is_a_copy():
    definition = custom(
        end("data.given"), fields=[{"type": "payloadPath", "id": "given", "label": "G"}]
    )
    call = execute(fields=[{"id": "given", "value": "data"}])

    payload = shown(run_one(calling(definition, call) | {}, {"a": [1]}))

    assert payload["working"]["result"] == {"a": [1]}
    assert payload["data"] == {"a": [1]}


@pytest.mark.parametrize(("kind", "output"), [("single", "0"), ("false", "0"), ("true", "1")])
def test_the_end_that_is_reached_decides_the_output(kind, output):
    definition = custom(end(kind=kind))
    ends = [node(f"end{n}", "DebugNode", {"message": str(n)}, []) for n in range(2)]
    call = execute("call", DOUBLER, ["end0"], ["end1"])

    record = run_one(flow(["call"], call, *ends, customNodes={f"{DOUBLER}/default": definition}))

    assert [each["message"] for each in record.debug] == [output]


def test_a_custom_node_that_reaches_no_end_ends_the_path():
    record = run_one(calling(custom(put("set", "1", "x", [])), execute()))

    assert (record.ok, record.debug, record.paths_completed) == (True, [], 1)


def test_a_custom_node_without_a_start_ends_the_path():
    definition = custom(end(), begin="nothing")

    record = run_one(calling(definition, execute()))

    assert (record.ok, record.debug) == (True, [])


def test_the_first_end_wins_and_the_call_is_over_once():
    definition = custom(
        put("set", "1", "x", ["one", "two"]), put("one", "1", "v", ["end"]), put("two", "2", "v", ["end"]),
        end("v"),
    )  # fmt: skip

    record = run_one(calling(definition, execute()))

    assert [each["payload"]["working"]["result"] for each in record.debug] == ["1"]


def test_an_error_inside_is_that_of_the_run_at_the_inner_node():
    definition = custom(node("broken", "ThrowErrorNode", {"messageTemplate": "no {{data.n}}"}),
                        fields=[NUMBER])  # fmt: skip

    record = run_one(calling(definition, execute(fields=[{"id": "n", "value": "3"}])))

    assert record.error is not None
    assert record.error["error"] == {"name": "ThrowErrorNode", "message": "no 3"}
    assert record.error["nodeId"] == "broken"


def test_a_missing_custom_node_throws():
    record = run_one(flow(["call"], execute(), SHOW))

    assert record.error is not None
    assert record.error["error"]["name"] == "NotFound"


def test_a_custom_node_runs_no_node_of_its_own_kind():
    again = node("again", "CustomNodeExecuteNode", {"customNodeId": DOUBLER}, ["end"])

    record = run_one(calling(custom(again, end()), execute()))

    assert record.error is not None
    assert record.error["error"] == {
        "name": "Validation",
        "message": "A custom node may not run itself",
    }


def test_custom_nodes_do_not_run_each_other_in_a_circle():
    there = node("there", "CustomNodeExecuteNode", {"customNodeId": OTHER}, ["end"])
    back = node("back", "CustomNodeExecuteNode", {"customNodeId": DOUBLER}, ["end"])
    definition = calling(custom(there, end()), execute())
    definition["customNodes"][f"{OTHER}/default"] = custom(back, end()) | {"id": OTHER}

    record = run_one(definition)

    assert record.error is not None
    assert record.error["error"]["message"] == "A custom node may not run itself"


def test_custom_nodes_run_others_and_twice_the_same():
    inner = custom(put("set", "{{data.t}}!", "data.t", ["end"]), end("data.t"),
                   fields=[{"type": "stringTemplate", "id": "t", "label": "T"}])  # fmt: skip
    one = execute("one", OTHER, ["two"], fields=[{"id": "t", "value": "a"}])
    two = execute("two", OTHER, ["end"], fields=[{"id": "t", "value": "{{working.result}}"}])
    definition = calling(custom(one, two, end("working.result")), execute())
    definition["customNodes"][f"{OTHER}/default"] = inner | {"id": OTHER}

    assert shown(run_one(definition))["working"]["result"] == "a!!"


def test_many_payloads_enter_a_custom_node_together():
    host = FakeHost(storage_get=lambda _request: {"found": True, "value": 5})
    ask = node("ask", "GetValueNode", {"keyName": "k", "valuePath": "v"}, ["end"])
    definition = calling(custom(ask, end("v")), execute())

    records = run_many(definition, [start({"i": i}) for i in range(20)], host)

    assert [shown(record)["working"]["result"] for record in records] == [5] * 20
    assert len(host.calls) == 1


def test_a_custom_node_runs_in_the_rounds_of_a_loop():
    loop = node("loop", "LoopNode", {
        "loopSourcePath": "data.items", "currentItemPath": "item",
        "mapResultPath": "out", "mapValuePath": "working.result",
    }, ["show"], ["call"])  # fmt: skip
    call = execute("call", DOUBLER, ["next"], fields=[{"id": "n", "value": "{{item.value}}"}])
    call["meta"]["groupId"] = "loop"
    cap = node("next", "LoopCapNode", {"loopNodeId": "loop"}, group="loop")
    definition = custom(DOUBLE, end("data.n"), fields=[NUMBER])

    payload = shown(run_one(calling(definition, loop, call, cap, first="loop"), {"items": [1, 2]}))

    assert payload["out"] == [2, 4]


def test_an_error_inside_a_custom_node_of_a_parallel_loop_waits_for_the_other_rounds():
    loop = node("loop", "LoopNode", {
        "loopSourcePath": "data.items", "currentItemPath": "item", "parallel": True,
    }, ["show"], ["call"])  # fmt: skip
    call = execute("call", DOUBLER, ["next"], fields=[{"id": "n", "value": "{{item.value}}"}])
    call["meta"]["groupId"] = "loop"
    cap = node("next", "LoopCapNode", {"loopNodeId": "loop"}, group="loop")
    host = FakeHost(storage_get=lambda _request: error("NotFound", "none"))
    ask = node("ask", "GetValueNode", {"keyName": "{{data.n}}", "valuePath": "v"}, ["end"])
    definition = custom(ask, end(), fields=[NUMBER])

    record = run_one(calling(definition, loop, call, cap, first="loop"), {"items": [1, 2]}, host)

    assert record.error is not None
    assert record.error["error"]["message"] == "none (and 1 more rounds)"
    assert len(host.requests) == 2


def test_ends_that_belong_elsewhere_throw():
    loop_end = node("stray", "LoopCapNode", {"loopNodeId": "x"})

    inside = run_one(calling(custom(loop_end), execute()))
    outside = run_one(flow(["end"], end()))

    assert inside.error is not None
    assert inside.error["error"]["message"] == "The end of a loop was reached outside of one"
    assert outside.error is not None
    assert outside.error["error"]["message"].startswith("The end of a custom node")


def test_a_result_that_cannot_be_written_throws_at_the_call():
    definition = custom(end("data"))

    record = run_one(calling(definition, execute(resultPath="data.text.[0]")), {"text": "abc"})

    assert record.error is not None
    assert record.error["nodeId"] == "call"


def test_inputs_larger_than_a_payload_throw():
    fields = [{"type": "payloadPath", "id": f"f{n}", "label": "F"} for n in range(8)]
    given = [{"id": f"f{n}", "value": "data.text"} for n in range(8)]

    record = run_one(
        calling(custom(end(), fields=fields), execute(fields=given)), {"text": "x" * 1_000_000}
    )

    assert record.error is not None
    assert record.error["error"]["name"] == "PayloadTooLarge"


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ({"type": "checkbox"}, None, False),
        ({"type": "checkbox", "defaultValue": True}, None, True),
        ({"type": "checkbox"}, True, True),
        ({"type": "select", "defaultValue": "a", "options": []}, None, "a"),
        ({"type": "select", "defaultValue": "a", "options": []}, "b", "b"),
        ({"type": "stringTemplate"}, None, ""),
        ({"type": "stringTemplate", "defaultValue": "d{{data.x}}"}, None, "d1"),
        ({"type": "stringTemplate", "validRegExp": "^v"}, "v{{data.x}}", "v1"),
        ({"type": "numberTemplate"}, "{{data.x}}", 1),
        ({"type": "numberTemplate"}, None, None),
        ({"type": "numberTemplate", "defaultValue": 5}, None, 5),
        ({"type": "jsonTemplate"}, '{"a": {{data.x}}}', {"a": 1}),
        ({"type": "jsonTemplate"}, None, None),
        ({"type": "payloadPath"}, "data", {"x": 1}),
        ({"type": "payloadPath"}, None, None),
        ({"type": "section"}, "x", None),
    ],
)
def test_fields_are_filled_by_their_types(field, value, found):
    definition = custom(end("data"), fields=[{"id": "f", "label": "F", **field}])
    fields = [] if value is None else [{"id": "f", "value": value}]

    payload = shown(run_one(calling(definition, execute(fields=fields)), {"x": 1}))

    assert payload["working"]["result"].get("f") == found


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ({"type": "stringTemplate", "required": True}, "{{data.none}}", "F is required"),
        ({"type": "stringTemplate", "required": True}, None, "F is required"),
        ({"type": "stringTemplate", "validRegExp": "^v"}, "x", "F does not match ^v"),
        ({"type": "numberTemplate", "validMin": 3}, "2", "F must be a number from 3 to inf"),
        ({"type": "numberTemplate"}, "x", "F must be a number from -inf to inf"),
        ({"type": "payloadPath", "required": True}, None, "F is required"),
        ({"type": "jsonTemplate", "required": True}, None, "F is required"),
        ({"type": "stringTemplate"}, 5, "Value must be text"),
    ],
)
def test_fields_that_are_filled_wrongly_throw(field, value, message):
    definition = custom(end("data"), fields=[{"id": "f", "label": "F", **field}])
    fields = [] if value is None else [{"id": "f", "value": value}]

    record = run_one(calling(definition, execute(fields=fields)), {"x": 1})

    assert record.error is not None
    assert record.error["error"] == {"name": "Validation", "message": message}


def test_a_named_version_is_the_one_that_runs():
    definitions = {
        f"{DOUBLER}/default": custom(put("set", "default", "v", ["end"]), end("v")),
        f"{DOUBLER}/v2": custom(put("set", "two", "v", ["end"]), end("v")),
    }
    one = execute("one", DOUBLER, ["two"], customNodeVersion="v2", resultPath="a")
    two = execute("two", DOUBLER.upper(), ["show"], resultPath="b")

    payload = shown(run_one(flow(["one"], one, two, SHOW, customNodes=definitions)))

    assert (payload["a"], payload["b"]) == ("two", "default")


def test_nodes_inside_remember_apart_from_those_outside():
    host = FakeHost(memory_advance=lambda _request: {"was": False, "is": True, "latches": True})
    latch = node("latch", "LatchNode", {"latchExpression": "true"}, ["end"], ["end"])

    run_one(calling(custom(latch, end()), execute()), host=host)

    assert [request["node"] for request in host.requests] == [f"{DOUBLER}/latch"]


def test_saving_asks_for_the_custom_node_and_its_end_is_in_custom_nodes_alone():
    without = check_flow(flow(["call"], node("call", "CustomNodeExecuteNode", {}, ["show"]), SHOW))
    stray = check_flow(flow(["end"], end()))
    whole = check_flow({**custom(DOUBLE, end("data.n")), "flowClass": "customNode"})

    assert [(each.place, each.message) for each in without] == [
        ("/nodes/0/config/customNodeId", "Custom node is required")
    ]
    assert [each.message for each in stray] == [
        "CustomNodeCapNode is not valid for cloud workflows."
    ]
    assert whole == []


def test_a_custom_node_that_never_ends_is_ended_with_its_caller():
    there = put("there", "1", "x", ["back"])
    back = put("back", "2", "x", ["there"])

    record = run_one(calling(custom(there, back), execute()), clock=FakeClock(cost_ms=20))

    assert record.error is not None
    assert record.error["error"]["name"] == "Timeout"


def test_a_custom_node_that_calls_on_in_more_and_more_branches_is_ended():
    double = put("double", "1", "x", ["again", "again"])
    again = put("again", "2", "x", ["double", "double"])
    fields = [{"type": "payloadPath", "id": "f", "label": "F"}]
    call = execute(fields=[{"id": "f", "value": "data.text"}])

    record = run_one(calling(custom(double, again, fields=fields), call), {"text": "x" * 100_000})

    assert record.error is not None
    assert record.error["error"]["name"] == "PayloadTooLarge"


def test_runs_of_a_batch_that_fail_in_a_custom_node_leave_the_others_alone():
    throws = node("throws", "ConditionalNode", {"expression": "{{data.n}} > 1"}, ["end"], ["stop"])
    stop = node("stop", "ThrowErrorNode", {"messageTemplate": "too much"})
    definition = calling(
        custom(throws, stop, end("data.n"), fields=[NUMBER]),
        execute(fields=[{"id": "n", "value": "{{data.n}}"}]),
    )

    records = run_many(definition, [start({"n": n}) for n in range(4)])

    assert [record.ok for record in records] == [True, True, False, False]
    assert [shown(record)["working"]["result"] for record in records[:2]] == [0, 1]
