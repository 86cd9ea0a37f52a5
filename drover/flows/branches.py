"""The branches of a batch's runs: where each stands, whose turn it is, how runs and loops end."""

from __future__ import annotations

from collections import deque
from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from drover.flows.custom_nodes import START
from drover.flows.language import deep_copy
from drover.flows.loops import ROUNDS_AT_ONCE, Call, Loop, Round, parallel_round
from drover.flows.outcome import failure_of, thrown_of, withheld
from drover.flows.settings import copied
from drover.flows.visit import (
    MOST_BRANCH_BYTES,
    MOST_PAYLOAD_BYTES,
    Run,
    Thrown,
    Visit,
    measure,
    too_large,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.actions import Enter, Repeat
    from drover.flows.compile import Callee, CompiledNode

MOST_STEPS: Final = 1_000_000
"""Node executions of one run."""

MOST_STEPS_OUTSIDE_LOOPS: Final = 10_000
"""Node executions of one run that are not part of a loop's body."""


class Branches:
    """Every branch of a batch: standing at a node, waiting its turn, or parked at a loop.

    Of each run one branch has the turn; the others queue, in the order in which they came to be.
    Branches that wait long stand aside, out of turn. ``monotonic_ms`` gives the time runs end at.
    """

    def __init__(self, nodes: tuple[CompiledNode, ...], monotonic_ms: Callable[[], int]) -> None:
        self._nodes = nodes
        self._monotonic_ms = monotonic_ms
        self._ready: dict[int, list[Visit]] = {}
        self._order: list[tuple[int, int]] = []

    def __bool__(self) -> bool:
        """Tell whether some branch stands at a node."""
        return bool(self._order)

    def take_wave(self) -> tuple[CompiledNode, list[Visit]]:
        """Return a node, the first in order of rank, and the branches that may act at it."""
        _, index = heappop(self._order)
        node = self._nodes[index]
        visits: list[Visit] = []
        for visit in self._ready.pop(index):
            run = visit.run
            if run.ended:
                continue
            run.steps += 1
            if visit.round is None:
                run.steps_outside += 1
            if run.steps_outside > MOST_STEPS_OUTSIDE_LOOPS or run.steps > MOST_STEPS:
                self._fail_run(node, visit, Thrown("RunLimit", "The run executed too many nodes"))
            else:
                visits.append(visit)
        return node, visits

    def stop(self, node: CompiledNode, visits: list[Visit], thrown: Thrown) -> None:
        """Fail the runs of these branches, loops or not."""
        for visit in visits:
            self._fail_run(node, visit, thrown)

    def stop_standing(self, thrown: Thrown) -> None:
        """Fail the runs of all branches that stand at a node."""
        while self._order:
            _, index = heappop(self._order)
            self.stop(self._nodes[index], self._ready.pop(index), thrown)

    def leave(self, visit: Visit, targets: tuple[int, ...]) -> None:
        """Send the branch that had its run's turn onward, and give the turn to the next."""
        run = visit.run
        if len(targets) == 1 and not run.queue:
            wave = self._ready.get(targets[0])
            if wave is None:
                self._arrive(targets[0], visit)
            else:
                wave.append(visit)
            return
        self._follow(visit, targets)
        self.give_turn(run)

    def resume(self, visit: Visit, targets: tuple[int, ...]) -> None:
        """Send a branch onward that had stood aside."""
        run = visit.run
        if len(targets) == 1 and not (run.busy or run.queue or visit.round):
            run.busy = True  # nobody is before it
            self._arrive(targets[0], visit)
            return
        self._follow(visit, targets)
        if not run.busy:
            self.give_turn(run)

    def give_turn(self, run: Run) -> None:
        """Let the next branch of a run act; with none left the run is over."""
        queue = run.queue
        while queue and not run.ended:
            target, visit = queue.popleft()
            if visit.round is not None and visit.round.dead:
                self._end(visit)
                continue
            run.busy = True
            self._arrive(target, visit)
            return
        run.busy = False
        if run.tokens == 0:
            self._finish(run)

    def throw(self, node: CompiledNode, visit: Visit, error: Exception, *, aside: bool) -> None:
        """End what an error ends: the round of a parallel loop around it, else the run.

        ``aside`` tells that the branch did not have the turn.
        """
        self._throw(node, visit, thrown_of(error))
        if not (aside and visit.run.busy):
            self.give_turn(visit.run)

    def begin_loop(self, node: CompiledNode, action: Repeat, visit: Visit) -> None:
        """Park the branch at a loop and start its first rounds; raises Thrown."""
        loop = Loop(node, action, visit)
        if not node.outputs[1] or not loop.items:
            loop.leave_out()
            self._finish_loop(loop)
            return
        for _ in range(ROUNDS_AT_ONCE if action.parallel else 1):
            if not loop.exhausted:
                self._start_round(loop)

    def cap(self, visit: Visit, *, breaks: bool, value: Any) -> None:
        """Keep what the first cap of a round hands on."""
        inside = visit.round
        if inside is None or isinstance(inside.loop, Call):
            raise Thrown("Validation", "The end of a loop was reached outside of one")
        if not inside.capped:
            inside.capped = True
            inside.breaks = breaks
            inside.payload = visit.payload
            inside.room = visit.room
            inside.value = value

    def enter(self, node: CompiledNode, action: Enter, visit: Visit) -> None:
        """Park the branch at a custom node and start what is in it; raises Thrown."""
        callee = node.callee
        if callee is None:
            raise Thrown("NotFound", "The custom node was not found")
        payload = _inner_payload(callee, visit, action.inputs(visit.payload))
        inside = Round(Call(node, action, visit), 0)
        inside.live = 1
        inner = Visit(visit.run, payload, inside)
        inner.weight = measure(payload)
        run = visit.run
        if run.held + inner.weight > MOST_BRANCH_BYTES:
            raise Thrown("PayloadTooLarge", "The branches of the run hold too much")
        run.held += inner.weight
        run.tokens += 1
        self._follow(inner, callee.starts)

    def hand_back(self, visit: Visit, output: int, value: Any) -> None:
        """Keep what the first end of a custom node that is reached hands back; raises Thrown."""
        inside = visit.round
        if inside is None or not isinstance(inside.loop, Call):
            raise Thrown("Validation", "The end of a custom node was reached outside of one")
        if not inside.capped:
            inside.capped = True
            inside.loop.output = output
            inside.value = value

    # ------------------------------------------------------------------ branches

    def _arrive(self, index: int, visit: Visit) -> None:
        wave = self._ready.get(index)
        if wave is None:
            self._ready[index] = [visit]
            heappush(self._order, (self._nodes[index].rank, index))
        else:
            wave.append(visit)

    def _follow(self, visit: Visit, targets: tuple[int, ...]) -> None:
        """Queue one branch for each target, each on a payload of its own."""
        if not targets:
            self._end(visit)
            return
        try:
            copies = self._copies(visit, len(targets) - 1)
        except Thrown as thrown:
            self._throw(self._nodes[targets[0]], visit, thrown)
            return
        self._queue(targets, [visit, *copies])

    def _queue(self, targets: tuple[int, ...], visits: list[Visit]) -> None:
        run = visits[0].run
        if run.queue is None:
            run.queue = deque()
        run.queue.extend(zip(targets, visits, strict=True))

    def _copies(self, visit: Visit, count: int) -> list[Visit]:
        """Return more branches like this one; raises Thrown when a run's hold too much."""
        if not count:
            return []
        run = visit.run
        weight = measure(visit.payload)
        if run.held + count * weight > MOST_BRANCH_BYTES:
            raise Thrown("PayloadTooLarge", "The branches of the run hold too much")
        run.held += count * weight
        run.tokens += count
        if visit.round is not None:
            visit.round.live += count
        return [_copy(visit, weight) for _ in range(count)]

    def _end(self, visit: Visit) -> None:
        """Take away a branch that has nowhere to go, or whose round has failed."""
        run = visit.run
        run.tokens -= 1
        run.held -= visit.weight
        inside = visit.round
        if inside is None:
            run.paths_completed += 1
            return
        inside.live -= 1
        if inside.live == 0:
            self._round_over(inside)

    def _throw(self, node: CompiledNode, visit: Visit, thrown: Thrown) -> None:
        holder = parallel_round(visit)
        if holder is None:
            self._fail_run(node, visit, thrown)
            return
        if holder.failure is None:
            holder.failure = (node, visit, thrown)
        self._end(visit)

    def _fail_run(self, node: CompiledNode, visit: Visit, thrown: Thrown) -> None:
        run = visit.run
        if run.ended:
            return
        run.paths_failed = 1
        run.failure = failure_of(node, thrown)
        run.errored = withheld(visit.payload)
        run.queue = None
        self._finish(run)

    def _finish(self, run: Run) -> None:
        if not run.ended:
            run.ended = True
            run.ended_ms = self._monotonic_ms()

    # ------------------------------------------------------------------ loops

    def _start_round(self, loop: Loop) -> None:
        inside = Round(loop, loop.started)
        loop.started += 1
        parked = loop.visit
        in_place = loop.node.straight and not loop.action.parallel
        payload = parked.payload if in_place else deep_copy(parked.payload)
        visit = Visit(parked.run, payload, inside)
        visit.room = parked.room
        inside.live = 1
        parked.run.tokens += 1
        if loop.action.parallel:
            visit.weight = measure(payload)
            parked.run.held += visit.weight
        try:
            _check_held(parked.run)
            loop.action.write_item(visit, copied_item(loop.item(inside.index)))
        except Exception as error:  # noqa: BLE001 - one run's fault must not end the others
            loop.items = loop.items[: loop.started]  # the next round would fail alike
            self._throw(loop.node, visit, thrown_of(error))
        else:
            self._follow(visit, loop.node.outputs[1])

    def _round_over(self, inside: Round) -> None:
        loop = inside.loop
        if isinstance(loop, Call):
            self._call_over(loop, inside)
            return
        loop.done += 1
        around = loop.visit.round
        if around is not None and around.dead:
            if loop.done == loop.started:
                self._end(loop.visit)
            return
        try:
            self._keep(loop, inside)
        except Thrown as thrown:
            inside.failure = (loop.node, loop.visit, thrown)
            loop.failures.append(inside)
        self._go_on(loop, inside)

    def _call_over(self, call: Call, inside: Round) -> None:
        """Go on after a custom node at the output it ended at; without an end nothing follows."""
        around = call.visit.round
        if not inside.capped or (around is not None and around.dead):
            self._end(call.visit)
            return
        write = call.action.write and partial(call.action.write, call.visit, inside.value)
        self._go_on_after(call, write, call.output)

    def _keep(self, loop: Loop, inside: Round) -> None:
        if inside.failure is not None:
            loop.failures.append(inside)
        elif inside.capped:
            if not loop.action.parallel:
                loop.visit.payload = inside.payload
                loop.visit.room = inside.room
            loop.keep(inside.index, inside.value)

    def _go_on(self, loop: Loop, inside: Round) -> None:
        serial = not loop.action.parallel
        stops = serial and (inside.breaks or bool(loop.failures))
        if not loop.exhausted and not stops:
            self._start_round(loop)
        elif loop.done == loop.started:
            self._finish_loop(loop)

    def _finish_loop(self, loop: Loop) -> None:
        if loop.failures:
            self._throw_first(loop)
            return
        if loop.results is not None:
            del loop.results[loop.started :]
        write = loop.action.write_result
        self._go_on_after(loop, write and partial(write, loop.visit, loop.results), 0)

    def _go_on_after(
        self, parked: Loop | Call, write: Callable[[], None] | None, output: int
    ) -> None:
        """Write what came of a node that a branch was parked at, and follow one of its outputs."""
        try:
            if write is not None:
                write()
        except Exception as error:  # noqa: BLE001 - as in _start_round
            self._throw(parked.node, parked.visit, thrown_of(error))
        else:
            self._follow(parked.visit, parked.node.outputs[output])

    def _throw_first(self, loop: Loop) -> None:
        """Throw the first failed round's error in source order; the message tells how many."""
        first = min(loop.failures, key=lambda failed: failed.index)
        assert first.failure is not None  # noqa: S101 - only failed rounds are listed
        node, at, thrown = first.failure
        count = len(loop.failures)
        told = thrown.message if count == 1 else f"{thrown.message} (and {count - 1} more rounds)"
        if parallel_round(loop.visit) is None:
            self._fail_run(node, at, Thrown(thrown.name, told, thrown.stack))
        else:
            self._throw(node, loop.visit, Thrown(thrown.name, told, thrown.stack))


def copied_item(item: dict[str, Any]) -> dict[str, Any]:
    """Return a loop's item with a value of its own."""
    item["value"] = copied(item["value"])
    return item


def _check_held(run: Run) -> None:
    if run.held > MOST_BRANCH_BYTES:
        raise Thrown("PayloadTooLarge", "The branches of the run hold too much")


def _inner_payload(callee: Callee, visit: Visit, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the payload that a custom node starts with; raises Thrown when it is too large."""
    if measure(inputs) > MOST_PAYLOAD_BYTES:
        raise too_large("What the custom node is given")
    return {
        **callee.root,
        "globals": deep_copy(callee.root["globals"]),
        "time": visit.payload.get("time"),
        "data": deep_copy(inputs),
        "triggerId": START,
        "triggerType": START,
        "relayId": visit.payload.get("flowId"),
        "relayType": "flow",
    }


def _copy(visit: Visit, weight: int) -> Visit:
    branch = Visit(visit.run, deep_copy(visit.payload), visit.round)
    branch.room = visit.room
    branch.weight = weight
    return branch
