"""Storage: Get Value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import throw_error
from drover.flows.language import UNDEFINED
from drover.flows.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_DEFAULTS: Final = ("template", "json", "path")


def _compile(settings: Settings) -> Action | None:
    write = settings.writer("valuePath", required=True)
    everything = settings.flag("getAll")
    key = settings.template("keyName", required=not everything, label="Key")
    default = _default(settings)
    if write is None:
        return None

    def request(visit: Visit) -> dict[str, Any]:
        return {"all": True} if everything else {"key": key(visit.payload)}

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        throw_error(answer)
        result = answer["result"]
        write(visit, result["value"] if result["found"] else default(visit.payload))
        return 0

    return Ask("storage.get", request, settle)


def _default(settings: Settings) -> Callable[[Any], Any]:
    kind = settings.literal("defaultValueType", default="template", choices=_DEFAULTS)
    if not settings.holds("defaultValue"):
        return lambda _payload: UNDEFINED
    if kind == "template":
        return settings.template("defaultValue")
    if kind == "json":
        return settings.json("defaultValue")
    path = settings.path("defaultValue")
    return lambda payload: UNDEFINED if path is None else path.get(payload)


NODE = Node(type="GetValueNode", name="get-value", category="data", compile=_compile)
