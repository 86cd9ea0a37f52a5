"""What happens to the branches that stand at one node together, by the shape of its action."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from drover.flows import python
from drover.flows.actions import (
    NOTHING,
    Ask,
    CallPython,
    Each,
    EndRound,
    Enter,
    Leave,
    Pause,
    Repeat,
    Script,
)
from drover.flows.language import UNDEFINED
from drover.flows.settings import copied

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.flows.branches import Branches
    from drover.flows.compile import CompiledNode
    from drover.flows.visit import Visit
    from drover.ports.host import Host

_CALLS_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What waves need: the host, the branches, a way to wait apart and a way to sleep."""

    host: Host
    branches: Branches
    fly: Callable[..., None]
    sleep: Callable[[float], Awaitable[None]]
    apart: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CALLS_AT_ONCE))


def _each(around: Surroundings, node: CompiledNode, visits: list[Visit]) -> None:
    act, outputs = cast("Each", node.action).act, node.outputs
    leave = around.branches.leave
    for visit in visits:
        try:
            output = act(visit)
        except Exception as error:  # noqa: BLE001 - one run's fault must not end the others
            around.branches.throw(node, visit, error, aside=False)
        else:
            leave(visit, outputs[output])


def _ask(around: Surroundings, node: CompiledNode, visits: list[Visit]) -> None:
    action = cast("Ask", node.action)
    asking, requests = _prepared(around, node, visits, action.request)
    if not asking:
        return
    if not action.apart:
        around.fly(node, asking, _asked(around, node, asking, requests))
        return
    for visit, request in zip(asking, requests, strict=True):
        around.fly(node, [visit], _asked_apart(around, node, visit, request))
        around.branches.give_turn(visit.run)


async def _asked(
    around: Surroundings, node: CompiledNode, visits: list[Visit], requests: list[Any]
) -> None:
    action = cast("Ask", node.action)
    answers = await around.host.call(action.operation, requests)
    for visit, answer in zip(visits, answers, strict=True):
        _settle(around, node, visit, action.settle, answer)


async def _asked_apart(
    around: Surroundings, node: CompiledNode, visit: Visit, request: Any
) -> None:
    action = cast("Ask", node.action)
    async with around.apart:
        (answer,) = await around.host.call(action.operation, [request])
    _settle(around, node, visit, action.settle, answer, aside=True)


def _script(around: Surroundings, node: CompiledNode, visits: list[Visit]) -> None:
    action = cast("Script", node.action)
    asking, values = _prepared(around, node, visits, action.prepare)
    if asking:
        waiting = _scripted(around, node, asking, values)
        around.fly(node, asking, waiting, shares_time=True)


async def _scripted(
    around: Surroundings, node: CompiledNode, visits: list[Visit], values: list[Any]
) -> None:
    action = cast("Script", node.action)
    results = await around.host.run_script(action.script, values, action.timeout_ms)
    for visit, result in zip(visits, results, strict=True):
        _settle(around, node, visit, action.settle, result)


def _python(around: Surroundings, node: CompiledNode, visits: list[Visit]) -> None:
    action = cast("CallPython", node.action)
    calls: list[python.PythonCall] = []

    def prepare(visit: Visit) -> python.PythonCall:
        return python.PythonCall(copied(action.prepare(visit)), action.timeout_s(visit))

    asking, calls = _prepared(around, node, visits, prepare)
    if asking:
        shares = python.is_sync(action.handler)
        around.fly(node, asking, _called(around, node, asking, calls), shares_time=shares)
        for visit in asking:
            around.branches.give_turn(visit.run)


async def _called(
    around: Surroundings, node: CompiledNode, visits: list[Visit], calls: list[python.PythonCall]
) -> None:
    action = cast("CallPython", node.action)

    def settle(visit: Visit, outcome: python.Outcome) -> int:
        if outcome.error is not None:
            return action.failed(visit, *outcome.error)
        return action.settle(visit, outcome.value)

    outcomes = await python.call(action.handler, calls)
    for visit, outcome in zip(visits, outcomes, strict=True):
        _settle(around, node, visit, settle, outcome, aside=True)


