import pytest

from tests.support.flow_world import (
    SHOW,
    FakeClock,
    FakeHost,
    flow,
    node,
    run_many,
    run_one,
    shown,
    start,
)


def loop(config, *outputs, name="loop", group=None):
    given = {"loopSourcePath": "data.items", "currentItemPath": "working.item", **config}
    return node(name, "LoopNode", given, *outputs, group=group)


def cap(name="next", of="loop", **config):
    return node(name, "LoopCapNode", {"loopNodeId": of, **config}, group=of)


def put(name, template, path, *outputs, group="loop", json=False):
    rule = {"type": "set", "valueTemplate": template, "destination": path}
    if json:
        rule["valueTemplateType"] = "json"
    return node(name, "MutateNode", {"rules": [rule]}, *outputs, group=group)


def looped(config, *body, first=None, data=None, host=None):
    definition = flow(["loop"], loop(config, ["show"], [first or body[0]["id"]]), *body, SHOW)
    return shown(run_one(definition, data, host))


def test_a_serial_loop_visits_items_in_order_and_carries_the_payload_on():
    payload = looped(
        {},
        put(
            "add",
            "{{working.seen}}{{working.item.index}}{{working.item.value}};",
            "working.seen",
            ["next"],
        ),
        cap(),
        data={"items": ["a", "b", "c"]},
    )

    assert payload["working"]["seen"] == "0a;1b;2c;"
    assert payload["working"]["item"] == {"value": "c", "index": 2, "last": True}


def test_first_and_last_are_there_only_where_they_hold():
    payload = looped({"mapResultPath": "working.all"}, cap(), data={"items": [1, 2, 3]})

    assert payload["working"]["all"] == [
        {"value": 1, "index": 0, "first": True},
        {"value": 2, "index": 1},
        {"value": 3, "index": 2, "last": True},
    ]


def test_objects_give_keys_strings_characters_numbers_counts():
    read = {"mapResultPath": "out", "mapValuePath": "working.item.value"}

    assert looped(read, cap(), data={"items": {"x": 1, "y": 2}})["out"] == [1, 2]
    assert looped(
        {"mapResultPath": "out", "mapValuePath": "working.item.key"},
        cap(),
        data={"items": {"x": 1}},
    )["out"] == ["x"]
    assert looped(read, cap(), data={"items": "hé"})["out"] == ["h", "é"]
    assert looped(read, cap(), data={"items": -2.5})["out"] == [0, 1]
    assert looped(read, cap(), data={"items": None})["out"] == []
    assert looped(read, cap(), data={"items": True})["out"] == []


def test_a_round_without_a_cap_discards_its_changes_and_maps_nothing():
    config = {"mapResultPath": "out", "mapValuePath": "working.item.value"}
    payload = looped(
        config,
        put("note", "{{working.seen}}{{working.item.value}}", "working.seen", ["odd"]),
        node(
            "odd",
            "ConditionalNode",
            {"expression": "{{working.item.value}} % 2"},
            [],
            ["next"],
            group="loop",
        ),
        cap(),
        data={"items": [1, 2, 3]},
    )

    assert payload["working"]["seen"] == "13"
    assert payload["out"] == [1, None, 3]


def test_break_ends_after_its_round_and_its_payload_goes_on():
    payload = looped(
        {"mapResultPath": "out", "mapValuePath": "working.item.value"},
        put("note", "{{working.item.value}}", "working.found", ["enough"]),
        node(
            "enough",
            "ConditionalNode",
            {"expression": "{{working.item.value}} > 1"},
            ["next"],
            ["break"],
            group="loop",
        ),
        cap(),
        cap("break", shouldBreak=True),
        data={"items": [1, 2, 3]},
    )

    assert payload["working"]["found"] == 2
    assert payload["working"]["item"]["index"] == 1
    assert payload["out"] == [1, 2]


def test_the_first_cap_of_a_round_wins_but_its_branches_end_first():
    payload = looped(
        {"mapResultPath": "out", "mapValuePath": "mark"},
        node("split", "ConditionalNode", {"expression": "true"}, [], ["one", "two"], group="loop"),
        put("one", "one", "mark", ["next"]),
        put("two", "two", "mark", ["late"]),
        put("late", "late", "mark", ["next"]),
        cap(),
        data={"items": [1]},
    )

    assert payload["out"] == ["one"]
    assert payload["mark"] == "one"


def test_a_caps_own_path_overrides_the_loops():
    payload = looped(
        {"mapResultPath": "out", "mapValuePath": "working.item.index"},
        cap(mapValuePath="working.item.value"),
        data={"items": ["a"]},
    )

    assert payload["out"] == ["a"]


def test_a_parallel_loop_drops_changes_and_keeps_source_order():
    config = {"parallel": True, "mapResultPath": "out", "mapValuePath": "working.item.value"}
    payload = looped(
        config,
        put("change", "changed", "working.changed", ["next"]),
        cap(),
        data={"items": list(range(12))},
    )

    assert payload["out"] == list(range(12))
    assert "working" not in payload


def test_a_parallel_loop_runs_five_rounds_at_once():
    host = FakeHost(storage_get=lambda _request: {"found": True, "value": 1})
    ask = node("ask", "GetValueNode", {"keyName": "k", "valuePath": "v"}, ["next"], group="loop")

    looped({"parallel": True}, ask, cap(), data={"items": list(range(12))}, host=host)

    assert max(len(requests) for _, requests in host.calls) <= 5
    assert sum(len(requests) for _, requests in host.calls) == 12


def test_break_is_ignored_in_parallel():
    config = {"parallel": True, "mapResultPath": "out", "mapValuePath": "working.item.value"}

    assert looped(config, cap(shouldBreak=True), data={"items": [1, 2, 3]})["out"] == [1, 2, 3]


