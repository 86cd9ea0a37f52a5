"""Workflow Trigger: press another workflow's button, now or later, or take that back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import strictly
from drover.flows.language import UNDEFINED, to_number
from drover.flows.language.dates import iso_text, to_date
from drover.flows.node import Node
from drover.flows.payload import moment, plain, revived
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Render = Callable[[Any], Any]

_LONGEST_S: Final = 366 * 24 * 3600


def _compile(settings: Settings) -> Action:
    behavior = settings.literal(
        "behavior", default="immediate", choices=("immediate", "schedule", "cancel")
    )
    write = settings.writer("resultPath", fresh=True)
    if behavior == "cancel":
        run_id = settings.template("runIdTemplate", required=True, label="Run id")
        settle = strictly(write, _canceled)
        return Ask("flow.cancel", lambda visit: {"runId": run_id(visit.payload)}, settle)
    press = _press(settings)
    if behavior == "immediate":
        return Ask("flow.trigger", lambda visit: press(visit.payload), strictly(write, _pressed))
    when = _when(settings)
    run_id = settings.template("runIdTemplate")

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        return {**press(payload), **when(payload), "runId": run_id(payload)}

    return Ask("flow.schedule", request, strictly(write, _pressed))


def _press(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    flow_id = settings.template("triggerWorkflowId", required=True, label="Workflow")
    version = settings.template("flowVersionTemplate")
    button = settings.literal("triggerVirtualButtonId")
    if not button:
        settings.flaw("triggerVirtualButtonId", "Virtual button is required", missing=True)
    given = _payload(settings)

    def render(payload: Any) -> dict[str, Any]:
        asked = {"flowId": flow_id(payload), "version": version(payload), "button": button}
        data = given(payload)
        return asked if data is UNDEFINED else {**asked, "payload": plain(data)}

    return render


def _payload(settings: Settings) -> Render:
    kind = settings.literal(
        "payloadTemplateType", default="json", choices=("json", "string", "path")
    )
    if not settings.holds("payloadTemplate"):
        return lambda _payload: UNDEFINED
    if kind == "path":
        path = settings.path("payloadTemplate")
        return lambda payload: UNDEFINED if path is None else path.get(payload)
    if kind == "string":
        return settings.template("payloadTemplate")
    return settings.json("payloadTemplate")


def _when(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    kind = settings.literal("scheduling", default="relative", choices=("relative", "absolute"))
    if kind == "absolute":
        return _date(settings)
    seconds = settings.template("secondsTemplate", required=True, label="Seconds")

    def render(payload: Any) -> dict[str, Any]:
        value = to_number(seconds(payload))
        if math.isnan(value) or not 0 <= value <= _LONGEST_S:
            raise Thrown("Validation", f"Seconds must be from 0 to {_LONGEST_S}")
        return {"delayMs": round(value * 1000)}

    return render


def _date(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    text = settings.template("dateTemplate", required=True, label="Date")

    def render(payload: Any) -> dict[str, Any]:
        date = to_date(text(payload))
        if date is None:
            raise Thrown("Validation", "Date must be a date")
        return {"at": iso_text(date)}

    return render


def _pressed(result: Mapping[str, Any]) -> dict[str, Any]:
    shown = {**result, "success": True}
    if "payload" in shown:
        shown["payload"] = revived(shown["payload"])
    if "runAt" in shown:
        shown["runAt"] = moment(shown["runAt"])
    return shown


def _canceled(result: Mapping[str, Any]) -> dict[str, Any]:
    return dict(result)


NODE = Node(
    type="WorkflowTriggerNode", name="workflow-trigger", category="output", compile=_compile
)
