"""One run, its branches, and what may go wrong in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.language import to_json

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from drover.flows.loops import Round

MOST_PAYLOAD_BYTES: Final = 5 * 1024 * 1024
"""A payload may not be larger after any node, as JSON."""

MOST_BRANCH_BYTES: Final = 64 * 1024 * 1024
"""The copies that one run's branches hold may not be larger together."""

MOST_DEBUG_MESSAGES: Final = 100
"""Debug messages kept of one run; later ones are dropped."""

_FIRST_ROOM: Final = 1024 * 1024
_LEAST_ROOM: Final = 16 * 1024
_KEY_BYTES: Final = 32
_SUSPICIOUS: Final = MOST_PAYLOAD_BYTES // 4


Relay = dict[str, str]
"""Who caused a run: ``type`` and ``id``."""


class Thrown(Exception):
    """A node threw: the run ends here unless an enclosing parallel loop holds it."""

    def __init__(self, name: str, message: str, stack: list[str] | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.stack = stack


def too_large(what: str) -> Thrown:
    """Return the error of a payload above its size limit."""
    return Thrown("PayloadTooLarge", f"{what} is larger than {MOST_PAYLOAD_BYTES} bytes")


class Run:
    """One firing of a trigger: its counters, its waiting branches and its end.

    It starts with one branch, which has the turn (``busy``); ``tokens`` counts its branches.
    ``relay`` is who caused it, as the trigger said, whatever its nodes write to the payload.
    """

    __slots__ = (
        "busy",
        "debug",
        "ended",
        "ended_ms",
        "errored",
        "failure",
        "held",
        "index",
        "now_ms",
        "paths_completed",
        "paths_failed",
        "queue",
        "relay",
        "steps",
        "steps_outside",
        "tokens",
        "turns",
    )

    def __init__(self, index: int, now_ms: Callable[[], int], relay: Relay | None = None) -> None:
        self.index = index
        self.relay = relay
        self.now_ms = now_ms
        self.busy = True
        self.queue: deque[tuple[int, Visit]] | None = None
        self.tokens = 1
        self.steps = 0
        self.steps_outside = 0
        self.paths_completed = 0
        self.paths_failed = 0
        self.held = 0
        self.ended = False
        self.failure: dict[str, Any] | None = None
        self.errored: bytes | None = None
        self.debug: list[dict[str, Any]] = []
        self.ended_ms = 0
        self.turns: dict[str, int] | None = None

    def turn(self, node_id: str) -> int:
        """Count that a node asks once more for this run; return how often it had before."""
        if self.turns is None:
            self.turns = {}
        turn = self.turns.get(node_id, 0)
        self.turns[node_id] = turn + 1
        return turn

    def note(self, message: dict[str, Any]) -> None:
        """Keep a debug message, as long as there is room for it."""
        if len(self.debug) < MOST_DEBUG_MESSAGES:
            self.debug.append(message)


class Visit:
    """One branch of a run on its way through the nodes.

    ``room`` is how many bytes may still be written before the payload is measured; ``weight`` what
    the branch's copy counts against its run's limit.
    """

    __slots__ = ("payload", "room", "round", "run", "weight")

    def __init__(self, run: Run, payload: Any, inside: Round | None = None) -> None:
        self.run = run
        self.payload = payload
        self.round = inside
        self.room = _FIRST_ROOM
        self.weight = 0

    def grew(self, size: int) -> None:
        """Count written bytes; raises Thrown when the payload has become too large."""
        self.room -= size
        if self.room < 0:
            self.measure()

    def measure(self) -> None:
        """Measure the payload; raises Thrown when it is too large."""
        size = measure(self.payload, _SUSPICIOUS)
        if size > _SUSPICIOUS:
            size = len(to_json(self.payload).encode())
            if size > MOST_PAYLOAD_BYTES:
                raise too_large("The payload")
        self.room = max(MOST_PAYLOAD_BYTES - size, _LEAST_ROOM) // 4


def measure(value: Any, most: int = MOST_PAYLOAD_BYTES) -> int:
    """Return about how many characters ``value`` takes as JSON, counting little above ``most``."""
    total = 0
    pending = [value]
    while pending and total <= most:
        item = pending.pop()
        kind = type(item)
        if kind is str:
            total += len(item) + 2
        elif kind is dict:
            total += 2 + 4 * len(item) + sum(map(len, item))
            pending.extend(item.values())
        elif kind is list:
            total += 2 + len(item)
            pending.extend(item)
        else:
            total += 8
    return total


def cost(value: Any) -> int:
    """Return about how many bytes writing ``value`` adds to a payload, its key included."""
    kind = value.__class__
    if kind is str:
        return len(value) + _KEY_BYTES
    if kind is not dict:
        return measure(value) + _KEY_BYTES if kind is list else _KEY_BYTES
    total = _KEY_BYTES
    for item in value.values():
        kind = item.__class__
        if kind is str:
            total += len(item)
        elif kind is dict or kind is list:
            return measure(value) + _KEY_BYTES
        total += _KEY_BYTES
    return total
