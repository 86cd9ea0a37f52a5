"""Throttle, Latch and On Change: what they ask, and the rules their memories follow."""

import pytest

from drover.flows.memory import changed, latched, throttled
from tests.support.flow_world import FakeHost, error, error_of, output_of, result_of

NOW = 1_700_000_000_000


class Remembering(FakeHost):
    """A host that remembers as the server does, with a clock the test moves."""

    def __init__(self):
        super().__init__(memory_advance=self._advance)
        self.kept, self.now_ms = {}, NOW

    def _advance(self, request):
        rule = {"throttle": throttled, "latch": latched, "change": changed}[request["rule"]]
        kept, told = rule(self.kept.get(request["key"]), request, self.now_ms)
        self.kept[request["key"]] = kept
        return told


def throttle(host, data=None, **config):
    return output_of("ThrottleNode", {"ratePerMinute": 6, **config}, data, host)


def test_a_throttle_passes_at_once_and_then_only_after_its_spacing():
    host = Remembering()

    outputs = [throttle(host)]
    for step_ms in (9_999, 1, 0):
        host.now_ms += step_ms
        outputs.append(throttle(host))

    assert outputs == [1, 0, 1, 0]


def test_a_throttle_counts_each_identifier_by_itself_and_tells_the_time_since():
    host = Remembering()
    config = {"throttleIdTemplate": "{{data.of}}", "timeSincePath": "working.since"}
    assert throttle(host, {"of": "a"}, **config) == 1
    host.now_ms += 4_000

    assert throttle(host, {"of": "b"}, **config) == 1
    payload = result_of("ThrottleNode", {"ratePerMinute": 6, **config}, {"of": "a"}, host)

    assert payload["working"] == {"since": 4_000}


def test_a_throttle_tells_no_time_since_before_the_first_run_that_passes():
    config = {"ratePerMinute": 6, "timeSincePath": "working.since"}

    assert "working" not in result_of("ThrottleNode", config, {}, Remembering())


def test_an_identifier_that_is_too_long_throws():
    config = {"ratePerMinute": 6, "throttleIdTemplate": "{{data.of}}"}

    assert error_of("ThrottleNode", config, {"of": "x" * 1025})["name"] == "Validation"


def test_an_error_of_the_host_is_thrown():
    host = FakeHost(memory_advance=lambda _request: error("Validation", "full"))

    assert error_of("ThrottleNode", {"ratePerMinute": 6}, {}, host)["message"] == "full"


def latch(host, **data):
    config = {"latchExpression": "{{data.hot}}", "resetExpression": "{{data.cold}}"}
    return output_of("LatchNode", config, data, host)


def test_a_latch_takes_output_1_once_until_it_is_reset():
    host = Remembering()

    outputs = [
        latch(host, hot=True),
        latch(host, hot=True),
        latch(host, cold=True, hot=True),
        latch(host, cold=True, hot=True),
        latch(host),
    ]

    assert outputs == [1, 0, 0, 1, 0]


def test_a_latch_writes_its_five_booleans():
    paths = {"latchResultPath": "w.latch", "resetResultPath": "w.reset", "branchPath": "w.branch"}
    more = {"wasLatchedPath": "w.was", "isLatchedPath": "w.is", "latchExpression": "1"}

    payload = result_of("LatchNode", {**paths, **more}, {}, Remembering())

    assert payload["w"] == {"latch": True, "reset": False, "branch": True, "was": False, "is": True}


def on_change(host, value, **config):
    data = {} if value is ... else {"v": value}
    return output_of("BranchOnChangeNode", {"valuePath": "data.v", **config}, data, host)


def outputs_of(values, **config):
    host = Remembering()
    return [on_change(host, value, **config) for value in values]


@pytest.mark.parametrize(
    ("values", "outputs"),
    [
        ([1, 1, 2, 2], [0, 0, 1, 0]),
        ([1, True, 1.0], [0, 1, 1]),
        ([1, 1.0], [0, 0]),
        (["1", 1], [0, 1]),
        ([None, ..., ...], [0, 1, 0]),
        ([{"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}], [0, 0, 1]),
        ([[1], [1, 2], {"a": 1}, {"b": 1}], [0, 1, 1, 1]),
    ],
)
def test_any_change_is_one_of_value_or_type(values, outputs):
    assert outputs_of(values) == outputs


@pytest.mark.parametrize(
    ("change", "values", "outputs"),
    [
        ("value", [10, 12, 13, 14.9, 10], [0, 0, 1, 0, 1]),
        ("valueInc", [10, 8, 10.9, 11, 8], [0, 0, 0, 1, 0]),
        ("valueDec", [10, 12, 9.1, 9, 12], [0, 0, 0, 1, 0]),
        ("percent", [100, 102, 103, 99.5], [0, 0, 1, 1]),
        ("percent", [0, 0, -0.001], [0, 0, 1]),
        ("percentInc", [-100, -96, -100], [0, 1, 0]),
        ("percentInc", [0, -1, 1], [0, 0, 1]),
        ("percentDec", [0, 1, 0.97, 0.95], [0, 0, 1, 0]),
        ("value", ["10", "x", 13, ...], [0, 0, 1, 0]),
    ],
)
def test_a_change_of_number_is_measured_against_the_value_remembered(change, values, outputs):
    assert outputs_of(values, changeType=change, changeThreshold=3) == outputs


def test_the_first_value_that_is_no_number_is_not_remembered():
    assert outputs_of(["x", 1, 9], changeType="value", changeThreshold=3) == [0, 0, 1]


def test_a_change_of_number_starts_anew_where_something_else_was_remembered():
    host = Remembering()
    config = {"valuePath": "data.value", "onChangeIdTemplate": "same"}
    number = {**config, "changeType": "value", "changeThreshold": 5}

    for value in ("on", "off"):
        output_of("BranchOnChangeNode", config, {"value": value}, host)
    outputs = [
        output_of("BranchOnChangeNode", number, {"value": value}, host) for value in (1, 5, 6)
    ]

    assert outputs == [0, 0, 1]


def test_a_threshold_may_be_a_template_that_gives_a_number():
    config = {"changeType": "value", "changeThreshold": "{{data.by}}", "valuePath": "data.v"}
    host = Remembering()
    for value in (1, 3):
        output = output_of("BranchOnChangeNode", config, {"v": value, "by": 2}, host)

    thrown = error_of("BranchOnChangeNode", config, {"v": 1, "by": "x"}, host)

    assert output == 1
    assert thrown["message"] == "Change threshold must be a number"


def test_what_was_remembered_is_written_with_its_time():
    host = Remembering()
    config = {"valuePath": "data.v", "prevValuePath": "working.before"}
    assert "working" not in result_of("BranchOnChangeNode", config, {"v": 1}, host)
    host.now_ms += 5

    payload = result_of("BranchOnChangeNode", config, {"v": 2}, host)

    assert payload["working"]["before"] == {"value": 1, "time": NOW}
