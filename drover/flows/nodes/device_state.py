"""Device: State: report the state of a device."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly, strictly
from drover.flows.language import UNDEFINED, to_text
from drover.flows.node import Node
from drover.flows.paging import pairs
from drover.flows.payload import jsonable
from drover.flows.series_fields import MOST_ATTRIBUTES
from drover.flows.visit import Thrown
from drover.model.fields import KEY_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Render = Callable[[Any], Any]

_REPORT_KEYS: Final = frozenset({"data", "time", "meta", "flowVersion"})
_METHODS: Final = ("individualFields", "jsonTemplate", "payloadPath")


def _compile(settings: Settings) -> Action:
    device_id = _device_id(settings)
    data = _data(settings)
    time = _time(settings)
    meta = _meta(settings)
    version = settings.template("flowVersionTemplate")
    write = settings.writer("resultPath", fresh=True)

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        defaults = {"time": time(payload), "meta": meta(payload), "flowVersion": version(payload)}
        given = {key: value for key, value in defaults.items() if value not in (UNDEFINED, "")}
        reports = [_told({**given, **report}) for report in _reports(data(payload))]
        return {"deviceId": device_id(payload), "reports": reports}

    return Ask("state.report", request, strictly(None) if write is None else softly(write))


def _device_id(settings: Settings) -> Callable[[Any], str]:
    kind = settings.literal(
        "deviceIdTemplateType", default="stringTemplate", choices=("stringTemplate", "jsonPath")
    )
    if kind == "stringTemplate":
        return settings.template("deviceId", required=True)
    path = settings.path("deviceId", required=True)

    def read(payload: Any) -> str:
        text = to_text(UNDEFINED if path is None else path.get(payload))
        if not text:
            raise Thrown("Validation", "Device id is required")
        return text

    return read


def _data(settings: Settings) -> Render:
    method = settings.literal("attrDataMethod", default=_METHODS[0], choices=_METHODS)
    if method == "jsonTemplate":
        return settings.json("attrJsonTemplate", required=True)
    if method == "payloadPath":
        path = settings.path("attrPayloadPath", required=True)
        return lambda payload: UNDEFINED if path is None else path.get(payload)
    fields = pairs(settings, "attrInfos", "key", most=MOST_ATTRIBUTES)
    return lambda payload: {"data": {key: value for key, value in fields(payload) if value}}


def _time(settings: Settings) -> Render:
    kind = settings.literal(
        "timeSourceType", default="payloadTime", choices=("payloadTime", "now", "payloadPath")
    )
    if kind == "now":
        return lambda _payload: UNDEFINED
    if kind == "payloadTime":
        return lambda payload: payload.get("time", UNDEFINED)
    path = settings.path("timeSourcePath", required=True)
    return lambda payload: UNDEFINED if path is None else path.get(payload)


def _meta(settings: Settings) -> Render:
    kind = settings.literal(
        "metaTemplateType",
        default="stringTemplate",
        choices=("jsonTemplate", "stringTemplate", "jsonPath"),
    )
    if kind == "jsonTemplate":
        return settings.json("metaTemplate")
    if kind == "jsonPath":
        path = settings.path("metaTemplate")
        return lambda payload: UNDEFINED if path is None else path.get(payload)
    return settings.template("metaTemplate")


def _reports(given: Any) -> list[dict[str, Any]]:
    """Return reports of the forms accepted: values, a report, or an array of either."""
    entries = given if given.__class__ is list else [given]
    if any(entry.__class__ is not dict for entry in entries):
        raise Thrown("Validation", "The state must be an object or an array of objects")
    return [entry if _is_report(entry) else {"data": entry} for entry in entries]


def _told(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report as JSON, without values that no attribute has and what is no moment."""
    told: dict[str, Any] = jsonable(report)
    told["data"] = {
        key: value
        for key, value in told["data"].items()
        if isinstance(value, str | int | float) and re.match(KEY_PATTERN, key)
    }
    if not _is_moment(told.get("time")):
        told.pop("time", None)
    return told


def _is_moment(given: Any) -> bool:
    if isinstance(given, dict):
        return given.keys() == {"$date"} and isinstance(given["$date"], str)
    return isinstance(given, str | int | float) and not isinstance(given, bool)


def _is_report(entry: dict[str, Any]) -> bool:
    return entry.get("data").__class__ is dict and entry.keys() <= _REPORT_KEYS


NODE = Node(type="DeviceChangeStateNode", name="device-state", category="output", compile=_compile)
