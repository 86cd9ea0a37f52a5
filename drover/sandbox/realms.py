"""JavaScript worlds of a caged process, and the running of one script in them.

Runs inside the child: the standard library and the engine, nothing else. The engine is `_quickjs`,
not `quickjs`: the latter starts a thread when it is imported.
"""

import json
import os
from typing import Any, Final, NamedTuple, TypeVar

import _quickjs  # type: ignore[import-not-found]  # the wheel has no stubs

from drover.sandbox import frames

_STACK_BYTES: Final = 1 << 20
_KEPT_REALMS: Final = 16
_SEEN_REALMS: Final = 256
_HAS_LOGS: Final = 4
_SPENT: Final = 8
_TOO_LARGE: Final = 3
_FOLDER: Final = os.path.dirname(__file__)  # noqa: PTH120 - pathlib costs a child's start 10 ms


T = TypeVar("T")
Key = tuple[str, str]
"""What a realm may be shared by: the name its calls gave it, and the script."""


class Sources(NamedTuple):
    """The JavaScript of ours that makes a realm."""

    realm: str
    harden: str
    buffer: str

    @classmethod
    def read(cls) -> "Sources":
        """Read the files beside this one."""
        return cls(*(_source(name) for name in cls._fields))


def _source(name: str) -> str:
    with open(f"{_FOLDER}/{name}.js", encoding="utf-8") as file:  # noqa: PTH123 - see above
        return file.read()


class Terms(NamedTuple):
    """The header of a request: what to run, and within which limits."""

    script: str
    shapes: list[str]
    tag: str
    shared: str
    """Name of the hardened realm to use; empty for a fresh realm for each item."""
    few: bool
    """Whether the call is so small that a hardened realm pays only when it comes again."""
    timeout_s: float
    memory_bytes: int
    output_bytes: int
    log_bytes: int


class Realm:
    """One JavaScript world with the script compiled in it."""

    def __init__(self, sources: Sources, terms: Terms, *, hardened: bool) -> None:
        """Build the world; whatever the engine raises is for the caller."""
        self.hardened = hardened
        self.runs = 0
        self._context = _quickjs.Context()
        self._context.set_memory_limit(terms.memory_bytes)
        self._context.set_max_stack_size(_STACK_BYTES)
        self._context.set_time_limit(terms.timeout_s)
        self._drive = self._context.eval(sources.realm)(
            terms.script,
            terms.tag,
            terms.output_bytes,
            terms.log_bytes,
            self._part(sources.buffer, wanted="Buffer" in terms.script),
            self._part(sources.harden, wanted=hardened),
        )

    def _part(self, source: str, *, wanted: bool) -> Any:
        return self._context.eval(source) if wanted else None

    def run(self, text: str, shape: str) -> str | int:
        """Answer the result's JSON, or a status number as `realm.js` defines it."""
        self.runs += 1
        answer: str | int = self._drive(text, shape)
        return answer

    def output(self) -> str:
        """Fetch result or failure of a run that answered a number."""
        return str(self._drive(None, "output"))

    def logs(self) -> str:
        """Fetch the console entries of the last run as JSON."""
        return str(self._drive(None, "logs"))


class Outcome(NamedTuple):
    """How one item ended."""

    status: int
    body: bytes
    logs: bytes = b""
    reusable: bool = True
    """Whether the realm may be used for another item."""

    @property
    def lacked_memory(self) -> bool:
        """Whether the item failed for want of memory."""
        return self.status == frames.FAILURE and self.body.startswith(_LACKED_MEMORY)


