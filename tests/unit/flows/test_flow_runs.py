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


def _set(name, template, path, *outputs, group=None, json=False):
    rule = {"type": "set", "valueTemplate": template, "destination": path}
    if json:
        rule["valueTemplateType"] = "json"
    return node(name, "MutateNode", {"rules": [rule]}, *outputs, group=group)


def _throw(name, text="broken", group=None):
    return node(name, "ThrowErrorNode", {"messageTemplate": text}, group=group)


def test_a_payload_starts_with_the_names_and_globals_of_its_flow():
    definition = flow(["show"], SHOW, globals=[{"key": "limit", "json": "[1, 2]"}])

    payload = shown(run_one(definition, {"x": 1}))

    assert payload["flowName"] == "A flow"
    assert payload["flowVersion"] == "develop"
    assert payload["globals"] == {"limit": [1, 2]}
    assert payload["data"] == {"x": 1}


def test_payloads_of_a_batch_do_not_share_their_globals():
    definition = flow(
        ["set"],
        _set("set", "{{data.x}}", "globals.of.who", ["show"]),
        SHOW,
        globals=[{"key": "of", "json": "{}"}],
    )

    records = run_many(definition, [start({"x": n}) for n in range(3)])

    assert [shown(record)["globals"]["of"]["who"] for record in records] == [0, 1, 2]


def test_branches_work_on_copies():
    definition = flow(
        ["left", "right"],
        _set("left", "left", "data.side", ["show"]),
        _set("right", "{{data.side}}|right", "data.side", ["show"]),
        SHOW,
    )

    record = run_one(definition, {"side": "none"})

    assert [note["payload"]["data"]["side"] for note in record.debug] == ["left", "none|right"]
    assert record.paths_completed == 2


def test_branches_of_one_run_advance_in_turn_breadth_first():
    def step(name, *then):
        return node(name, "DebugNode", {"message": name}, list(then))

    definition = flow(
        ["a", "b"], step("a", "a1"), step("b", "b1"), step("a1", "a2"), step("a2"), step("b1")
    )

    record = run_one(definition)

    assert [note["message"] for note in record.debug] == ["a", "b", "a1", "b1", "a2"]


def test_a_throw_stops_all_branches_of_its_run_and_no_other_run():
    definition = flow(
        ["split"],
        node(
            "split", "ConditionalNode", {"expression": "{{data.bad}}"}, ["show"], ["throw", "show"]
        ),
        _throw("throw", "no {{data.bad}}"),
        SHOW,
    )

    bad, good = run_many(definition, [start({"bad": 7}), start({"bad": 0})])

    assert bad.error == {
        "error": {"name": "ThrowErrorNode", "message": "no 7"},
        "nodeId": "throw",
        "nodeType": "ThrowErrorNode",
        "nodeLabel": "throw",
    }
    assert bad.debug == []
    assert not bad.ok
    assert good.ok
    assert len(good.debug) == 1


def test_the_payload_of_a_failed_run_is_kept_with_its_dates():
    record = run_many(flow(["t"], _throw("t")), [{"data": {"x": 1}, "time": _date()}])[0]

    assert b'"time":{"$date":"2026-01-02T03:04:05.678Z"}' in record.errored_payload


def test_a_large_payload_of_a_failed_run_is_withheld():
    record = run_one(flow(["t"], _throw("t")), {"x": "y" * 300_000})

    assert record.errored_payload == b'"Payload data omitted due to size"'


def test_one_wave_makes_one_call_for_all_payloads():
    host = FakeHost(job_acknowledge=lambda _r: {"success": True, "startedAt": 1, "completedAt": 2})
    config = {"successExpression": "true", "resultPath": "working.ack"}
    definition = flow(["ack"], node("ack", "ResourceJobAcknowledgeNode", config, []))

    run_many(definition, [start({"iterationId": str(n)}) for n in range(50)], host)

    assert [(name, len(requests)) for name, requests in host.calls] == [("job.acknowledge", 50)]


def test_branches_that_split_over_two_nodes_meet_again_in_one_wave():
    host = FakeHost()
    definition = flow(
        ["split"],
        node("split", "ConditionalNode", {"expression": "{{data.x}} % 2"}, ["even"], ["odd"]),
        _set("even", "even", "working.kind", ["more"]),
        _set("more", "more", "working.more", ["ask"]),
        _set("odd", "odd", "working.kind", ["ask"]),
        node("ask", "GetValueNode", {"keyName": "k", "valuePath": "working.v"}, []),
    )
    host.answers["storage.get"] = lambda _request: {"found": False, "value": None}

    run_many(definition, [start({"x": n}) for n in range(10)], host)

    assert [len(requests) for _, requests in host.calls] == [10]


