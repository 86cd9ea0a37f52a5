"""The program of a caged process: reads requests, runs scripts, writes records.

Started by `drover.sandbox.cage` as `python -I -c ...` with an empty environment. It imports the
standard library, the JavaScript engine and two neighbours that do the same, nothing else of Drover.
The engine is `_quickjs`, not `quickjs`: the latter starts a thread.
"""

import json
import mmap
import os
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

import _quickjs  # type: ignore[import-not-found]  # the wheel has no stubs

from drover.sandbox import frames, limits

FLUSH_BYTES: Final = 64 * 1024
QUANTUM_S: Final = 0.25
"""A request that took this long hands its unstarted items back, so that others get their turn."""

_STACK_BYTES: Final = 1 << 20
_KEPT_REALMS: Final = 4
_HAS_LOGS: Final = 4
_SPENT: Final = 8
_TOO_LARGE: Final = 3
_REALM_SOURCE_FILE: Final = os.path.join(os.path.dirname(__file__), "realm.js")  # noqa: PTH118, PTH120 - see limits


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

    def __init__(self, source: str, terms: Terms) -> None:
        """Build the world; whatever the engine raises is for the caller."""
        self.runs = 0
        self._context = _quickjs.Context()
        self._context.set_memory_limit(terms.memory_bytes)
        self._context.set_max_stack_size(_STACK_BYTES)
        self._context.set_time_limit(terms.timeout_s)
        boot = self._context.eval(source)
        self._drive = boot(
            terms.script, terms.tag, bool(terms.shared), terms.output_bytes, terms.log_bytes
        )

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

    def __init__(self, source: str) -> None:
        """`source` is the text of `realm.js`."""
        self._source = source
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
            realm = realm or Realm(self._source, terms)
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


class Line:
    """The one connection of a caged process: its standard input and output."""

    def __init__(self, reader: int, writer: int) -> None:
        """Take the two descriptors (the same socket, as a rule)."""
        self._reader = reader
        self._writer = writer
        self._records: list[bytes] = []
        self._size = 0

    def requests(self) -> Iterator[bytes]:
        """Bodies of requests until the parent hangs up."""
        while head := self._read(frames.LENGTH.size):
            yield self._read(*frames.LENGTH.unpack(head))

    def _read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = os.read(self._reader, size - len(parts))
            if not part:
                return b""
            parts += part
        return bytes(parts)

    def add(self, record: bytes) -> None:
        """Queue a record; it leaves with the next flush."""
        self._records.append(record)
        self._size += len(record)
        if self._size >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is queued as one reply."""
        self._records.insert(0, frames.LENGTH.pack(self._size))
        rest = memoryview(b"".join(self._records))
        self._records, self._size = [], 0
        while rest:
            rest = rest[os.write(self._writer, rest) :]


def serve(bench: Bench, line: Line, progress: mmap.mmap, body: bytes) -> None:
    """Answer one request; the progress page always names the item being run."""
    header, items = frames.parse_request(body)
    terms = Terms(**json.loads(header))
    limits.allow_cpu(QUANTUM_S + terms.timeout_s + 1)
    ends = time.monotonic() + QUANTUM_S
    for index, item in enumerate(items):
        frames.PROGRESS.pack_into(progress, 0, index)
        outcome = bench.run(terms, item)
        encoded = outcome.body.encode("utf-8", "surrogatepass")
        logs = outcome.logs.encode("utf-8", "surrogatepass")
        line.add(frames.record(index, outcome.status, encoded, logs))
        if time.monotonic() >= ends:
            break
    frames.PROGRESS.pack_into(progress, 0, frames.END)
    line.add(frames.record(frames.END, frames.VALUE))
    line.flush()


def main(page: int, memory_bytes: int) -> None:
    """Lock the door, say so, and work until the parent hangs up."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    with open(_REALM_SOURCE_FILE, encoding="utf-8") as file:  # noqa: PTH123 - see limits
        bench = Bench(file.read())
    progress = mmap.mmap(page, mmap.PAGESIZE)
    os.close(page)
    line = Line(0, 1)
    limits.enter(memory_bytes)
    line.flush()
    for body in line.requests():
        serve(bench, line, progress, body)