def test_a_serial_loop_throws_the_first_error_at_once():
    definition = flow(
        ["loop"],
        loop({}, ["show"], ["note"]),
        node("note", "DebugNode", {"message": "{{working.item.value}}"}, ["throw"], group="loop"),
        node(
            "throw",
            "ThrowErrorNode",
            {"messageTemplate": "no {{working.item.value}}"},
            group="loop",
        ),
        SHOW,
    )

    record = run_one(definition, {"items": [1, 2]})

    assert record.error["error"]["message"] == "no 1"
    assert record.error["nodeId"] == "throw"
    assert len(record.debug) == 1


def test_a_parallel_loop_finishes_all_rounds_and_throws_the_first_in_order():
    definition = flow(
        ["loop"],
        loop({"parallel": True}, ["show"], ["odd"]),
        node(
            "odd",
            "ConditionalNode",
            {"expression": "{{working.item.value}} % 2"},
            ["next"],
            ["wait"],
            group="loop",
        ),
        node("wait", "DelayNode", {"delay": "{{data.items.length}}"}, ["throw"], group="loop"),
        node(
            "throw",
            "ThrowErrorNode",
            {"messageTemplate": "no {{working.item.value}}"},
            group="loop",
        ),
        cap(),
        SHOW,
    )

    record = run_one(definition, {"items": [0, 1, 2, 3, 4, 5, 6, 7]})

    assert record.error["error"]["message"] == "no 1 (and 3 more rounds)"
    assert record.debug == []


@pytest.mark.parametrize("parallel", [False, True])
def test_loops_nest(parallel):
    inner = loop(
        {
            "loopSourcePath": "outer.value",
            "currentItemPath": "inner",
            "mapResultPath": "row",
            "mapValuePath": "inner.value",
            "parallel": parallel,
        },
        ["next"],
        ["innernext"],
        name="inner",
        group="loop",
    )
    payload = looped(
        {
            "currentItemPath": "outer",
            "mapResultPath": "table",
            "mapValuePath": "row",
            "parallel": parallel,
        },
        inner,
        cap("innernext", of="inner"),
        cap(),
        data={"items": [[1, 2], [], [3]]},
    )

    assert payload["table"] == [[1, 2], [], [3]]


def test_an_error_in_a_serial_loop_inside_a_parallel_round_ends_that_round_only():
    inner = loop(
        {"loopSourcePath": "outer.value", "currentItemPath": "inner"},
        ["next"],
        ["test"],
        name="inner",
        group="loop",
    )
    host = FakeHost(storage_get=lambda _request: {"found": True, "value": 1})
    definition = flow(
        ["loop"],
        loop({"currentItemPath": "outer", "parallel": True}, ["show"], ["inner"]),
        inner,
        node(
            "test",
            "ConditionalNode",
            {"expression": "{{inner.value}} < 0"},
            ["innernext"],
            ["throw"],
            group="inner",
        ),
        node("throw", "ThrowErrorNode", {"messageTemplate": "negative"}, group="inner"),
        cap("innernext", of="inner"),
        node("ask", "GetValueNode", {"keyName": "k", "valuePath": "v"}, [], group="loop"),
        cap(),
        SHOW,
    )
    definition["nodes"][1]["outputIds"][0] = ["ask"]

    record = run_one(definition, {"items": [[1, 2], [3, -1, 4], [5]]}, host)

    assert record.error["error"]["message"] == "negative"
    assert len(host.requests) == 2


def test_more_rounds_than_allowed_are_refused():
    definition = flow(["loop"], loop({}, ["show"], ["next"]), cap(), SHOW)

    assert run_one(definition, {"items": 262_145}).error["error"]["name"] == "Validation"
    assert run_one(definition, {"items": float("inf")}).error["error"]["name"] == "Validation"


def test_an_empty_body_is_zero_rounds():
    definition = flow(["loop"], loop({"mapResultPath": "out"}, ["show"], []), SHOW)

    assert shown(run_one(definition, {"items": [1, 2]}))["out"] == []


def test_items_are_copies():
    payload = looped(
        {},
        put("change", "changed", "working.item.value.x", ["next"]),
        cap(),
        data={"items": [{"x": 1}, {"x": 2}]},
    )

    assert payload["data"]["items"] == [{"x": 1}, {"x": 2}]


def test_an_item_that_cannot_be_written_throws_once():
    definition = flow(
        ["loop"],
        loop({"parallel": True, "currentItemPath": "data.items.x"}, ["show"], ["next"]),
        cap(),
        SHOW,
    )

    record = run_one(definition, {"items": list(range(1000))})

    assert record.error["error"]["name"] == "Validation"


def test_the_end_of_a_loop_outside_of_one_throws():
    definition = flow(["next"], cap())

    assert (
        run_one(definition).error["error"]["message"]
        == "The end of a loop was reached outside of one"
    )


def test_results_of_a_loop_are_bounded():
    definition = flow(
        ["loop"],
        loop({"mapResultPath": "out", "mapValuePath": "data.text"}, ["show"], ["next"]),
        cap(),
        SHOW,
    )

    record = run_one(definition, {"items": 100, "text": "x" * 1_000_000})

    assert record.error["error"]["name"] == "PayloadTooLarge"


def test_loops_of_many_runs_share_their_waves():
    host = FakeHost(storage_get=lambda _request: {"found": True, "value": 1})
    ask = node("ask", "GetValueNode", {"keyName": "k", "valuePath": "v"}, ["next"], group="loop")
    definition = flow(["loop"], loop({}, ["show"], ["ask"]), ask, cap(), SHOW)

    run_many(definition, [start({"items": 3}) for _ in range(20)], host, FakeClock())

    assert [len(requests) for _, requests in host.calls] == [20, 20, 20]
