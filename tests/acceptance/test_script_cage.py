"""Scripts that mean harm: each ends in time with the right failure, and the next payload runs fine."""

import asyncio
import os
import resource
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from drover.ports.scripts import LOG_BYTES, ScriptFailure, ScriptResult
from drover.sandbox.pool import CagedScripts, Limits

TIMEOUT_MS = 10_000
SHORT_MS = 500
HARMLESS = "payload.answer = payload.question * 2"

STOPPED_FOR_TIME = {
    "endless loop": "for (;;);",
    "endless loop that catches everything": "for (;;) { try { for (;;); } catch (e) { continue } finally { continue } }",
    "endless recursion over catches": "function f() { try { f() } finally { f() } } f()",
    "regular expression that backtracks": "/^(a+)+$/.test('a'.repeat(60) + 'b')",
    "getter that never ends in the result": "return { get x() { for (;;); } }",
    "toJSON that never ends": "return { toJSON() { for (;;); } }",
    "proxy whose keys never end": "return new Proxy({}, { ownKeys() { for (;;); } })",
    "error whose message never ends": "throw { get message() { for (;;); } }",
    "thrown object whose text never ends": "throw { toString() { for (;;); }, get name() { for (;;); } }",
    "console text that never ends": "console.log({ toJSON() { for (;;); } })",
    "sort that never ends": "[3, 2, 1].sort(() => { for (;;); })",
    "reviver that never ends": "JSON.parse('[1,2]', () => { for (;;); })",
    "replacer that never ends": "JSON.stringify({ a: 1 }, () => { for (;;); })",
    "generator that never ends": "for (const x of (function* () { for (;;) yield 1 })()) ;",
    "spread that never ends": "Math.max(...(function* () { for (;;) yield 1 })().filter(() => false))",
    "async functions that swallow the stop": "async function f() { for (;;); } for (;;) f();",
    "async generators that swallow the stop": "const g = async function* () { for (;;); }; for (;;) g().next();",
    "valueOf that never ends": "return +{ valueOf() { for (;;); } }",
    "huge power of a big integer": "let n = 3n; for (;;) n = n ** 3n % (2n ** 4000n)",
    "code made at run time": "return Function('for (;;);')()",
    "code evaluated at run time": "return eval('for (;;);')",
    "slow native search": "const s = 'ab'.repeat(1e6); for (;;) s.lastIndexOf('ba'.repeat(1e5) + 'c')",
    "joined holes": "return new Array(4e9).join('')",
    "registered symbols": "for (let i = 0; ; i++) Symbol.for('s' + i)",
    "species constructor": "class A extends Array { static get [Symbol.species]() { for (;;); } } new A(3).map(x => x)",
    "iterator close": "const i = { [Symbol.iterator]: () => ({ next: () => ({}), return() { for (;;); } }) }; for (const x of i) break;",
}

STOPPED_FOR_MEMORY = {
    "arrays": "const all = []; for (;;) all.push(new Array(1000).fill(1))",
    "strings kept": "const all = []; for (let i = 0; ; i++) all.push('x'.repeat(1e6) + i)",
    "typed arrays": "const all = []; for (;;) all.push(new Uint8Array(1e7).fill(7))",
    "shared memory": "const all = []; for (;;) { const b = new Uint8Array(new SharedArrayBuffer(1e7)); b.fill(1); all.push(b) }",
    "map that grows": "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i })",
    "closures": "const f = []; for (;;) f.push(() => f)",
    "promises": "const p = []; for (;;) p.push(Promise.resolve(1).then(x => x))",
    "filled array": "return new Array(1e9).fill('x').length",
    "result with very many keys": "for (let i = 0; ; i++) payload['k' + i] = i",
}

REFUSED = {
    "deep recursion": ("function f() { return f() + 1 } f()", "RangeError"),
    "deep recursion through a getter": (
        "const o = { get x() { return this.x } }; o.x",
        "RangeError",
    ),
    "deep result": ("let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return o", "RangeError"),
    "rather deep result": (
        "let o = {}; for (let i = 0; i < 1500; i++) o = [o]; return o",
        "RangeError",
    ),
    "cyclic result": ("payload.self = payload", "TypeError"),
    "result of an async function": ("return (async () => 1)()", "TypeError"),
    "big integer in the result": ("return { n: 1n }", "TypeError"),
    "result above the limit": ("return 'x'.repeat(6e6)", "PayloadTooLarge"),
    "result above the limit in bytes": ("return '\\u20ac'.repeat(2e6)", "PayloadTooLarge"),
    "proxy that throws": (
        "return new Proxy({}, { get() { throw new URIError('no') } })",
        "URIError",
    ),
    "revoked proxy": ("const r = Proxy.revocable({}, {}); r.revoke(); return r.proxy", "TypeError"),
    "require": ("require('fs')", "ReferenceError"),
    "process": ("process.exit(1)", "ReferenceError"),
    "timers": ("setTimeout(() => {}, 0)", "ReferenceError"),
    "fetch": ("fetch('http://127.0.0.1')", "ReferenceError"),
    "escape through constructors": (
        "return this.constructor.constructor('return process')()",
        "ReferenceError",
    ),
    "escape through a function's constructor": (
        "return (() => {}).constructor('return std')()",
        "ReferenceError",
    ),
    "import statement": ("import fs from 'fs'", "SyntaxError"),
    "import meta": ("return import.meta.url", "SyntaxError"),
    "blocking wait": (
        "Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0, 1e9)",
        "TypeError",
    ),
    "body that closes its function": ("}), (function () { return 1", "SyntaxError"),
    "body that closes our try": ("} finally {} { ", "SyntaxError"),
    "half a body": ("if (true) {", "SyntaxError"),
    "text that doubles": ("let s = 'x'.repeat(1e6); for (;;) s += s", "RangeError"),
    "squares of a big integer": ("let n = 2n; for (;;) n = n * n", "RangeError"),
    "too long a string": ("'x'.repeat(2 ** 30)", "RangeError"),
    "too large an array": ("new Array(-1)", "RangeError"),
    "thrown text": ("throw 'plain'", "Error"),
    "thrown null": ("throw null", "Error"),
    "error that cannot be shown": ("throw { get name() { throw 1 } }", "Error"),
    "dates that throw": ("new Date(NaN).toISOString()", "RangeError"),
}

