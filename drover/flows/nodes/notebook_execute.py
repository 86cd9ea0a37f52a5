"""Notebook: Execute: have a notebook run, without waiting for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.context_fields import context
from drover.flows.language import UNDEFINED
from drover.flows.node import Node
from drover.flows.payload import jsonable

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_SOURCES: Final = ("payloadTime", "currentTime", "payloadPath")


def _compile(settings: Settings) -> Action:
    notebook_id = settings.template("notebookIdTemplate", required=True, label="Notebook")
    given = context(settings)
    moment = _moment(settings)

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        return {"notebookId": notebook_id(payload), **given(payload), **moment(payload)}

    return Ask("notebook.execute", request, softly(settings.writer("resultPath", fresh=True)))


def _moment(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    """Compile the moment that the notebook's inputs are relative to; nothing for now."""
    kind = settings.literal("relativeToSourceType", default=_SOURCES[0], choices=_SOURCES)
    if kind == "currentTime":
        return lambda _payload: {}
    if kind == "payloadTime":
        return lambda payload: {"relativeTo": jsonable(payload.get("time", UNDEFINED))}
    path = settings.path("relativeToPath", required=True, label="Relative to")
    return lambda payload: {"relativeTo": jsonable(path.get(payload) if path else UNDEFINED)}


NODE = Node(
    type="NotebookExecuteNode", name="notebook-execute", category="output", compile=_compile
)
