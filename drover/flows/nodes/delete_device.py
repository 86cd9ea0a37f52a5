"""Device: Delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.language import UNDEFINED
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_OLDER: Final = {"one": "id", "many": "query"}


def _compile(settings: Settings) -> Action | None:
    older = settings.literal("deleteMode", choices=_OLDER)
    method = settings.literal("dataMethod", default=_OLDER.get(older, ""), choices=("id", "query"))
    if not method:
        settings.flaw("dataMethod", "Data method is required", missing=True)
        return None
    settle = softly(settings.writer("resultPath", fresh=True))
    if method == "id":
        device_id = settings.template("deviceIdTemplate", required=True)
        return Ask("device.delete", lambda visit: {"id": device_id(visit.payload)}, settle)
    key = "deviceQueryJsonTemplate"
    query = settings.json(key if settings.holds(key) else "queryTemplate")

    def request(visit: Visit) -> Any:
        rendered = query(visit.payload)
        return {"query": None} if rendered is UNDEFINED else {"query": rendered}

    return Ask("device.delete", request, settle)


NODE = Node(
    type="DeviceDeleteWorkflowNode", name="delete-device", category="data", compile=_compile
)
