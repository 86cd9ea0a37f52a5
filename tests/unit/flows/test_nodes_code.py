import asyncio
import threading
from datetime import UTC, datetime

import msgspec
import pytest

from drover.handlers import REGISTERED
from drover.ports.scripts import ScriptFailure, ScriptResult
from tests.support.flow_world import (
    SHOW,
    FakeHost,
    error_of,
    flow,
    node,
    result_of,
    run_many,
    shown,
    start,
)


def script_host(run):
    host = FakeHost()
    host.script = run
    return host


def test_a_function_gets_the_payload_and_its_result_replaces_it():
    host = script_host(lambda payload: {**payload, "working": payload["data"]["x"] + 1})

    payload = result_of("RawFunctionNode", {"script": "..."}, {"x": 1}, host)

    assert payload["working"] == 2
    assert host.scripts[0][0] == "..."


def test_a_scoped_function_sees_and_changes_only_its_part():
    host = script_host(lambda value: value * 2)

    payload = result_of(
        "RawFunctionNode", {"script": "...", "scopePath": "data.x"}, {"x": 4, "y": 1}, host
    )

    assert payload["data"] == {"x": 8, "y": 1}


def test_a_missing_scope_is_undefined_and_null_is_null():
    seen = []
    host = script_host(lambda value: seen.append(value) or msgspec.UNSET)
    config = {"script": "...", "scopePath": "data.x"}

    result_of("RawFunctionNode", config, {}, host)
    result_of("RawFunctionNode", config, {"x": None}, host)

    assert seen == [msgspec.UNSET, None]


def test_a_whole_payload_must_stay_an_object():
    assert error_of(
        "RawFunctionNode", {"script": "..."}, {}, script_host(lambda _p: ScriptResult(7))
    )["name"] == ("FunctionNodeTypeError")


@pytest.mark.parametrize(
    ("name", "thrown"), [("RangeError", "FunctionNodeRangeError"), ("Timeout", "Timeout")]
)
def test_what_a_script_throws_is_thrown_by_its_node(name, thrown):
    failure = ScriptResult(ScriptFailure(name, "bad", ("at 1",)))

    assert error_of("RawFunctionNode", {"script": "..."}, {}, script_host(lambda _p: failure)) == {
        "name": thrown,
        "message": "bad",
        "stack": ["at 1"],
    }


def test_the_console_goes_to_the_debug_log():
    host = script_host(lambda payload: ScriptResult(payload, (("warn", "careful"),)))
    definition = flow(["f"], node("f", "RawFunctionNode", {"script": "..."}, []))

    record = run_many(definition, [start()], host)[0]

    assert (record.debug[0]["level"], record.debug[0]["message"]) == ("warn", "careful")


def test_one_wave_is_one_trip_to_the_cage():
    host = script_host(lambda payload: payload)
    definition = flow(["f"], node("f", "RawFunctionNode", {"script": "..."}, []))

    run_many(definition, [start({"n": n}) for n in range(30)], host)

    assert [len(payloads) for _, payloads in host.scripts] == [30]


@pytest.fixture
def register(monkeypatch):
    def register(name, function):
        monkeypatch.setitem(REGISTERED, name, function)

    return register


def handler(name, data=None, **config):
    return result_of("PythonHandlerNode", {"handler": name, "resultPath": "out", **config}, data)


def test_a_handler_gets_a_copy_of_the_payload(register):
    def touch(payload):
        payload["data"]["x"] = "changed"
        return payload["data"]

    register("touch", touch)

    payload = handler("touch", {"x": 1})

    assert payload["out"] == {"x": "changed"}
    assert payload["data"] == {"x": 1}


def test_a_handler_may_be_given_one_value_or_json(register):
    register("same", lambda value: value)

    assert handler("same", {"x": [1]}, inputMethod="payloadPath", inputValue="data.x")["out"] == [1]
    assert handler("same", {"x": 2}, inputMethod="jsonTemplate", inputValue='{"n": {{data.x}}}')[
        "out"
    ] == {"n": 2}
    assert handler("same", {}, inputMethod="payloadPath", inputValue="data.none").get("out") is None


def test_async_handlers_of_a_wave_run_together(register):
    gate = []

    async def together(value):
        gate.append(value)
        while len(gate) < 3:
            await asyncio.sleep(0)
        return len(gate)

    register("together", together)
    config = {"handler": "together", "resultPath": "out"}
    definition = flow(["h"], node("h", "PythonHandlerNode", config, ["show"]), SHOW)

    records = run_many(definition, [start(n) for n in range(3)])

    assert [shown(record)["out"] for record in records] == [3, 3, 3]


def test_sync_handlers_of_a_wave_share_one_thread(register):
    threads = set()
    register("where", lambda _value: threads.add(threading.get_ident()))
    definition = flow(["h"], node("h", "PythonHandlerNode", {"handler": "where"}, []))

    run_many(definition, [start() for _ in range(20)])

    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_what_a_handler_raises_is_thrown_or_written(register):
    def fail(_payload):
        raise LookupError("no such thing")

    register("fail", fail)

    assert error_of("PythonHandlerNode", {"handler": "fail"}) == {
        "name": "LookupError",
        "message": "no such thing",
    }
    assert handler("fail", errorBehavior="payloadPath", errorPath="e")["e"] == {
        "name": "LookupError",
        "message": "no such thing",
    }


def test_an_async_handlers_errors_are_thrown_too(register):
    async def fail(_payload):
        raise TimeoutError("mine")

    register("fail", fail)

    assert error_of("PythonHandlerNode", {"handler": "fail"}) == {
        "name": "TimeoutError",
        "message": "mine",
    }


def test_a_result_must_be_json_and_bounded(register):
    register("odd", lambda _payload: object())
    register("large", lambda _payload: "x" * 6_000_000)
    register("date", lambda _payload: datetime(2026, 1, 2, tzinfo=UTC))

    assert error_of("PythonHandlerNode", {"handler": "odd"})["name"] == "TypeError"
    assert error_of("PythonHandlerNode", {"handler": "large"})["name"] == "PayloadTooLarge"
    assert handler("date")["out"] == "2026-01-02T00:00:00Z"


def test_a_handler_that_hangs_times_out_and_the_rest_of_the_wave_goes_on(register):
    release = threading.Event()

    def hang(payload):
        if payload["data"] == 0:
            release.wait(60)
        return payload["data"]

    register("hang", hang)
    config = {"handler": "hang", "resultPath": "out", "timeoutTemplate": "0.05"}
    definition = flow(["h"], node("h", "PythonHandlerNode", config, ["show"]), SHOW)

    first, second = run_many(definition, [start(0), start(1)])
    release.set()

    assert first.error["error"]["name"] == "Timeout"
    assert shown(second)["out"] == 1


def test_an_async_handler_that_hangs_times_out(register):
    async def hang(_payload):
        await asyncio.Event().wait()

    register("hang", hang)

    assert (
        error_of("PythonHandlerNode", {"handler": "hang", "timeoutTemplate": "0.01"})["name"]
        == "Timeout"
    )


def test_an_unknown_handler_throws_and_so_does_a_timeout_out_of_bounds(register):
    register("same", lambda value: value)

    assert error_of("PythonHandlerNode", {"handler": "nobody"})["name"] == "NotFound"
    assert (
        error_of("PythonHandlerNode", {"handler": "same", "timeoutTemplate": "61"})["name"]
        == "Validation"
    )