POLLUTION = {
    "prototype of all objects": "Object.prototype.leak = 1; ({}).__proto__.leak2 = 1",
    "prototype by a computed name": "payload['__pro' + 'to__'].leak = 1",
    "prototype by its constructor": "payload.constructor['proto' + 'type'].leak = 1",
    "global by assignment": "leak = 1; this.leak2 = 1",
    "global by another way": "(() => {}).constructor('leak = 1; this.other = 2')()",
    "global that cannot be deleted": "Object['defineProp' + 'erty'](this, 'leak', { value: 1 })",
    "global with another prototype": "Object['setProto' + 'typeOf'](this, { leak: 1 })",
    "global closed": "Object.freeze(this)",
    "built-in replaced": "Math.max = () => 'leak'; JSON.parse = () => 'leak'; Date.now = () => 'leak'",
    "built-in replaced by a computed name": "this['Ma' + 'th'].max = () => 'leak'; this['JS' + 'ON'] = { parse: () => 'leak' }",
    "function marked": "const m = Math; m.max.leak = 1; [].push.leak = 1",
    "own function marked": "arguments['cal' + 'lee'].leak = (arguments['cal' + 'lee'].leak || 0) + 1",
    "console marked": "const c = console; c.leak = 1; c.log.leak = 1",
    "Buffer marked": "const b = Buffer; b.leak = 1; b.from('a').__proto__.leak = 1",
    "iterator prototype": "[].values()['__pro' + 'to__'].next = () => ({ done: true })",
    "generator prototype": "(function* () {})()['__pro' + 'to__']['__pro' + 'to__'].leak = 1",
    "promise left behind": "Promise.resolve().then(() => { payload.leak = 1; leak = 1 })",
    "lexical global by evaluation": "(0, this['ev' + 'al'])('let leak = 1')",
    "stack traces taken over": "Error['prepare' + 'StackTrace'] = () => 'leak'",
    "toJSON of dates": "Date['proto' + 'type'].toJSON = () => 'leak'",
    "species": "Array[Symbol.species]; Object.assign(Array, { leak: 1 })",
    "finalizers": "new FinalizationRegistry(() => { leak = 1 }).register({}, 1)",
}