class Bench:
    """Runs the items of requests, keeping the realms that several runs may share."""

    def __init__(self, sources: Sources) -> None:
        """Make every realm from `sources`."""
        self._sources = sources
        self._kept: dict[Key, Realm] = {}
        self._seen: dict[Key, None] = {}

    def run(self, terms: Terms, item: frames.Item) -> Outcome:
        """Run one item; one that lacks memory gets a second try with nothing else kept."""
        outcome, alone = self._attempt(terms, item)
        if outcome.lacked_memory and not alone:
            self._kept.clear()
            outcome, _ = self._attempt(terms, item)
        return outcome

    def _attempt(self, terms: Terms, item: frames.Item) -> tuple[Outcome, bool]:
        key = (terms.shared, terms.script)
        realm = self._kept.pop(key, None)
        try:
            realm = realm or Realm(self._sources, terms, hardened=self._pays(terms, key))
            outcome = _outcome(realm, item.text.decode(), terms.shapes[item.shape])
        except (_quickjs.JSException, MemoryError) as error:
            outcome = Outcome(frames.FAILURE, _stopped(error), _last_words(realm), reusable=False)
        outcome = _judged(outcome, terms)
        if realm and realm.hardened and outcome.reusable:
            _put(self._kept, key, realm, _KEPT_REALMS)
        return outcome, not self._kept and (realm is None or realm.runs <= 1)

    def _pays(self, terms: Terms, key: Key) -> bool:
        """Whether a hardened realm, four times as dear as a fresh one, will be used again."""
        known = key in self._seen
        if terms.shared:
            _put(self._seen, key, None, _SEEN_REALMS)
        return bool(terms.shared) and (known or not terms.few)


def _put(memory: dict[Key, T], key: Key, value: T, most: int) -> None:
    """Remember the latest keys."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > most:
        del memory[next(iter(memory))]


def _judged(outcome: Outcome, terms: Terms) -> Outcome:
    """Refuse a result above the limit, and name the lack of memory that came as a bare null."""
    if outcome.status == frames.VALUE and len(outcome.body) > terms.output_bytes:
        return outcome._replace(status=frames.FAILURE, body=_TOO_LARGE_RESULT)
    nothing = outcome.body == _THROWN_NULL and "throw" not in terms.script
    if nothing or outcome.body == _THROWN_NOTHING:
        # Nobody threw it: the engine had no memory left even for an error.
        return outcome._replace(body=_NO_MEMORY, reusable=False)
    return outcome


def _outcome(realm: Realm, text: str, shape: str) -> Outcome:
    answer = realm.run(text, shape)
    if isinstance(answer, str):
        return Outcome(frames.VALUE, answer.encode())
    status = answer & 3
    logs = realm.logs().encode() if answer & _HAS_LOGS else b""
    if status == _TOO_LARGE:
        return Outcome(frames.FAILURE, _TOO_LARGE_RESULT, logs, reusable=not answer & _SPENT)
    body = b"" if status == frames.UNDEFINED else realm.output().encode()
    outcome = Outcome(status, body, logs, reusable=not answer & _SPENT)
    return outcome._replace(reusable=False) if outcome.lacked_memory else outcome


def _failure(name: str, message: str, stack: str = "") -> bytes:
    return json.dumps([name, message, stack], separators=(",", ":")).encode()


_TOO_LARGE_RESULT: Final = _failure("PayloadTooLarge", "The result is too large")
_THROWN_NULL: Final = _failure("Error", "null")
_THROWN_NOTHING: Final = _failure("Error", "[uninitialized]")
_NO_MEMORY: Final = _failure("MemoryLimit", "The script took too much memory")
_LACKED_MEMORY: Final = (b'["InternalError","out of memory"', b'["MemoryLimit"')


def _stopped(error: BaseException) -> bytes:
    """Name the limit that stopped a script."""
    message, _, stack = str(error).partition("\n")
    if isinstance(error, _quickjs.StackOverflow):
        return _failure("RangeError", "Maximum call stack size exceeded", stack)
    if message.endswith("interrupted"):
        return _failure("Timeout", "The script took too long", stack)
    if isinstance(error, MemoryError) or message == "null" or "out of memory" in message:
        return _NO_MEMORY
    name, _, rest = message.partition(": ")
    return _failure(name, rest, stack)


def _last_words(realm: Realm | None) -> bytes:
    """Ask what a stopped script had written to its console, if it can be told."""
    try:
        return realm.logs().encode() if realm else b""
    except (_quickjs.JSException, MemoryError):
        return b""
