"""Event: Create."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.event_fields import (
    METHODS,
    attached_data,
    dated_event,
    whole_event,
    without_blanks,
)
from drover.flows.language import UNDEFINED
from drover.flows.node import Node
from drover.flows.paging import pairs
from drover.flows.payload import jsonable

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    method = settings.literal("dataMethod", default=METHODS[0], choices=METHODS)
    body = _fields(settings) if method == METHODS[0] else whole_event(settings, method)

    def request(visit: Visit) -> dict[str, Any]:
        return {"body": body(visit.payload)}

    return Ask(
        "event.create", request, softly(settings.writer("resultPath", fresh=True), dated_event)
    )


def _fields(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    required = {
        "level": settings.template("levelTemplate", required=True),
        "subject": settings.template("subjectTemplate", required=True),
    }
    texts = {
        "message": settings.template("messageTemplate"),
        "deviceId": settings.template("deviceIdTemplate"),
        "state": settings.template("stateTemplate"),
    }
    data, tags, time = attached_data(settings), pairs(settings, "eventTags"), _time(settings)
    untracked = settings.flag("disableTagChangeTracking")

    def render(payload: Any) -> dict[str, Any]:
        body: dict[str, Any] = {key: text(payload) for key, text in {**required, **texts}.items()}
        body["data"] = data(payload)
        body["creationDate"] = time(payload)
        body["eventTags"] = {key: value for key, value in tags(payload) if value} or UNDEFINED
        body["disableTagChangeTracking"] = untracked or UNDEFINED
        return jsonable(without_blanks(body))  # type: ignore[no-any-return]  # of an object one

    return render


def _time(settings: Settings) -> Callable[[Any], Any]:
    kind = settings.literal(
        "timeSourceType", default="now", choices=("now", "payloadTime", "payloadPath")
    )
    if kind == "payloadTime":
        return lambda payload: payload.get("time", UNDEFINED)
    path = settings.path("timeSourcePath", required=kind == "payloadPath")
    if kind == "now" or path is None:
        return lambda _payload: UNDEFINED
    return path.get


NODE = Node(
    type="EventCreateNode",
    aliases=("CreateEventNode",),
    name="create-event",
    category="data",
    compile=_compile,
)
