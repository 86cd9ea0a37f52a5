"""JavaScript worlds of a caged process, and the running of one script in them.

Runs inside the child: the standard library and the engine, nothing else. The engine is `_quickjs`,
not `quickjs`: the latter starts a thread when it is imported.
"""

import json
import os
from typing import Any, Final, NamedTuple

import _quickjs  # type: ignore[import-not-found]  # the wheel has no stubs

from drover.sandbox import frames

_STACK_BYTES: Final = 1 << 20
_KEPT_REALMS: Final = 4
_HAS_LOGS: Final = 4
_SPENT: Final = 8
_TOO_LARGE: Final = 3
_FOLDER: Final = os.path.dirname(__file__)  # noqa: PTH120 - pathlib costs a child's start 10 ms


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
    timeout_s: float
    memory_bytes: int
    output_bytes: int
    log_bytes: int


class Realm:
    """One JavaScript world with the script compiled in it."""

    def __init__(self, sources: Sources, terms: Terms) -> None:
        """Build the world; whatever the engine raises is for the caller."""
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
            self._part(sources.harden, wanted=bool(terms.shared)),
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
    """How one item ended, and whether its realm may be used again."""

    status: int
    body: str
    logs: str = ""
    reusable: bool = True


class Bench:
    """Runs the items of requests, keeping the realms that several runs may share."""

    def __init__(self, sources: Sources) -> None:
        """`sources` make every realm."""
        self._sources = sources
        self._kept: dict[tuple[str, str], Realm] = {}

    def run(self, terms: Terms, item: frames.Item) -> Outcome:
        """Run one item; one that lacks memory gets a second try with nothing else kept."""
        outcome, alone = self._attempt(terms, item)
        if not alone and outcome.status == frames.FAILURE and _names_memory(outcome.body):
            self._kept.clear()
            outcome, _ = self._attempt(terms, item)
        return outcome

    def _attempt(self, terms: Terms, item: frames.Item) -> tuple[Outcome, bool]:
        key = (terms.shared, terms.script)
        realm = self._kept.pop(key, None)
        try:
            realm = realm or Realm(self._sources, terms)
            outcome = _outcome(realm, item.text.decode(), terms.shapes[item.shape])
        except (_quickjs.JSException, MemoryError) as error:
            outcome = Outcome(frames.FAILURE, _stopped(error), _last_words(realm), reusable=False)
        if realm and terms.shared and outcome.reusable:
            self._keep(key, realm)
        return outcome, not self._kept and (realm is None or realm.runs <= 1)

    def _keep(self, key: tuple[str, str], realm: Realm) -> None:
        self._kept[key] = realm
        while len(self._kept) > _KEPT_REALMS:
            del self._kept[next(iter(self._kept))]


def _outcome(realm: Realm, text: str, shape: str) -> Outcome:
    answer = realm.run(text, shape)
    if isinstance(answer, str):
        return Outcome(frames.VALUE, answer)
    status = answer & 3
    logs = realm.logs() if answer & _HAS_LOGS else ""
    body = realm.output() if status in (frames.VALUE, frames.FAILURE) else ""
    if status == _TOO_LARGE:
        status, body = frames.FAILURE, _failure("PayloadTooLarge", "The result is too large")
    reusable = not answer & _SPENT and not (status == frames.FAILURE and _names_memory(body))
    return Outcome(status, body, logs, reusable)


def _failure(name: str, message: str, stack: str = "") -> str:
    return json.dumps([name, message, stack])


def _names_memory(failure: str) -> bool:
    return failure.startswith(('["InternalError","out of memory"', '["MemoryLimit"'))


def _stopped(error: BaseException) -> str:
    """Name the limit that stopped a script."""
    message, _, stack = str(error).partition("\n")
    if isinstance(error, _quickjs.StackOverflow):
        return _failure("RangeError", "Maximum call stack size exceeded", stack)
    if message.endswith("interrupted"):
        return _failure("Timeout", "The script took too long", stack)
    if isinstance(error, MemoryError) or message == "null" or "out of memory" in message:
        return _failure("MemoryLimit", "The script took too much memory", stack)
    name, _, rest = message.partition(": ")
    return _failure(name, rest, stack)


def _last_words(realm: Realm | None) -> str:
    """Ask what a stopped script had written to its console, if it can be told."""
    try:
        return realm.logs() if realm else ""
    except (_quickjs.JSException, MemoryError):
        return ""