LOOK_FOR_LEAKS = """
const found = [];
if (typeof leak !== 'undefined' || typeof leak2 !== 'undefined' || typeof other !== 'undefined') found.push('global');
for (const o of [{}, [], () => 0, Math, Math.max, [].push, console, console.log, Array, new Date(0), Buffer, Buffer.from('a')]) {
  for (const k of ['leak', 'leak2']) if (o[k] !== undefined) found.push(k);
}
if (arguments['cal' + 'lee'].leak) found.push('callee');
if (Math.max(1, 2) !== 2 || JSON.parse('3') !== 3 || typeof Date.now() !== 'number') found.push('built-in');
if ([...[1, 2]].length !== 2 || [...(function* () { yield 1 })()].length !== 1) found.push('iterator');
if (JSON.stringify(new Date(0)) !== '"1970-01-01T00:00:00.000Z"') found.push('date');
if ((function* () {})().leak) found.push('generator');
implied = 1; if (implied !== 1) found.push('closed');
try { null.x } catch (e) { if (String(e.stack).includes('leak')) found.push('stack') }
return found;
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scripts() -> AsyncIterator[CagedScripts]:
    async with CagedScripts(Limits(children=1)) as pool:
        yield pool


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def small_scripts() -> AsyncIterator[CagedScripts]:
    async with CagedScripts(Limits(children=1, memory_bytes=16 << 20)) as pool:
        yield pool


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def abuse(
    scripts: CagedScripts, harm: str, payloads: int, timeout_ms: int = TIMEOUT_MS
) -> list[ScriptResult]:
    """Run the harm for the payload 1 among harmless ones, and check that only it came to harm."""
    script = f"if (payload.question !== 1) {{ {HARMLESS}; return payload }}\n{harm}"
    questions = [{"question": number} for number in range(payloads)]
    began = time.monotonic()

    results = await scripts.run(script, questions, timeout_ms=timeout_ms)

    assert time.monotonic() - began < 60
    others = [result.payload for number, result in enumerate(results) if number != 1]
    assert others == [{"question": n, "answer": 2 * n} for n in range(payloads) if n != 1]
    return results


def failure(result: ScriptResult) -> ScriptFailure:
    assert isinstance(result.payload, ScriptFailure), result
    return result.payload


@pytest.mark.parametrize("payloads", [2, 6], ids=["fresh realms", "shared realm"])
@pytest.mark.parametrize("harm", STOPPED_FOR_TIME.values(), ids=STOPPED_FOR_TIME)
async def test_a_script_without_end_is_stopped_for_time(scripts, harm, payloads):
    results = await abuse(scripts, harm, payloads, SHORT_MS)

    assert failure(results[1]).name == "Timeout"


@pytest.mark.parametrize("payloads", [2, 6], ids=["fresh realms", "shared realm"])
@pytest.mark.parametrize("harm", STOPPED_FOR_MEMORY.values(), ids=STOPPED_FOR_MEMORY)
async def test_a_script_that_eats_memory_is_stopped(small_scripts, harm, payloads):
    script = f"if (payload.question !== 1) {{ {HARMLESS}; return payload }}\n{harm}"
    questions = [{"question": number} for number in range(payloads)]

    results = await small_scripts.run(script, questions, timeout_ms=60_000)

    assert failure(results[1]).name == "MemoryLimit"
    others = [result.payload for number, result in enumerate(results) if number != 1]
    assert others == [{"question": n, "answer": 2 * n} for n in range(payloads) if n != 1]


@pytest.mark.parametrize("payloads", [2, 6], ids=["fresh realms", "shared realm"])
@pytest.mark.parametrize(("harm", "name"), REFUSED.values(), ids=REFUSED)
async def test_a_script_that_breaks_a_rule_throws(scripts, harm, name, payloads):
    if name == "SyntaxError":
        results = await scripts.run(harm, [{}] * payloads, timeout_ms=TIMEOUT_MS)
    else:
        results = await abuse(scripts, harm, payloads)

    assert failure(results[1]).name == name


@pytest.mark.parametrize("payloads", [2, 6], ids=["fresh realms", "shared realm"])
@pytest.mark.parametrize("harm", POLLUTION.values(), ids=POLLUTION)
async def test_what_one_payload_leaves_behind_is_not_seen_by_the_next(
    scripts, harm, payloads, monkeypatch
):
    monkeypatch.setattr("drover.sandbox.pool.changes_builtins", lambda _: False)
    script = f"if (payload.harm) {{ {harm}; return 'done' }}\n{LOOK_FOR_LEAKS}"
    inputs = [{"harm": number == 0} for number in range(payloads)]

    results = await scripts.run(script, inputs, timeout_ms=TIMEOUT_MS)

    assert [result.payload for result in results[1:]] == [[]] * (payloads - 1)


async def test_code_that_runs_while_it_is_compiled_is_held_to_the_limits(scripts):
    harm = "}), (() => { for (;;); })(), (function () {"

    results = await scripts.run(harm, [1, 2, 3, 4], timeout_ms=SHORT_MS)

    assert [failure(result).name for result in results] == ["Timeout"] * 4


async def test_a_huge_console_output_is_bounded_and_harms_nobody(scripts):
    harm = "for (let i = 0; i < 1e4; i++) console.log('x'.repeat(1e4)); return payload"

    results = await scripts.run(harm, [1, 2, 3, 4])

    assert [result.payload for result in results] == [1, 2, 3, 4]
    assert all(sum(len(text) for _, text in result.logs) <= LOG_BYTES for result in results)


async def test_a_payload_above_the_limit_is_refused_and_its_neighbours_run(scripts):
    results = await scripts.run("return payload.length", ["a", "x" * 6_000_000, "ccc"])

    assert failure(results[1]).name == "PayloadTooLarge"
    assert (results[0].payload, results[2].payload) == (1, 3)


async def test_the_server_is_untouched_by_all_of_it(scripts):
    before = (os.getpid(), resource.getrlimit(resource.RLIMIT_AS), Path.cwd(), dict(os.environ))
    threads = threading.active_count()

    await scripts.run("for (;;);", [1], timeout_ms=SHORT_MS)

    assert before == (
        os.getpid(),
        resource.getrlimit(resource.RLIMIT_AS),
        Path.cwd(),
        dict(os.environ),
    )
    assert threading.active_count() < threads + 10


async def test_the_server_never_loads_the_engine_of_scripts():
    code = "import sys, drover.server.process; sys.exit('quickjs' in sys.modules)"

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)

    assert await process.wait() == 0


async def test_import_of_a_module_finds_nothing(scripts):
    results = await scripts.run(
        "import('fs').then((fs) => { payload.fs = fs }); return payload", [{}, {}]
    )

    assert [result.payload for result in results] == [{}, {}]