def _pause(around: Surroundings, node: CompiledNode, visits: list[Visit]) -> None:
    action = cast("Pause", node.action)
    asking, seconds = _prepared(around, node, visits, action.seconds)
    together: dict[float, list[Visit]] = {}
    for visit, pause_s in zip(asking, seconds, strict=True):
        together.setdefault(pause_s, []).append(visit)
    for pause_s, waiting in together.items():
        around.fly(node, waiting, _paused(around, node, waiting, pause_s))
        for visit in waiting:
            around.branches.give_turn(visit.run)


async def _paused(
    around: Surroundings, node: CompiledNode, visits: list[Visit], pause_s: float
) -> None:
    await around.sleep(pause_s)
    for visit in visits:
        if not visit.run.ended:
            around.branches.resume(visit, node.outputs[0])


def _repeat(around: Surroundings, node: CompiledNode, visits: list[Visit]) -> None:
    _go_in(around, node, visits, around.branches.begin_loop)


def _enter(around: Surroundings, node: CompiledNode, visits: list[Visit]) -> None:
    _go_in(around, node, visits, around.branches.enter)


def _go_in(
    around: Surroundings,
    node: CompiledNode,
    visits: list[Visit],
    begin: Callable[[CompiledNode, Any, Visit], None],
) -> None:
    """Park each branch at a node and begin what is inside."""
    for visit in visits:
        try:
            begin(node, node.action, visit)
        except Exception as error:  # noqa: BLE001 - as in _each
            around.branches.throw(node, visit, error, aside=False)
        else:
            around.branches.give_turn(visit.run)


def _leave(around: Surroundings, node: CompiledNode, visits: list[Visit]) -> None:
    action = cast("Leave", node.action)

    def leave(visit: Visit) -> None:
        value = UNDEFINED if action.result is None else action.result.get(visit.payload)
        around.branches.hand_back(visit, action.output, copied(value))

    _come_out(around, node, visits, leave)


def _end_round(around: Surroundings, node: CompiledNode, visits: list[Visit]) -> None:
    action = cast("EndRound", node.action)

    def cap(visit: Visit) -> None:
        inside = visit.round
        own = inside.loop.action if inside is not None else None
        where = action.map_value or (own.map_value if isinstance(own, Repeat) else None)
        value = copied(where.get(visit.payload)) if where else None
        around.branches.cap(visit, breaks=action.breaks, value=value)

    _come_out(around, node, visits, cap)


def _come_out(
    around: Surroundings,
    node: CompiledNode,
    visits: list[Visit],
    hand_back: Callable[[Visit], None],
) -> None:
    """Hand back what each branch brings from the inside of a node, and end it."""
    for visit in visits:
        try:
            hand_back(visit)
        except Exception as error:  # noqa: BLE001 - as in _each
            around.branches.throw(node, visit, error, aside=False)
        else:
            around.branches.leave(visit, ())


def _prepared(
    around: Surroundings, node: CompiledNode, visits: list[Visit], prepare: Callable[[Visit], Any]
) -> tuple[list[Visit], list[Any]]:
    """Return what each branch asks; those that throw, or ask NOTHING, are sent onward."""
    asking: list[Visit] = []
    requests: list[Any] = []
    for visit in visits:
        try:
            request = prepare(visit)
        except Exception as error:  # noqa: BLE001 - as in _each
            around.branches.throw(node, visit, error, aside=False)
            continue
        if request is NOTHING:
            around.branches.leave(visit, node.outputs[0])
            continue
        asking.append(visit)
        requests.append(request)
    return asking, requests


def _settle(
    around: Surroundings,
    node: CompiledNode,
    visit: Visit,
    settle: Callable[[Visit, Any], int],
    value: Any,
    *,
    aside: bool = False,
) -> None:
    """Act with what came back for a branch, which has the turn or stood aside; send it onward."""
    if visit.run.ended:
        return
    onward = around.branches.resume if aside else around.branches.leave
    try:
        output = settle(visit, value)
    except Exception as error:  # noqa: BLE001 - as in _each
        around.branches.throw(node, visit, error, aside=aside)
    else:
        onward(visit, node.outputs[output])


WAVES: Final[dict[type, Callable[[Surroundings, CompiledNode, list[Visit]], None]]] = {
    Each: _each,
    Ask: _ask,
    Script: _script,
    CallPython: _python,
    Pause: _pause,
    Repeat: _repeat,
    EndRound: _end_round,
    Enter: _enter,
    Leave: _leave,
}
