"""Device: Send Command: tell devices what to do; whether they hear it is not waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import NOTHING, Action, Ask
from drover.flows.answers import softly
from drover.flows.language import UNDEFINED
from drover.flows.node import Node
from drover.flows.payload import jsonable
from drover.flows.settings import templates_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Render = Callable[[Any], Any]

MOST_LISTED: Final = 1000
"""Devices or tags in the config."""

_SELECTIONS: Final = ("payload", "direct", "query")
_PAYLOADS: Final = ("json", "string", "path")


def _compile(settings: Settings) -> Action:
    chosen = _chosen(settings)
    name = settings.template("nameTemplate", required=True)
    body = _payload(settings)

    def request(visit: Visit) -> Any:
        payload = visit.payload
        devices = chosen(payload)
        if not devices:
            return NOTHING
        command = {"name": name(payload)}
        value = body(payload)
        if value not in (UNDEFINED, ""):
            command["payload"] = value
        return jsonable({**devices, "command": command})

    return Ask("device.command", request, softly(None))


def _chosen(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    """Return what renders which devices are meant; nothing for none."""
    selection = _selection(settings)
    if selection == "query":
        query = settings.json("deviceQueryJsonTemplate", required=True)
        return lambda payload: {"query": query(payload)}
    if selection == "direct":
        return _direct(settings)
    path = settings.path("deviceIdsPath", required=True)

    def listed(payload: Any) -> dict[str, Any]:
        found = UNDEFINED if path is None else path.get(payload)
        entries = found if found.__class__ is list else [found]
        ids = [each for each in entries if isinstance(each, str) and each]
        return {"ids": ids} if ids else {}

    return listed


def _selection(settings: Settings) -> str:
    """Return how devices are chosen: as the editor notes it, else by the keys that are there."""
    noted = settings.facts.meta.get("deviceSelectionType")
    if noted in _SELECTIONS:
        return str(noted)
    if settings.holds("deviceQueryJsonTemplate"):
        return "query"
    return "payload" if settings.holds("deviceIdsPath") else "direct"


def _direct(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    ids = templates_of(settings, "sendToDeviceIds", most=MOST_LISTED)
    tags = [
        (entry.template("key"), entry.template("value"))
        for entry in settings.items("sendToDeviceTags", most=MOST_LISTED)
    ]

    def listed(payload: Any) -> dict[str, Any]:
        named = [text for each in ids if (text := each(payload))]
        sides = [{"key": key(payload), "value": value(payload)} for key, value in tags]
        tagged = [{side: text for side, text in each.items() if text} for each in sides]
        # A tag without key and value would mean every device that has any.
        wanted = [each for each in tagged if each]
        return {"ids": named, "tags": wanted} if named or wanted else {}

    return listed


def _payload(settings: Settings) -> Render:
    kind = settings.literal("payloadTemplateType", default="json", choices=_PAYLOADS)
    if kind == "string":
        return settings.value("payloadTemplate")
    if kind == "json":
        return settings.json("payloadTemplate")
    path = settings.path("payloadTemplate")
    return lambda payload: UNDEFINED if path is None else path.get(payload)


NODE = Node(
    type="DeviceSendCommandNode", name="device-command", category="output", compile=_compile
)
