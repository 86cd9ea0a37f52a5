"""What a script means: Losant-compatible behaviour of the Function node."""

import pytest

from drover.ports.scripts import LOG_BYTES, ScriptFailure


@pytest.mark.parametrize(
    ("script", "left"),
    [
        ("payload.b = 2", {"a": 1, "b": 2}),
        ("return { c: 3 }", {"c": 3}),
        ("payload = { d: 4 }", {"d": 4}),
        ("payload = { d: 4 }; return", {"d": 4}),
        ("payload = { d: 4 }; return undefined", {"d": 4}),
        ("payload = { d: 4 }; return { e: 5 }", {"e": 5}),
        ("var payload = { f: 6 }", {"f": 6}),
        ("if (payload.a) { payload = 7; return } payload = 8", 7),
        ("return null", None),
        ("return 0", 0),
        ("return ''", ""),
        (
            "const { a, ...rest } = payload; return { ...rest, z: a ?? 1, y: payload?.x?.y === undefined }",
            {"z": 1, "y": True},
        ),
        ("total = 0; for (i = 0; i < 4; i++) total += i; return total", 6),
        (
            "payload.later = later(); function later() { return 'hoisted' }",
            {"a": 1, "later": "hoisted"},
        ),
        ("with (payload) { a = 9 }", {"a": 9}),
        ("return 010", 8),
        ("return arguments.length > 0 && typeof this", "object"),
        ("// a comment at the end", {"a": 1}),
        ("/* another */", {"a": 1}),
        ("", {"a": 1}),
        ("'use strict'; return 1", 1),
        ("class Box { #n = 1; get n() { return this.#n } } return new Box().n", 1),
        ("label: for (;;) { break label } return [...'ab'].map((x) => x + x)", ["aa", "bb"]),
        ("return { toJSON() { return 'own form' } }", "own form"),
        ("return new Map([[1, 2]])", {}),
        ("return Object.assign(Object.create({ inherited: 1 }), { own: 2 })", {"own": 2}),
        (
            "return typeof require + typeof setTimeout + typeof fetch + typeof process",
            "undefined" * 4,
        ),
        ("return Math.random() >= 0 && Date.now() > 1.6e12", True),
        ("return [typeof atob, typeof performance.now()]", ["function", "number"]),
    ],
)
def test_the_payload_after_the_script(run, script, left):
    assert run(script, {"a": 1}).payload == left


@pytest.mark.parametrize(
    "script",
    [
        "const e = new Error('x'); e.name = 'Mine'; e.message = 'own'; return [e.name, e.message]",
        "class Mine extends Error { constructor(m) { super(m); this.name = 'Mine' } } return [new Mine('own').name, new Mine('own').message]",
        "const o = {}; o.toString = () => 'Mine'; o.valueOf = 1; return [String(o), 'own']",
        "const o = { name: 'Mine' }; o.constructor = 'own'; return [o.name, o.constructor]",
        "const d = new Date(0); d.toJSON = () => 'Mine'; return [d, 'own']",
        "const counts = {}; for (const w of ['valueOf', 'hasOwnProperty']) counts[w] = w; return counts.valueOf === 'valueOf' ? ['Mine', 'own'] : counts",
    ],
)
def test_an_own_object_may_have_any_name_that_a_built_in_has(run, script):
    assert run(script).payload == ["Mine", "own"]


@pytest.mark.parametrize(
    ("script", "name", "message"),
    [
        ("payload.working.x = 1", "TypeError", "cannot set property 'x' of undefined"),
        ("missing", "ReferenceError", "missing is not defined"),
        ("throw new RangeError('too far')", "RangeError", "too far"),
        ("throw Object.assign(new Error('m'), { name: 'MyError' })", "MyError", "m"),
        ("throw { name: 'N', message: 'M' }", "N", "M"),
        ("throw {}", "Error", ""),
        ("throw 'text'", "Error", "text"),
        ("throw undefined", "Error", "undefined"),
        ("throw null", "Error", "null"),
        ("throw Symbol('s')", "Error", "Symbol(s)"),
    ],
)
def test_a_thrown_error_keeps_its_name_and_message(run, script, name, message):
    failure = run(script).payload

    assert isinstance(failure, ScriptFailure)
    assert (failure.name, failure.message) == (name, message)


def test_the_stack_tells_the_lines_of_the_script_and_nothing_of_ours(run):
    failure = run("function deep() {\n  null.x\n}\ndeep()").payload

    assert [line.split(":")[:2] for line in failure.stack] == [
        ["at deep (script", "2"],
        ["at <anonymous> (script", "4"],
    ]


def test_the_stack_of_a_syntax_error_tells_its_line(run):
    failure = run("let a = 1\nlet b = = 2").payload

    assert failure.name == "SyntaxError"
    assert failure.stack[0].startswith("at script:2")
    assert len(failure.stack) == 1


def test_the_console_is_kept_with_levels(run):
    result = run(
        "console.log('a', 1, { b: [2] }); console.warn(null, undefined); console.error(new TypeError('t'));"
        "console.info(Symbol('s')); console.debug(() => 1); console.trace(1n); return 1"
    )

    assert result.payload == 1
    assert result.logs == (
        ("log", 'a 1 {"b":[2]}'),
        ("warn", "null undefined"),
        ("error", "TypeError: t"),
        ("info", "Symbol(s)"),
        ("debug", "() => 1"),
        ("debug", "1"),
    )


def test_the_console_stands_beside_a_failure_and_beside_undefined(run):
    thrown = run("console.log('before'); null.x")
    nothing = run("console.log('before'); payload = undefined")

    assert thrown.failed
    assert thrown.logs == nothing.logs == (("log", "before"),)


def test_the_console_of_a_stopped_script_is_kept(run):
    result = run("console.log('before'); for (;;);", timeout_s=0.05)

    assert result.payload.name == "Timeout"
    assert result.logs == (("log", "before"),)


def test_text_that_cannot_be_made_is_not_an_error_of_the_console(run):
    result = run("console.log({ toJSON() { throw 1 } }); const o = {}; o.o = o; console.log(o)")

    assert not result.failed
    assert result.logs == (("log", "[object]"), ("log", "[object]"))


def test_the_console_is_bounded(run):
    result = run("for (let i = 0; i < 1e5; i++) console.log('x'.repeat(1000))")

    assert sum(len(text) for _, text in result.logs) <= LOG_BYTES
    assert result.logs[-1][1].endswith("[log limit reached]")


def test_one_huge_line_of_the_console_is_cut(run):
    result = run("console.log('x'.repeat(1e6))")

    assert result.logs == (("log", "x" * 1024 + " [log limit reached]"),)


def test_a_host_realm_needs_no_buffer_until_it_is_named(run):
    assert run("return typeof this['Buf' + 'fer']").payload == "undefined"
    assert run("return typeof Buffer").payload == "function"
