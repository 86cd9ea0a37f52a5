"""Running a workflow over many payloads at once.

A batch advances node by node. All payloads that stand at a node form a *wave* and are acted on
together: one tight loop for a node that only computes, one trip for a node that asks the host or
runs a script. Within one run order is kept: its branches form a queue, and the next branch acts
when the one before it has. Only nodes that may wait long (a delay, an HTTP request, a Python
function) let the other branches of their run go on meanwhile.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from drover.flows.branches import Branches
from drover.flows.language import deep_copy, use_clock
from drover.flows.language.values import EPOCH
from drover.flows.outcome import record_of
from drover.flows.visit import Relay, Run, Thrown, Visit
from drover.flows.waves import WAVES, Surroundings
from drover.ports.jobs import GLOBALS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from drover.flows.compile import CompiledFlow, CompiledNode
    from drover.ports.clock import Clock
    from drover.ports.host import Host
    from drover.ports.runner import RunRecord

_BREATH_MS: Final = 20


async def run_batch(  # noqa: PLR0913 - what a run needs, named at the call
    flow: CompiledFlow,
    trigger_index: int,
    payloads: Sequence[dict[str, Any]],
    host: Host,
    *,
    deadline_ms: int = 60_000,
    clock: Clock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> list[RunRecord]:
    """Run one trigger's firings to their ends; one record for each payload, in order.

    The payloads are given away: they are changed in place. Root keys a payload lacks are taken
    from the flow. Raises ConnectionError when the host is gone; nothing of the batch goes on then.
    """
    batch = _Batch(flow, clock, deadline_ms)
    surroundings = Surroundings(host=host, branches=batch.branches, fly=batch.fly, sleep=sleep)
    with use_clock(lambda: EPOCH + timedelta(milliseconds=clock.now_ms())):
        batch.start(trigger_index, payloads)
        await batch.drain(surroundings)
    return [record_of(run, batch.started_ms) for run in batch.runs]


class _Flight:
    """A wave that waits for something outside."""

    __slots__ = ("node", "shares_time", "since_ms", "visits")

    def __init__(
        self, node: CompiledNode, visits: list[Visit], since_ms: int, *, shares_time: bool
    ) -> None:
        self.node = node
        self.visits = visits
        self.since_ms = since_ms
        self.shares_time = shares_time

    def borrowed_ms(self, now_ms: int) -> float:
        """Return the time its runs waited for each other, which is not held against them."""
        count = len(self.visits)
        return (now_ms - self.since_ms) * (count - 1) / count if self.shares_time else 0


class _Batch:
    """The runs of one batch, what they wait for, and their deadline."""

    def __init__(self, flow: CompiledFlow, clock: Clock, deadline_ms: int) -> None:
        self.runs: list[Run] = []
        self.started_ms = clock.monotonic_ms()
        self.branches = Branches(flow.nodes, clock.monotonic_ms)
        self._flow = flow
        self._clock = clock
        self._deadline_ms = float(self.started_ms + deadline_ms)
        self._breath_ms = self.started_ms + _BREATH_MS
        self._flights: dict[asyncio.Task[None], _Flight] = {}
        self._canceled: list[asyncio.Task[None]] = []

    def start(self, trigger_index: int, payloads: Sequence[dict[str, Any]]) -> None:
        """Set every payload out on its way."""
        targets = self._flow.starts[trigger_index]
        root = self._flow.root
        for index, given in enumerate(payloads):
            run = Run(index, self._clock.now_ms, _relay(given))
            payload = {**root, **given}
            if GLOBALS in given:
                payload["globals"] = _merged(self._flow, payload.pop(GLOBALS))
            elif root["globals"] and "globals" not in given:
                payload["globals"] = deep_copy(root["globals"])
            self.runs.append(run)
            self.branches.leave(Visit(run, payload), targets)

    def fly(
        self,
        node: CompiledNode,
        visits: list[Visit],
        waiting: Coroutine[Any, Any, None],
        *,
        shares_time: bool = False,
    ) -> None:
        """Let a wave wait for something outside; ``shares_time`` when its members take turns."""
        flight = _Flight(node, visits, self._clock.monotonic_ms(), shares_time=shares_time)
        self._flights[asyncio.create_task(waiting)] = flight

    async def drain(self, surroundings: Surroundings) -> None:
        """Advance until every run has ended."""
        try:
            while self.branches or self._flights:
                if self.branches:
                    await self._advance(surroundings)
                else:
                    await self._wait()
        finally:
            self._cancel_flights()
            await asyncio.gather(*self._canceled, return_exceptions=True)

    async def _advance(self, surroundings: Surroundings) -> None:
        node, visits = self.branches.take_wave()
        if visits:
            WAVES[type(node.action)](surroundings, node, visits)
        await self._breathe()

    async def _breathe(self) -> None:
        """Let others use the loop from time to time, and look at the deadline."""
        if self._clock.monotonic_ms() >= self._breath_ms:
            await asyncio.sleep(0)
            self._stop_when_late()
            self._breath_ms = self._clock.monotonic_ms() + _BREATH_MS

    async def _wait(self) -> None:
        remaining_s = max(self._remaining_ms(), 1) / 1000
        done, _ = await asyncio.wait(
            self._flights, timeout=remaining_s, return_when=asyncio.FIRST_COMPLETED
        )
        now_ms = self._clock.monotonic_ms()
        for task in done:
            self._deadline_ms += self._flights.pop(task).borrowed_ms(now_ms)
        failures = [error for task in done if (error := task.exception()) is not None]
        if failures:
            raise failures[0]
        self._stop_when_late()

    def _remaining_ms(self) -> float:
        now_ms = self._clock.monotonic_ms()
        borrowed = sum(flight.borrowed_ms(now_ms) for flight in self._flights.values())
        return self._deadline_ms + borrowed - now_ms

    def _stop_when_late(self) -> None:
        if self._remaining_ms() > 0:
            return
        late = Thrown("Timeout", "The workflow ran longer than it may")
        for flight in self._flights.values():
            self.branches.stop(flight.node, flight.visits, late)
        self._cancel_flights()
        self.branches.stop_standing(late)

    def _cancel_flights(self) -> None:
        for task in self._flights:
            task.cancel()
        self._canceled.extend(self._flights)
        self._flights.clear()


def _relay(payload: Mapping[str, Any]) -> Relay | None:
    kind = payload.get("relayType")
    return None if kind is None else {"type": kind, "id": str(payload.get("relayId"))}


def _merged(flow: CompiledFlow, brought: Mapping[str, Any]) -> dict[str, Any]:
    """Return globals with those that the firing brought: before the application's, not the own."""
    merged: dict[str, Any] = deep_copy(flow.root["globals"])
    own = flow.own_globals
    return {**merged, **{key: value for key, value in brought.items() if key not in own}}
