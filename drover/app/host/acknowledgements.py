"""Iterations acknowledged by workflows that do not run under their lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.app.answering import Asking, HostOperations, Request, each
from drover.kinds.device import KIND as DEVICE
from drover.model.errors import Forbidden, Invalid, Missing
from drover.model.iteration import Acknowledgement, split_iteration_id
from drover.ports.jobs import Refusal
from drover.ports.runner import ACKNOWLEDGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.kinds.device import Device
    from drover.model.run import Execution
    from drover.ports.store import Session

_NOT_FOUND: Final = "Iteration was not found"


async def _acknowledge(asking: Asking, request: Request) -> dict[str, Any]:
    """Settle one iteration of any execution of the application."""
    execution_id, resource_id = split_iteration_id(str(request["iterationId"]))
    execution = await asking.store.read(lambda s: s.jobs.executions.get(execution_id))
    if execution.application_id != asking.application_id:
        raise Missing(_NOT_FOUND)
    await asking.store.read(lambda s: _check_device(s, execution, resource_id, request))
    given = Acknowledgement(
        resource_id,
        bool(request["success"]),
        request.get("message"),
        None if not execution.pace.serial else request.get("accumulator"),
    )
    settlement = await asking.tools.acks.acknowledge(execution.number, [given])
    refused = settlement.refused.get(resource_id)
    if refused is not None:
        raise _refusal(refused)
    item = await asking.store.read(lambda s: s.jobs.items.get(execution.number, resource_id))
    result: dict[str, Any] = {
        "success": request["success"],
        "startedAt": item.started_ms,
        "completedAt": settlement.now_ms,
    }
    told = {"message": given.message, "accumulator": given.accumulator}
    return result | {name: value for name, value in told.items() if value is not None}


def _refusal(refused: Refusal) -> Exception:
    if refused is Refusal.UNKNOWN:
        return Missing(_NOT_FOUND)
    return Invalid("Iteration was already acknowledged")


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


OPERATIONS = HostOperations({ACKNOWLEDGE: each(_acknowledge)})
