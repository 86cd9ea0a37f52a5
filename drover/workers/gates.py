"""Batches that wait until the one before them has made way."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from drover.ports.runner import NotBegun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.ports.runner import FlowBatch


class Gate:
    """Opens when a batch's iterations are all acknowledged; stays shut when it ends before."""

    def __init__(self) -> None:
        self._opened: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def open(self) -> None:
        """Let the next one begin. Safe to call twice."""
        self._decide(opened=True)

    def shut(self) -> None:
        """Let nobody begin any more, unless it was opened before."""
        self._decide(opened=False)

    async def opened(self, seconds: float) -> bool:
        """Wait so long at most; tell whether the gate was opened."""
        await asyncio.wait([self._opened], timeout=seconds)
        return self._opened.done() and self._opened.result()

    def _decide(self, *, opened: bool) -> None:
        if not self._opened.done():
            self._opened.set_result(opened)


class Gates:
    """The gates of the batches that run, by lease."""

    def __init__(self) -> None:
        self._gates: dict[str, Gate] = {}

    @contextmanager
    def of(self, lease_id: str | None) -> Iterator[Gate]:
        """Give a batch its gate as long as it runs."""
        gate, key = Gate(), lease_id or ""
        self._gates[key] = gate
        try:
            yield gate
        finally:
            gate.shut()
            if self._gates.get(key) is gate:
                del self._gates[key]

    async def pass_through(self, batch: FlowBatch) -> None:
        """Wait for the batch before this one, if there is one; raises NotBegun."""
        if batch.after is None:
            return
        gate = self._gates.get(batch.after)
        if gate is None or not await gate.opened(batch.patience_ms / 1000):
            raise NotBegun
