"""Event: Update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.event_fields import (
    METHODS,
    attached_data,
    chosen,
    dated_event,
    whole_event,
    without_blanks,
)
from drover.flows.node import Node
from drover.flows.paging import pairs
from drover.flows.payload import jsonable

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    choose, _ = chosen(settings, "targetEventIdTemplate", "updateMultiple")
    method = settings.literal("dataMethod", default=METHODS[0], choices=METHODS)
    change = _fields(settings) if method == METHODS[0] else _whole(settings, method)

    def request(visit: Visit) -> dict[str, Any]:
        return {**choose(visit.payload), **change(visit.payload)}

    return Ask("event.update", request, softly(settings.writer("resultPath", fresh=True), _shaped))


def _whole(settings: Settings, method: str) -> Callable[[Any], dict[str, Any]]:
    body = whole_event(settings, method)
    return lambda payload: {"body": body(payload)}


def _fields(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    texts = {
        "state": settings.template("stateTemplate"),
        "level": settings.template("levelTemplate"),
        "subject": settings.template("subjectTemplate"),
        "comment": settings.template("commentTemplate"),
    }
    device_id = _device_id(settings)
    data = attached_data(settings)
    tags = pairs(settings, "eventTags")

    def render(payload: Any) -> dict[str, Any]:
        body: dict[str, Any] = {key: text(payload) for key, text in texts.items()}
        body["deviceId"] = device_id(payload)
        body["data"] = data(payload)
        merged = {key: value or None for key, value in tags(payload)}
        return {"body": jsonable(without_blanks(body)), "mergeTags": merged}

    return render


def _device_id(settings: Settings) -> Callable[[Any], Any]:
    """Compile the device: empty keeps it, a JSON null in the config removes it."""
    if "deviceIdTemplate" in settings.config and settings.config["deviceIdTemplate"] is None:
        return lambda _payload: None
    return settings.template("deviceIdTemplate")


def _shaped(result: dict[str, Any]) -> dict[str, Any]:
    return dated_event(result) if "id" in result else result


NODE = Node(
    type="EventUpdateNode",
    aliases=("UpdateEventNode",),
    name="update-event",
    category="data",
    compile=_compile,
)
