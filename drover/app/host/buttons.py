"""Workflows that press each other's buttons: now, later, or not after all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.flow_pace import FlowPace
from drover.app.workflows import (
    DEFAULT,
    MOST_DEPTH,
    MOST_PRESSED_BYTES,
    find_button,
    pressed,
)
from drover.model.errors import Invalid, Missing, TooLarge
from drover.model.moments import moment_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.ports.jobs import Firing
    from drover.ports.store import Session


async def _trigger(asking: Asking, request: Request) -> dict[str, Any]:
    """Press a button now."""

    async def work(session: Session) -> Firing:
        firing = await _firing(session, asking, request, count)
        await session.jobs.add_firing(firing)
        return firing

    with asking.services[FlowPace].pressing() as count:
        firing = await asking.store.write(work)
    return _shown(firing)


async def _schedule(asking: Asking, request: Request) -> dict[str, Any]:
    """Press a button at a moment; a run id that waits already is replaced."""
    run_id = request.get("runId") or asking.tools.ids.new()

    async def work(session: Session) -> tuple[Firing, bool]:
        now_ms = await session.now_ms()
        due_ms = _due_ms(request, now_ms)
        firing = await _firing(session, asking, request, count, run_id=run_id, due_ms=due_ms)
        waits = await session.jobs.firings.waits(asking.application_id, run_id)
        await session.jobs.add_firing(firing)
        return firing, waits

    with asking.services[FlowPace].pressing() as count:
        firing, waited = await asking.store.write(work)
    word = "update" if waited else "new"
    return {**_shown(firing), "runId": run_id, "runAt": firing.due_ms, "newOrUpdate": word}


async def _cancel(asking: Asking, request: Request) -> dict[str, Any]:
    """Forget a press that has not happened yet."""
    run_id = request["runId"]
    canceled = await asking.store.write(
        lambda session: session.jobs.firings.cancel(asking.application_id, run_id)
    )
    if canceled:
        return {"runId": run_id, "success": True}
    error = {"type": "NotFound", "message": "Scheduled run was not found"}
    return {"runId": run_id, "success": False, "error": error}


async def _firing(
    session: Session,
    asking: Asking,
    request: Request,
    count: Callable[[str, str], None],
    **more: Any,
) -> Firing:
    if asking.batch.depth >= MOST_DEPTH:
        raise Invalid(f"More than {MOST_DEPTH} workflows started one another in a chain")
    version = request.get("version") or None
    version = None if version == DEFAULT else version
    try:
        button = await find_button(
            session, asking.application_id, request["flowId"], request["button"], version
        )
    except Missing as error:
        raise Missing(f"{error.message}: {request['flowId']} {request['button']}") from error
    count(button.flow.id, button.key)
    payload = msgspec.json.encode(request["payload"]) if "payload" in request else None
    if payload is not None and len(payload) > MOST_PRESSED_BYTES:
        raise TooLarge(f"The payload may not be larger than {MOST_PRESSED_BYTES} bytes")
    root = {"triggerId": button.key, "relayId": asking.flow_id, "relayType": "flow"}
    return pressed(
        button,
        payload=payload,
        root=root,
        version=version,
        depth=asking.batch.depth + 1,
        **more,
    )


def _due_ms(request: Request, now_ms: int) -> int:
    if "delayMs" in request:
        return now_ms + int(request["delayMs"])
    return moment_ms(request["at"], now_ms)


def _shown(firing: Firing) -> dict[str, Any]:
    return {
        "flowId": firing.flow_id,
        "flowVersion": firing.flow_version or DEFAULT,
        "virtualButtonId": firing.key,
        "payload": msgspec.json.decode(firing.data),
    }


OPERATIONS = HostOperations(
    {
        "flow.trigger": each(_trigger),
        "flow.schedule": each(_schedule),
        "flow.cancel": each(_cancel),
    }
)
