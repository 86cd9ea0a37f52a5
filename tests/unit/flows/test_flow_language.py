"""What the payload language and a run owe each other."""

import pytest

from tests.support.flow_world import SHOW, FakeClock, flow, node, run_one, shown


def _set(template: str, path: str):
    rule = {"type": "set", "valueTemplate": template, "destination": path}
    return node("set", "MutateNode", {"rules": [rule]}, ["show"])


def test_templates_take_the_time_from_the_clock_of_the_run():
    clock = FakeClock()

    payload = shown(
        run_one(flow(["set"], _set("{{currentDateTime 'x'}}", "at"), SHOW), clock=clock)
    )

    assert payload["at"] == str(clock.now_ms())


@pytest.mark.parametrize(
    ("template", "path", "name"),
    [
        ("x", "data.list.[10001]", "Validation"),
        ("x", "data.list.key", "Validation"),
        ("{{#each data.list}}{{#each @root.data.list}}{{#each @root.data.list}}{{/each}}{{/each}}{{/each}}", "x", "PayloadTooLarge"),
    ],
)  # fmt: skip
def test_what_the_language_refuses_is_thrown_by_the_node(template: str, path: str, name: str):
    record = run_one(flow(["set"], _set(template, path), SHOW), {"list": [0] * 500})

    assert record.error["error"]["name"] == name
