"""A call of the scripts port, and the slices in which it goes to caged processes."""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from drover.ports.scripts import (
    LOG_BYTES,
    MEMORY_LIMIT,
    PAYLOAD_BYTES,
    TIMEOUT,
    ScriptFailure,
    ScriptResult,
)
from drover.sandbox import frames, values

FEW: Final = 3
"""Payloads of a call for which fresh realms are cheaper than one hardened realm."""

_SLICE_BYTES: Final = 4_000_000
TAG: Final = f"~{secrets.token_hex(6)}"
"""Marks Dates in results. A script that learns it can make a Date, as any script can."""


class Run:
    """One call of `run`: what it asked for and what has been answered."""

    def __init__(
        self, script: str, payloads: Sequence[object], timeout_s: float, shared: str
    ) -> None:
        """`shared` names the hardened realm to use; empty for a fresh realm for each payload."""
        self.script = script
        self.payloads = payloads
        self.timeout_s = timeout_s
        self.shared = shared
        self.waiting = deque(range(len(payloads)))
        self.results: dict[int, ScriptResult] = {}
        self.queued = False
        self.suspects: set[int] = set()
        self.done: asyncio.Future[list[ScriptResult]] = asyncio.get_running_loop().create_future()

    def settle(self, index: int, result: ScriptResult) -> None:
        """Note one result, once; the last one ends the call."""
        self.results.setdefault(index, result)
        count = len(self.payloads)
        if len(self.results) == count and not self.done.done():
            self.done.set_result([self.results[place] for place in range(count)])

    def fail(self, error: Exception) -> None:
        """End the call with an error of ours."""
        if not self.done.done():
            self.done.set_exception(error)


class Slice:
    """Some items of a call on their way to one child."""

    def __init__(self, run: Run, most: int) -> None:
        """Take up to `most` waiting items out of the call."""
        self.run = run
        self.indexes: list[int] = []
        self._items: list[frames.Item] = []
        self._numbers: dict[values.Shape, int] = {}
        self._shapes: list[values.Shape] = []
        size = 0
        while run.waiting and len(self.indexes) < most and size < _SLICE_BYTES:
            size += self._add(run.waiting.popleft())

    def _add(self, index: int) -> int:
        try:
            shape, text = values.encode(self.run.payloads[index])
        except values.Unfit as unfit:
            self.run.settle(index, ScriptResult(unfit.failure))
            return 0
        number = self._numbers.setdefault(shape, len(self._numbers))
        self.indexes.append(index)
        self._shapes.append(shape)
        self._items.append(frames.Item(number, text))
        return len(text)

    def request(self, memory_bytes: int) -> bytes:
        """Write the bytes for the child."""
        header = {
            "script": self.run.script,
            "shapes": [shape_text(shape) for shape in self._numbers],
            "tag": TAG,
            "shared": self.run.shared,
            "few": len(self.run.payloads) <= FEW,
            "timeout_s": self.run.timeout_s,
            "memory_bytes": memory_bytes,
            "output_bytes": PAYLOAD_BYTES,
            "log_bytes": LOG_BYTES,
        }
        return frames.request(json.dumps(header).encode(), self._items)

    def take(self, record: frames.Record) -> None:
        """Settle one item by its record. `ValueError` for what no child of ours writes."""
        if record.item >= len(self.indexes):
            raise ValueError("a record of no item")
        shape = self._shapes[record.item]
        self.run.settle(self.indexes[record.item], result_of(record, shape))

    def give_back(self) -> None:
        """Let the items without a result wait again, in front."""
        self.run.waiting.extendleft(i for i in reversed(self.indexes) if i not in self.run.results)

    def blame(self, item: int | None, *, timed_out: bool) -> None:
        """Answer the item that ended its child, at once for time, else the second time it does."""
        index = self.indexes[item if item is not None and item < len(self.indexes) else 0]
        if timed_out:
            self.run.settle(index, ScriptResult(ScriptFailure(TIMEOUT, "The script took too long")))
        elif index in self.run.suspects:
            failure = ScriptFailure(MEMORY_LIMIT, "The script ended the process it ran in")
            self.run.settle(index, ScriptResult(failure))
        self.run.suspects.add(index)


def shape_text(shape: values.Shape) -> str:
    """Write the places of a payload for the realm."""
    return json.dumps(shape)


def result_of(record: frames.Record, shape: values.Shape) -> ScriptResult:
    """Read a record of a payload of this shape. `ValueError` for what no child of ours writes."""
    try:
        logs = values.decode_logs(record.logs)
        if record.status == frames.UNDEFINED:
            return ScriptResult(msgspec.UNSET, logs)
        if record.status == frames.FAILURE:
            return ScriptResult(values.decode_failure(record.body), logs)
        return ScriptResult(values.decode(record.body, TAG, shape), logs)
    except TypeError as error:
        raise ValueError("a record of another form") from error
    except RecursionError:
        return ScriptResult(ScriptFailure("RangeError", "The result is nested too deeply"))