def test_the_next_branch_waits_for_the_hosts_answer_to_the_one_before():
    stored: dict[str, str] = {}
    host = FakeHost(
        storage_store=lambda request: stored.update(k=request["value"]) or {"value": 1},
        storage_get=lambda _request: {"found": "k" in stored, "value": stored.get("k")},
    )
    definition = flow(
        ["write", "read"],
        node(
            "write", "StoreValueNode", {"keyName": "k", "valueType": "template", "value": "v"}, []
        ),
        node("read", "GetValueNode", {"keyName": "k", "valuePath": "working.v"}, ["show"]),
        SHOW,
    )

    assert shown(run_one(definition, host=host))["working"]["v"] == "v"


def test_a_delay_holds_neither_other_branches_nor_other_runs():
    clock = FakeClock()
    definition = flow(
        ["wait", "now"],
        node("wait", "DelayNode", {"delay": "{{data.s}}"}, ["late"]),
        node("late", "DebugNode", {"message": "late"}, []),
        node("now", "DebugNode", {"message": "now"}, []),
    )

    records = run_many(definition, [start({"s": 5}), start({"s": 5})], clock=clock)

    assert [[note["message"] for note in record.debug] for record in records] == [
        ["now", "late"]
    ] * 2
    assert clock.ms == FakeClock().ms + 5000


def test_a_run_that_takes_too_long_times_out_at_its_node():
    clock = FakeClock()

    class Slow(FakeHost):
        async def call(self, operation, requests):
            clock.ms += 61_000
            return await super().call(operation, requests)

    host = Slow(storage_get=lambda _request: {"found": True, "value": 1})
    ask = node("ask", "GetValueNode", {"keyName": "k", "valuePath": "v"}, ["then"])
    definition = flow(["ask"], ask, node("then", "DebugNode", {}, []))

    record = run_one(definition, host=host, clock=clock)

    assert record.error["error"]["name"] == "Timeout"
    assert record.error["nodeId"] == "then"


def test_time_spent_on_others_scripts_is_not_held_against_a_run():
    clock = FakeClock()

    class Slow(FakeHost):
        async def run_script(self, script, payloads, timeout_ms):
            clock.ms += 2_000 * len(payloads)
            return await super().run_script(script, payloads, timeout_ms)

    definition = flow(
        ["f"], node("f", "RawFunctionNode", {"script": "return payload"}, ["show"]), SHOW
    )

    records = run_many(definition, [start() for _ in range(50)], Slow(), clock)

    assert all(record.ok for record in records)


def test_a_host_that_is_gone_ends_the_batch():
    class Gone(FakeHost):
        async def call(self, operation, requests):
            raise ConnectionResetError("gone")

    ask = node("ask", "GetValueNode", {"keyName": "k", "valuePath": "v"}, [])

    try:
        run_many(flow(["ask", "ask"], ask), [start(), start()], Gone())
    except ConnectionError as error:
        assert str(error) == "gone"
    else:
        raise AssertionError("the batch went on")


def test_a_broken_node_throws_only_when_it_is_reached():
    definition = flow(
        ["split"],
        node("split", "ConditionalNode", {"expression": "{{data.x}}"}, ["show"], ["broken"]),
        node("broken", "GetValueNode", {"keyName": "k"}, []),
        SHOW,
    )

    fine, failed = run_many(definition, [start({"x": 0}), start({"x": 1})])

    assert fine.ok
    assert failed.error["error"] == {"name": "Validation", "message": "Value path is required"}


def test_a_node_type_that_is_not_run_here_throws_not_implemented():
    record = run_one(flow(["mongo"], node("mongo", "MongoNode", {}, [])))

    assert record.error["error"]["name"] == "NotImplemented"


def test_a_fault_of_a_node_becomes_an_error_of_the_run(monkeypatch):
    class Odd(FakeHost):
        async def call(self, operation, requests):
            return [{"result": {"found": True}} for _ in requests]

    ask = node("ask", "GetValueNode", {"keyName": "k", "valuePath": "v"}, [])

    record = run_one(flow(["ask"], ask), host=Odd())

    assert record.error["error"] == {
        "name": "InternalError",
        "message": "The node failed: KeyError",
    }


def test_a_flow_without_wires_completes_the_path_of_its_trigger():
    record = run_one(flow([]))

    assert record.ok
    assert record.paths_completed == 1


def _date():
    from drover.flows.payload import date_of

    return date_of("2026-01-02T03:04:05.678Z")
