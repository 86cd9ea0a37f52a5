"""Storage: Set Value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import strictly
from drover.flows.language import UNDEFINED, to_number
from drover.flows.node import Node
from drover.flows.payload import jsonable
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Change = Callable[[Any], dict[str, Any]]

_TYPES: Final = ("template", "json", "number", "path", "incr", "decr", "clear")
_LONGEST_KEY: Final = 255


def _compile(settings: Settings) -> Action:
    key = settings.template("keyName", required=True, label="Key")
    kind = settings.literal("valueType", choices=_TYPES)
    if not kind:
        settings.flaw("valueType", "Value type is required", missing=True)
    change = _change(settings, kind)

    def request(visit: Visit) -> dict[str, Any]:
        name = key(visit.payload)
        if len(name) > _LONGEST_KEY:
            raise Thrown("Validation", f"Key may not be longer than {_LONGEST_KEY} characters")
        return {"key": name, **change(visit.payload)}

    write = settings.writer("resultPath", fresh=True)
    return Ask(
        "storage.store", request, strictly(write, lambda result: result.get("value", UNDEFINED))
    )


def _change(settings: Settings, kind: str) -> Change:
    if kind == "clear":
        return lambda _payload: {"action": "clear"}
    if kind in ("incr", "decr"):
        number, sign = _number(settings), 1 if kind == "incr" else -1
        return lambda payload: {"action": "add", "value": sign * number(payload)}
    return _set(_value(settings, kind))


def _set(value: Callable[[Any], Any]) -> Change:
    def change(payload: Any) -> dict[str, Any]:
        given = value(payload)
        if given is UNDEFINED:
            return {"action": "clear"}
        return {"action": "set", "value": jsonable(given)}

    return change


def _value(settings: Settings, kind: str) -> Callable[[Any], Any]:
    if kind == "json":
        return settings.json("value", required=True)
    if kind == "number":
        return _number(settings)
    if kind == "path":
        path = settings.path("valuePath", required=True)
        return lambda payload: UNDEFINED if path is None else path.get(payload)
    return settings.template("value")


def _number(settings: Settings) -> Callable[[Any], float]:
    text = settings.template("value", required=True)

    def render(payload: Any) -> float:
        value = to_number(text(payload))
        if not math.isfinite(value):
            raise Thrown("Validation", "Value must be a number")
        return value

    return render


NODE = Node(type="StoreValueNode", name="store-value", category="data", compile=_compile)
