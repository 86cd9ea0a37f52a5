"""Losant API: call the server's own API, with the rights of the application or of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.language import UNDEFINED
from drover.flows.node import Node
from drover.flows.payload import jsonable

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

MOST_PARAMS: Final = 100

_TYPES: Final = ("string", "json", "path")


def _compile(settings: Settings) -> Action:
    resource = settings.template("resource", required=True)
    action = settings.template("action", required=True)
    token = settings.template("apiTokenTemplate")
    application = settings.template("applicationIdTemplate")
    params = [
        (entry.literal("name"), _value(entry))
        for entry in settings.items("params", most=MOST_PARAMS)
    ]

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        given = {name: value(payload) for name, value in params if name}
        return {
            "name": f"{resource(payload)}.{action(payload)}",
            "params": {
                name: jsonable(value) for name, value in given.items() if value is not UNDEFINED
            },
            "token": token(payload).strip(),
            "applicationId": application(payload).strip(),
        }

    return Ask("api.call", request, softly(settings.writer("responsePath", fresh=True)))


def _value(entry: Settings) -> Callable[[Any], Any]:
    kind = entry.literal("type", default=_TYPES[0], choices=_TYPES)
    if kind == "json":
        return entry.json("value")
    if kind == "path":
        path = entry.path("value")
        return lambda payload: UNDEFINED if path is None else path.get(payload)
    text = entry.template("value")
    return lambda payload: text(payload) or UNDEFINED


NODE = Node(type="LosantApiNode", name="losantapi", category="data", compile=_compile)
