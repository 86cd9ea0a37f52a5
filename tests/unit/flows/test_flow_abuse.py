import time

import pytest

from tests.support.flow_world import (
    SHOW,
    FakeClock,
    FakeHost,
    error_of,
    flow,
    node,
    output_of,
    run_many,
    run_one,
    start,
)


def put(name, template, path, *outputs, **more):
    rule = {"type": "set", "valueTemplate": template, "destination": path, **more}
    return node(name, "MutateNode", {"rules": [rule]}, *outputs)


def test_a_cycle_ends_by_the_limit_of_node_executions():
    definition = flow(["a"], put("a", "1", "x", ["b"]), put("b", "2", "x", ["a"]))

    record = run_one(definition)

    assert record.error["error"]["name"] == "RunLimit"


def test_a_cycle_in_one_run_leaves_its_neighbours_alone():
    test = node("t", "ConditionalNode", {"expression": "{{data.x}}"}, ["show"], ["t2"])
    definition = flow(["t"], test, put("t2", "1", "y", ["t"]), SHOW)

    bad, good = run_many(definition, [start({"x": 1}), start({"x": 0})])

    assert bad.error["error"]["name"] == "RunLimit"
    assert good.ok


def test_a_cycle_that_forks_ends_before_it_fills_the_memory():
    definition = flow(
        ["a"], put("a", "1", "x", ["b", "c"]), put("b", "2", "x", ["a"]), put("c", "3", "x", ["a"])
    )

    record = run_one(definition, {"text": "x" * 1_000_000})

    assert record.error["error"]["name"] == "PayloadTooLarge"


def test_a_payload_cannot_be_doubled_without_end():
    rules = [{"type": "copy", "source": "data", "destination": f"data.again{n}"} for n in range(60)]
    definition = flow(["a"], node("a", "MutateNode", {"rules": rules}, []))

    record = run_one(definition, {"text": "x" * 1000})

    assert record.error["error"]["name"] == "PayloadTooLarge"
    assert record.errored_payload == b'"Payload data omitted due to size"'


@pytest.mark.parametrize("step", ["x" * 32_000, "{{a}}{{a}}"])
def test_a_payload_cannot_grow_beyond_its_limit_step_by_step(step):
    definition = flow(["a"], put("a", "{{a}}" + step, "a", ["b"]), put("b", "{{a}}", "b", ["a"]))

    record = run_one(definition, {})

    assert record.error["error"]["name"] in ("PayloadTooLarge", "RunLimit")


def test_a_function_cannot_return_a_payload_beyond_the_limit():
    host = FakeHost()
    host.script = lambda payload: {"x": "y" * 6_000_000}
    definition = flow(["f"], node("f", "RawFunctionNode", {"script": "s"}, []))

    assert run_one(definition, {}, host).error["error"]["name"] == "PayloadTooLarge"


def test_deep_nesting_is_an_error_of_the_run():
    deep = "[" * 900 + "]" * 900
    rules = [{"type": "copy", "source": "v", "destination": "data.[0]" * 1}]
    nested = node("d", "JsonDecodeNode", {"source": "data", "destination": "v"}, ["m"])
    definition = flow(
        ["d"],
        nested,
        node("m", "MutateNode", {"rules": rules}, ["e"]),
        node("e", "DebugNode", {}, []),
    )

    record = run_one(definition, deep)

    assert record.ok or record.error["error"]["name"] in (
        "PayloadTooLarge",
        "Validation",
        "SyntaxError",
    )


def test_loops_within_loops_end_by_the_limit_of_node_executions(monkeypatch):
    monkeypatch.setattr("drover.flows.branches.MOST_STEPS", 5000)
    config = {"loopSourcePath": "data", "currentItemPath": "i"}
    nodes = []
    for depth in range(4):
        group = f"l{depth - 1}" if depth else None
        nodes.append(
            node(
                f"l{depth}",
                "LoopNode",
                config,
                [f"n{depth}"] if depth else [],
                [f"l{depth + 1}"],
                group=group,
            )
        )
    nodes[-1]["outputIds"][1] = ["n4"]
    nodes += [
        node(f"n{depth}", "LoopCapNode", {"loopNodeId": f"l{depth - 1}"}, group=f"l{depth - 1}")
        for depth in range(1, 5)
    ]

    record = run_one(flow(["l0"], *nodes), 100, deadline_ms=10**9)

    assert record.error["error"]["name"] == "RunLimit"


def test_a_loop_that_runs_too_long_times_out():
    config = {"loopSourcePath": "data", "currentItemPath": "i"}
    definition = flow(
        ["l"],
        node("l", "LoopNode", config, [], ["n"]),
        node("n", "LoopCapNode", {"loopNodeId": "l"}, group="l"),
    )

    record = run_one(definition, 200_000, clock=FakeClock(cost_ms=5))

    assert record.error["error"]["name"] == "Timeout"


def test_a_large_serial_loop_that_always_ends_its_rounds_is_linear():
    config = {
        "loopSourcePath": "data.items",
        "currentItemPath": "item",
        "mapResultPath": "out",
        "mapValuePath": "item.value",
    }
    definition = flow(
        ["l"],
        node("l", "LoopNode", config, ["c"], ["n"]),
        node("n", "LoopCapNode", {"loopNodeId": "l"}, group="l"),
        node("c", "ConditionalNode", {"expression": "{{out.length}} === 20000"}, ["bad"], []),
        node("bad", "ThrowErrorNode", {"messageTemplate": "lost"}),
    )
    began = time.process_time()

    record = run_one(definition, {"items": list(range(20_000))}, deadline_ms=10**9)

    assert record.ok
    assert time.process_time() - began < 10


