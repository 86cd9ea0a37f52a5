"""Device: Update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.device_fields import (
    METHODS,
    attribute_fields,
    shaped,
    single_fields,
    tag_pairs,
    whole_body,
)
from drover.flows.node import Node
from drover.flows.payload import dated

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    device_id = settings.template("idTemplate", required=True, label="Device id")
    method = settings.literal("dataMethod", default=METHODS[0], choices=METHODS)
    change = _change(settings, method)
    shape = shaped(settings)

    def request(visit: Visit) -> dict[str, Any]:
        return {"id": device_id(visit.payload), **change(visit.payload)}

    write = settings.writer("resultPath", fresh=True)
    return Ask("device.update", request, softly(write, lambda device: shape(dated(device))))


def _change(settings: Settings, method: str) -> Callable[[Any], dict[str, Any]]:
    if method != "individualFields":
        whole = whole_body(settings, method, _keys(settings))
        return lambda payload: {"body": whole(payload)}
    name = settings.template("nameTemplate")
    single = single_fields(settings)
    tags = tag_pairs(settings)
    attributes = attribute_fields(settings)

    def render(payload: Any) -> dict[str, Any]:
        body = single(payload)
        if given := name(payload):
            body["name"] = given
        merged: dict[str, list[str]] = {}
        for key, value in tags(payload):
            merged.setdefault(key, []).extend([value] if value else [])
        return {
            "body": body,
            "mergeTags": merged,
            "mergeAttributes": {
                known: field if "dataType" in field else None
                for known, field in attributes(payload)
            },
        }

    return render


def _keys(settings: Settings) -> tuple[str, str]:
    """Return the keys of a whole body, in either of their spellings."""
    json_key = "jsonTemplate" if settings.holds("jsonTemplate") else "deviceJsonTemplate"
    path_key = "payloadPath" if settings.holds("payloadPath") else "devicePayloadPath"
    return json_key, path_key


NODE = Node(type="UpdateDeviceNode", name="update-device", category="data", compile=_compile)
