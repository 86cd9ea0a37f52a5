"""Scripts that would notice frozen built-ins are told from those that would not."""

import pytest

from drover.sandbox.fidelity import changes_builtins


@pytest.mark.parametrize(
    "script",
    [
        "String.prototype.shout = function () { return this + '!' }",
        "Math.double = (x) => 2 * x",
        "Math['double'] = (x) => 2 * x",
        "console.log = null",
        "Date = 5",
        "Date.now ||= 5",
        "Math.calls++",
        "payload.__proto__ = {}",
        "Object.setPrototypeOf(payload, null)",
        "Object.defineProperty(payload, 'x', { value: 1 })",
        "return Object.isFrozen(Array)",
        "return eval('1 + 1')",
        "return new Function('return 1')()",
        "globalThis.cache = 1",
        "Error.stackTraceLimit = 3",
        "Uint8Array.mine = 1",
    ],
)
def test_a_script_that_changes_a_built_in_is_noticed(script):
    assert changes_builtins(script)


@pytest.mark.parametrize(
    "script",
    [
        "payload.x = Math.max(1, 2) === 2 && Date.now() >= 0",
        "if (JSON.stringify(payload) == '{}') payload.x = new Date()",
        "class Mine extends Error { constructor() { super('m'); this.name = 'Mine' } }",
        "payload.list = Array.from(payload.set).map((x) => Number(x))",
        "console.log(Object.keys(payload)); payload.date = 1; payload.math = {}",
        "const f = (Date) => Date",
        "",
    ],
)
def test_an_everyday_script_is_not(script):
    assert not changes_builtins(script)
