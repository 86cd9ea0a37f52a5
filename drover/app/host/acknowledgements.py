"""Iterations acknowledged by workflows that do not run under their lease.

A fleet replies all at once: what comes together is looked up, settled and shown together.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drover.app.answering import Answer, Asking, HostOperations, Request, refusal
from drover.kinds.device import KIND as DEVICE
from drover.model.errors import DroverError, Forbidden, Invalid, Missing
from drover.model.iteration import Acknowledgement, split_iteration_id
from drover.ports.jobs import Refusal
from drover.ports.runner import ACKNOWLEDGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.kinds.device import Device
    from drover.model.iteration import Item
    from drover.model.run import Execution
    from drover.ports.jobs import Settlement
    from drover.ports.store import Session

_NOT_FOUND: Final = "Iteration was not found"


class _Asked(NamedTuple):
    """What one request wants ended, and how."""

    execution: Execution
    given: Acknowledgement


class _Ended(NamedTuple):
    """An iteration that a request has ended."""

    asked: _Asked
    now_ms: int


async def _acknowledge(asking: Asking, requests: Sequence[Request]) -> list[Answer]:
    """Settle iterations of any executions of the application."""
    found = await asking.store.read(
        lambda session: _all_asked(session, asking.application_id, requests)
    )
    by_execution: dict[int, dict[int, _Asked]] = defaultdict(dict)
    answers: dict[int, Answer] = {}
    for at, each in enumerate(found):
        if isinstance(each, DroverError):
            answers[at] = refusal(each)
        else:
            by_execution[each.execution.number][at] = each
    ended: dict[int, _Ended] = {}
    for asked in by_execution.values():
        for at, outcome in (await _settled(asking, asked)).items():
            if isinstance(outcome, DroverError):
                answers[at] = refusal(outcome)
            else:
                ended[at] = outcome
    answers |= await asking.store.read(lambda session: _shown(session, ended))
    return [answers[at] for at in range(len(requests))]


async def _all_asked(
    session: Session, application_id: str, requests: Sequence[Request]
) -> list[_Asked | DroverError]:
    """Return what each request asks for, or why it may not."""
    executions: dict[str, Execution] = {}
    found: list[_Asked | DroverError] = []
    for request in requests:
        try:
            execution_id, resource_id = split_iteration_id(str(request["iterationId"]))
            execution = executions.get(execution_id)
            if execution is None:
                execution = await session.jobs.executions.get(execution_id)
                executions[execution_id] = execution
            if execution.application_id != application_id:
                raise Missing(_NOT_FOUND)
            await _check_device(session, execution, resource_id, request)
        except DroverError as error:
            found.append(error)
        else:
            found.append(_Asked(execution, _given(execution, resource_id, request)))
    return found


def _given(execution: Execution, resource_id: str, request: Request) -> Acknowledgement:
    return Acknowledgement(
        resource_id,
        bool(request["success"]),
        request.get("message"),
        None if not execution.pace.serial else request.get("accumulator"),
    )


async def _settled(asking: Asking, asked: Mapping[int, _Asked]) -> dict[int, _Ended | DroverError]:
    """End iterations of one execution: of several requests for the same one the first does."""
    first: dict[str, int] = {}
    for at, each in asked.items():
        first.setdefault(each.given.resource_id, at)
    outcomes = await _settled_once(asking, {at: asked[at] for at in first.values()})
    later = {at: each for at, each in asked.items() if at not in outcomes}
    return outcomes | (await _settled(asking, later) if later else {})


async def _settled_once(
    asking: Asking, asked: Mapping[int, _Asked]
) -> dict[int, _Ended | DroverError]:
    number = next(iter(asked.values())).execution.number
    given = [each.given for each in asked.values()]
    try:
        settlement = await asking.tools.acks.acknowledge(number, given)
    except DroverError as error:
        if len(asked) == 1:
            return dict.fromkeys(asked, error)
        outcomes: dict[int, _Ended | DroverError] = {}
        for at, each in asked.items():  # one that cannot be written takes nothing with it
            outcomes |= await _settled_once(asking, {at: each})
        return outcomes
    return {at: _outcome(each, settlement) for at, each in asked.items()}


def _outcome(asked: _Asked, settlement: Settlement) -> _Ended | DroverError:
    refused = settlement.refused.get(asked.given.resource_id)
    if refused is None:
        return _Ended(asked, settlement.now_ms)
    if refused is Refusal.UNKNOWN:
        return Missing(_NOT_FOUND)
    return Invalid("Iteration was already acknowledged")


async def _shown(session: Session, ended: Mapping[int, _Ended]) -> dict[int, Answer]:
    answers: dict[int, Answer] = {}
    for at, each in ended.items():
        number, resource_id = each.asked.execution.number, each.asked.given.resource_id
        try:
            item = await session.jobs.items.get(number, resource_id)
        except Missing as error:  # deleted since
            answers[at] = refusal(error)
        else:
            answers[at] = {"result": _result(item, each)}
    return answers


def _result(item: Item, ended: _Ended) -> dict[str, Any]:
    given = ended.asked.given
    result: dict[str, Any] = {
        "success": given.ok,
        "startedAt": item.started_ms,
        "completedAt": ended.now_ms,
    }
    told = {"message": given.message, "accumulator": given.accumulator}
    return result | {name: value for name, value in told.items() if value is not None}


async def _check_device(
    session: Session, execution: Execution, resource_id: str, request: Request
) -> None:
    """Let a device acknowledge, through a workflow it causes, only iterations of its own.

    Its own are those of its peripherals too. Raises Forbidden.
    """
    relay: Mapping[str, str] = request.get("relay") or {}
    if relay.get("type") != "device" or not await _is_device(session, execution, resource_id):
        return
    if resource_id == relay["id"]:
        return
    device: Device = await session.resources.get(
        DEVICE, execution.application_id or "", resource_id
    )
    if device.gateway_id != relay["id"]:
        raise Forbidden("A device may acknowledge only its own iterations")


async def _is_device(session: Session, execution: Execution, resource_id: str) -> bool:
    absent = await session.resources.absent(DEVICE, execution.application_id or "", [resource_id])
    return not absent


OPERATIONS = HostOperations({ACKNOWLEDGE: _acknowledge})
