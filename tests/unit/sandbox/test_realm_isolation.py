"""A hardened realm shows nothing of one run to the next, and keeps nothing it cannot take back."""

import json
from collections.abc import Callable

import pytest

from drover.sandbox import frames
from drover.sandbox import realms as realms_module
from drover.sandbox.realms import Bench, Outcome, Realm

# Every object that can be reached from syntax and from what built-ins answer, frozen or fresh.
REACH_EVERYTHING = r"""
var globals = this;
var R = this['Ref' + 'lect'];
var getProto = R['get' + 'Proto' + 'typeOf'], keysOf = R.ownKeys, descriptorOf = R['getOwn' + 'PropertyDescriptor'];
const seen = new Set();
const open = [];
const own = new Set([payload, seen, open]);
const made = () => [
  {}, [], () => 0, async () => 0, function* () {}, async function* () {}, (function* () {})(), (async function* () {})(),
  class { static x = 1 }, /x/g, new Date(0), new Error('x'), new Map(), new Set(), new WeakMap(), new WeakSet(), 1n, 'x', 1, true,
  Symbol('x'), new Promise(() => 0), new Proxy({}, {}), new ArrayBuffer(8), new SharedArrayBuffer(8), new DataView(new ArrayBuffer(8)),
  [].values(), [].entries(), new Map().entries(), new Set().values(), 'x'[Symbol.iterator](), 'x'.matchAll(/x/g),
  [1].values().map((x) => x), [1].values().take(1), Iterator.from({ next() {} }), Iterator.from([1].values()), new WeakRef({}),
  new FinalizationRegistry(() => 0), Object(1n), Object(Symbol('x')), arguments, (function () { 'use strict'; return arguments })(),
  new AggregateError([], 'x'), Array.fromAsync ? Array.fromAsync([]) : null, new Uint8Array(1), Promise.withResolvers ? Promise.withResolvers() : null,
  ((...s) => s)`a${1}`, console, this, Buffer.from('a'), new DOMException('x'), new URIError('x'), Object.groupBy ? Object.groupBy([1], () => 'a') : null,
];
const fresh = made();
for (const one of [fresh[6], fresh[7]]) own.add(getProto(one)); // of a function of this run
for (const one of fresh) if (one !== this) own.add(one);
function visit(value, path) {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value)) return;
  seen.add(value);
  if (value !== globals && !own.has(value) && !Object['isFro' + 'zen'](value)) open.push(path);
  if (own.has(value) && value !== globals) { visit(getProto(value), path + '.__proto__'); return; }
  visit(getProto(value), path + '.__proto__');
  for (const key of keysOf(value)) {
    const held = descriptorOf(value, key);
    visit(held.value, `${path}.${String(key)}`);
    visit(held.get, `${path}.get ${String(key)}`);
    visit(held.set, `${path}.set ${String(key)}`);
  }
}
fresh.forEach((value, index) => visit(value, String(index)));
return { open, count: seen.size };
"""


def test_every_object_that_outlives_a_run_is_frozen(run):
    result = run(REACH_EVERYTHING, shared="shared").payload

    assert result["open"] == []
    assert result["count"] > 800