def test_five_thousand_runs_wait_in_one_batch():
    clock = FakeClock()
    definition = flow(["w"], node("w", "DelayNode", {"delay": "1"}, []))

    records = run_many(definition, [start() for _ in range(5000)], clock=clock)

    assert all(record.ok for record in records)


def refers_twice(levels):
    """A schema of which each part refers to the next one twice."""
    parts = {f"p{n}": {"allOf": [{"$ref": f"#/definitions/p{n + 1}"}] * 2} for n in range(levels)}
    return {"definitions": {**parts, f"p{levels}": {}}, "$ref": "#/definitions/p0"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (refers_twice(40), 1),
        ({"definitions": {"a": {"$ref": "#/definitions/a"}}, "$ref": "#/definitions/a"}, 1),
        ({"items": {"allOf": [{"minimum": 0}] * 1000}}, [1] * 1000),
        ({"anyOf": [{"type": "string"}] * 1000}, ["x" * 100] * 1000),
        ({"description": "x" * 300_000}, 1),
    ],
)
def test_a_schema_that_takes_too_long_to_check_ends_its_run(schema, value, monkeypatch):
    monkeypatch.setattr("drover.flows.schemas.MOST_STEPS", 10_000)
    config = {"schemaType": "path", "schema": "data.schema", "toValidatePath": "data.value"}

    thrown = error_of("ValidatePayloadNode", config, {"schema": schema, "value": value})

    assert thrown["name"] == "PayloadTooLarge"


@pytest.mark.parametrize(
    ("items", "output"),
    [
        ([1, True, "1", None, [1], {"a": 1}, {"a": True}, 0, False, [True]], 1),
        ([1, 1.0], 0),
        ([{"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}], 0),
        ([{"n": n} for n in range(20_000)], 1),
    ],
)
def test_items_are_compared_each_once_and_booleans_are_no_numbers(items, output):
    config = {"schema": '{"properties": {"data": {"properties": {"v": {"uniqueItems": true}}}}}'}

    assert output_of("ValidatePayloadNode", config, {"v": items}) == output


@pytest.mark.parametrize(
    "config",
    [
        {"method": "replaceAll", "methodArgs": ["x", "{{data.long}}"]},
        {"method": "replaceFirst", "methodArgs": ["x", "{{data.longer}}{{data.longer}}"]},
        {"method": "concat", "methodArgs": ["{{data.longer}}"] * 1000},
    ],
)
def test_a_text_is_not_made_larger_than_a_payload_may_be(config):
    data = {"s": "x" * 1_000_000, "long": "y" * 1000, "longer": "z" * 2_400_000}
    given = {"sourceData": "{{data.s}}", "resultPath": "working.x", **config}

    thrown = error_of("StringNode", given, data)

    assert (thrown["name"], thrown["message"][:8]) == ("PayloadTooLarge", "The text")


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ("{{array}} + '' === 'x'", "PayloadTooLarge"),
        ("includes({{array}}, {{value}})", "PayloadTooLarge"),
        ("{{payload.data.s.length}} > {{index}}", "PayloadTooLarge"),
        ("{{match payload.data.s 'zz'}}", "PayloadTooLarge"),
        ("{{index}} < length({{array}}) && {{value}} >= 0", None),
    ],
)
def test_a_filter_that_reads_long_values_for_each_element_ends_its_run(
    condition, name, monkeypatch
):
    monkeypatch.setattr("drover.flows.array_rules.MOST_FILTER_WORK", 100_000)
    rule = {"type": "filter", "inputTemplate": condition, "outputPath": "working"}
    nodes = node("one", "ArrayNode", {"sourceArrayPath": "data.a", "rules": [rule]}, [])

    record = run_one(flow(["one"], nodes), {"a": [0] * 1000, "s": "\U0001f600" * 2000})

    assert (record.error and record.error["error"]["name"]) == name


def test_rows_of_many_names_are_not_made_a_text_larger_than_a_payload(monkeypatch):
    monkeypatch.setattr("drover.flows.nodes.csv_encode.MOST_PAYLOAD_BYTES", 10_000)
    rows = [{f"name{n}": n} for n in range(300)]

    thrown = error_of("CSVEncodeNode", {"source": "data.r", "destination": "w"}, {"r": rows})

    assert (thrown["name"], thrown["message"][:8]) == ("PayloadTooLarge", "The text")


def test_an_array_is_not_made_larger_than_a_payload_may_be():
    doubled = [{"type": "concat", "inputTemplate": "{{data.a}}"}] * 15
    nodes = [
        node("one", "ArrayNode", {"sourceArrayPath": "data.a", "rules": doubled[:5]}, ["two"]),
        node("two", "ArrayNode", {"sourceArrayPath": "data.a", "rules": doubled}, []),
    ]

    record = run_one(flow(["one"], *nodes), {"a": [1] * 200_000})

    assert record.error["error"]["message"].startswith("The array")
