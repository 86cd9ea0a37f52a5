"""Loops within a run: their rounds, what a round leaves behind, and how a loop ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from drover.flows.language import UNDEFINED
from drover.flows.visit import MOST_PAYLOAD_BYTES, Thrown, measure, too_large

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.flows.actions import Enter, Repeat
    from drover.flows.compile import CompiledNode
    from drover.flows.visit import Visit

MOST_ROUNDS: Final = 262_144
"""Rounds of one loop."""

ROUNDS_AT_ONCE: Final = 5
"""Rounds of a parallel loop that run at the same time."""


class Loop:
    """One passage of a run through a loop node; ``visit`` waits until it is over."""

    __slots__ = (
        "action",
        "done",
        "failures",
        "items",
        "keys",
        "node",
        "results",
        "results_size",
        "started",
        "visit",
    )

    def __init__(self, node: CompiledNode, action: Repeat, visit: Visit) -> None:
        self.node = node
        self.action = action
        self.visit = visit
        self.keys, self.items = items_of(action.source.get(visit.payload))
        self.started = 0
        self.done = 0
        self.results: list[Any] | None = None
        if action.write_result is not None:
            self.results = [None] * len(self.items)
        self.results_size = 0
        self.failures: list[Round] = []

    @property
    def exhausted(self) -> bool:
        """All rounds have begun."""
        return self.started >= len(self.items)

    def leave_out(self) -> None:
        """Have no rounds at all."""
        self.items = ()
        if self.results is not None:
            self.results = []

    def item(self, index: int) -> dict[str, Any]:
        """Return what a round finds at its item path."""
        item = {"value": self.items[index], "index": index}
        if self.keys is not None:
            item["key"] = self.keys[index]
        if index == 0:
            item["first"] = True
        if index == len(self.items) - 1:
            item["last"] = True
        return item

    def keep(self, index: int, value: Any) -> None:
        """Keep a round's result; raises Thrown when the results grow too large."""
        if self.results is None or value is UNDEFINED:
            return
        self.results_size += measure(value)
        if self.results_size > MOST_PAYLOAD_BYTES:
            raise too_large("The loop's result")
        self.results[index] = value


class Call:
    """One passage of a run through a custom node; ``visit`` waits until it is over.

    What happens inside is its only round; ``output`` is where it goes on.
    """

    __slots__ = ("action", "node", "output", "visit")

    def __init__(self, node: CompiledNode, action: Enter, visit: Visit) -> None:
        self.node = node
        self.action = action
        self.visit = visit
        self.output = 0


class Round:
    """One round of a loop: how many branches it has, and the cap reached first."""

    __slots__ = ("breaks", "capped", "failure", "index", "live", "loop", "payload", "room", "value")

    def __init__(self, loop: Loop | Call, index: int) -> None:
        self.loop = loop
        self.index = index
        self.live = 0
        self.capped = False
        self.breaks = False
        self.payload: Any = None
        self.room = 0
        self.value: Any = UNDEFINED
        self.failure: tuple[CompiledNode, Visit, Thrown] | None = None

    @property
    def dead(self) -> bool:
        """Whether this round, or one around it, has failed."""
        inside: Round | None = self
        while inside is not None:
            if inside.failure is not None:
                return True
            inside = inside.loop.visit.round
        return False


def parallel_round(visit: Visit) -> Round | None:
    """Return the round of the nearest parallel loop around a branch, which holds its errors."""
    inside = visit.round
    while inside is not None and not inside.loop.action.parallel:
        inside = inside.loop.visit.round
    return inside


def items_of(source: Any) -> tuple[list[str] | None, Sequence[Any]]:
    """Return the keys, for objects, and the values a loop runs over; raises Thrown over the cap."""
    keys: list[str] | None = None
    items: Sequence[Any] = []
    if isinstance(source, bool):
        pass
    elif isinstance(source, str):
        items = source
    elif isinstance(source, list):
        items = source.copy()
    elif isinstance(source, (int, float)):
        items = range(_rounds(source))
    elif isinstance(source, dict):
        keys, items = list(source), list(source.values())
    if len(items) > MOST_ROUNDS:
        raise Thrown("Validation", f"A loop may not have more than {MOST_ROUNDS} rounds")
    return keys, items


def _rounds(number: float) -> int:
    if not math.isfinite(number):
        return 0 if math.isnan(number) else MOST_ROUNDS + 1
    return min(abs(math.ceil(number)), MOST_ROUNDS + 1)
