"""A batch of many payloads gives what running them one at a time gives."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.flow_world import FakeHost, flow, node, run_many, start

NAMES = ("a", "b", "c", "d", "e", "f")


def host():
    stored = {}

    def store(request):
        stored[request["key"]] = stored.get(request["key"], 0) + 1
        return {"value": 1}

    made = FakeHost(
        storage_get=lambda request: {"found": True, "value": request["key"]},
        storage_store=store,
    )
    made.script = lambda payload: {**payload, "scripted": payload.get("trace", "")}
    return made


def _trace(name):
    return {"type": "set", "valueTemplate": "{{trace}}" + name, "destination": "trace"}


def _node(name, kind, targets, group=None):
    first, second = targets
    if kind == "split":
        config = {"expression": "{{data.n}} % 2"}
        return node(name, "ConditionalNode", config, first, second, group=group)
    if kind == "ask":
        return node(
            name,
            "GetValueNode",
            {"keyName": "{{trace}}", "valuePath": "asked"},
            first + second,
            group=group,
        )
    if kind == "script":
        return node(name, "RawFunctionNode", {"script": "s"}, first + second, group=group)
    if kind == "throw":
        return node(name, "ThrowErrorNode", {"messageTemplate": "{{trace}}!"}, group=group)
    if kind == "rare":
        config = {"source": "data.text", "destination": "decoded"}
        return node(name, "JsonDecodeNode", config, first + second, group=group)
    rules = {"rules": [_trace(name)]}
    return node(name, "MutateNode", rules, first + second, group=group)


kinds = st.sampled_from(["mark", "mark", "split", "ask", "script", "rare", "throw"])


@st.composite
def flows(draw):
    """A workflow whose wires lead forward only, with a loop now and then, and notes at its ends."""
    nodes = []
    for index, name in enumerate(NAMES):
        later = st.lists(st.sampled_from([*NAMES[index + 1 :], "note"]), max_size=2, unique=True)
        nodes.append(_node(name, draw(kinds), (draw(later), draw(later))))
    nodes.append(
        node("note", "DebugNode", {"message": "{{trace}}|{{asked}}|{{scripted}}|{{map}}"}, ["loop"])
    )
    config = {
        "loopSourcePath": "data.items",
        "currentItemPath": "item",
        "mapResultPath": "map",
        "mapValuePath": "trace",
        "parallel": draw(st.booleans()),
    }
    nodes.append(node("loop", "LoopNode", config, ["end"], ["in"]))
    nodes.append(
        _node("in", draw(st.sampled_from(["mark", "ask", "split"])), (["next"], []), group="loop")
    )
    nodes.append(node("next", "LoopCapNode", {"loopNodeId": "loop"}, group="loop"))
    nodes.append(node("end", "DebugNode", {"message": "end {{trace}} {{map}}"}, []))
    starts = draw(st.lists(st.sampled_from(["a", "b", "note"]), max_size=3, unique=True))
    return flow(starts, *nodes)


datas = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.integers(0, 3),
            "text": st.sampled_from(["{}", "[1]", "bad"]),
            "items": st.lists(st.integers(0, 2), max_size=3),
        }
    ),
    max_size=6,
)


def _told(record):
    notes = [(each["nodeId"], each["message"]) for each in record.debug]
    return (
        record.ok,
        record.error,
        record.paths_completed,
        record.paths_failed,
        notes,
        record.errored_payload,
    )


@settings(max_examples=150, deadline=None)
@given(flows(), datas)
def test_a_batch_gives_what_single_runs_give(definition, data):
    together = run_many(definition, [start(copy.deepcopy(each)) for each in data], host())
    apart = [run_many(definition, [start(copy.deepcopy(each))], host())[0] for each in data]

    assert [_told(record) for record in together] == [_told(record) for record in apart]