@pytest.fixture
def realms(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each realm that was made is hardened, in order."""
    made: list[bool] = []
    build = Realm.__init__

    def note(self: Realm, *parts: object, hardened: bool) -> None:
        made.append(hardened)
        build(self, *parts, hardened=hardened)  # type: ignore[arg-type]

    monkeypatch.setattr(Realm, "__init__", note)
    return made


Once = Callable[..., Outcome]


@pytest.fixture
def once(bench: Bench, ask: Callable[..., Outcome]) -> Once:
    """Run one item on one bench."""
    return lambda script, **changes: ask(bench, script, **changes)


def test_a_shared_realm_serves_run_after_run(once: Once, realms):
    for number in range(3):
        ended = once(
            "total = (typeof total === 'undefined' ? 0 : total) + payload.n; return total",
            text=b'{"n":%d}' % number,
            shared="a",
        )
        assert json.loads(ended.body) == number

    assert realms == [True]


def test_names_of_sharing_are_kept_apart(once: Once, realms):
    for shared in ("a", "b", "a"):
        once("return 1", shared=shared)

    assert realms == [True, True]


def test_a_realm_that_is_not_shared_is_made_for_each_run(once: Once, realms):
    for _ in range(2):
        once("return 1")

    assert realms == [False, False]


def test_a_small_call_gets_a_hardened_realm_when_it_comes_again(once: Once, realms):
    for _ in range(4):
        once("return 1", shared="a", few=True)

    assert realms == [False, True]


def test_only_the_latest_realms_are_kept(once: Once, realms):
    for number in (*range(17), 16, 0):
        once("return 1", shared=str(number))

    assert len(realms) == 18


@pytest.mark.parametrize(
    "harm",
    [
        "Object.defineProperty(this, 'leak', { value: 1 })",
        "Object.setPrototypeOf(this, {})",
        "Object.preventExtensions(this)",
    ],
)
def test_a_realm_that_cannot_be_reset_is_given_up(once: Once, realms, harm):
    once(f"{harm}; return 1", shared="a")
    once(f"{harm}; return 1", shared="a")

    assert realms == [True, True]


def test_a_realm_in_which_a_script_was_stopped_is_given_up(once: Once, realms):
    for _ in range(2):
        once("for (;;);", shared="a", timeout_s=0.05)

    assert realms == [True, True]


def test_a_realm_survives_a_script_that_throws_and_one_that_does_not_compile(once: Once, realms):
    for script in ("null.x", "let let"):
        first, second = (once(script, shared="a") for _ in range(2))
        assert first.status == second.status == frames.FAILURE

    assert realms == [True, True]


def test_memory_that_an_earlier_run_holds_is_not_charged_to_the_next(once: Once, realms):
    script = """
    const held = new Uint8Array(10e6).fill(1);
    if (payload.leave) Promise.resolve().then(() => held);
    return held.length;
    """

    left = once(script, text=b'{"leave":true}', shared="a")
    ended = once(script, text=b'{"leave":false}', shared="a")

    assert left.body == ended.body == b"10000000"
    assert realms == [True, True]


def test_an_item_that_lacks_memory_in_a_used_realm_is_tried_in_a_new_one(once: Once, realms):
    script = "if (payload.n) { const all = []; for (;;) all.push('x'.repeat(1e5) + all.length) } return 1"

    once(script, text=b'{"n":0}', shared="a")
    ended = once(script, text=b'{"n":1}', shared="a")

    assert ended.lacked_memory
    assert realms == [True, True]


def test_a_result_that_is_too_large_is_refused_by_its_bytes(once: Once):
    assert json.loads(once("return 'x'.repeat(100)", output_bytes=50).body)[0] == "PayloadTooLarge"
    assert (
        json.loads(once("return '\u20ac'.repeat(30)", output_bytes=50).body)[0] == "PayloadTooLarge"
    )
    assert once("return 'x'.repeat(48)", output_bytes=50).status == frames.VALUE


def test_input_that_the_engine_cannot_hold_is_a_failure(once: Once):
    ended = once("return 1", text=b"[" * 100_000 + b"]" * 100_000)

    assert ended.status == frames.FAILURE
    assert json.loads(ended.body)[0] in {"RangeError", "InternalError", "SyntaxError"}


def test_a_script_without_words_of_its_own_that_throws_null_lacked_memory(once: Once):
    assert once("throw null").body == b'["Error","null",""]'
    assert once("payload.x = []; for (;;) payload.x.push([payload.x.length])").lacked_memory


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (realms_module._quickjs.JSException("InternalError: interrupted\n    at f"), "Timeout"),
        (realms_module._quickjs.JSException("InternalError: out of memory"), "MemoryLimit"),
        (realms_module._quickjs.JSException("null"), "MemoryLimit"),
        (MemoryError(), "MemoryLimit"),
        (realms_module._quickjs.StackOverflow("InternalError: stack overflow"), "RangeError"),
        (realms_module._quickjs.JSException("TypeError: of ours"), "TypeError"),
    ],
)
def test_what_the_engine_raises_is_named(once: Once, monkeypatch, error, name):
    def stop(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(realms_module.Realm, "run", stop)
    monkeypatch.setattr(realms_module.Realm, "logs", stop)

    ended = once("return 1")

    assert json.loads(ended.body)[0] == name
    assert ended.logs == b""
