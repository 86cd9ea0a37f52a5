"""Job: Execute: start a resource job, without waiting for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.node import Node
from drover.flows.payload import jsonable

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_WHOLE: Final = ("workflowPayload", "fullPayload")
_TYPES: Final = ("none", "jsonTemplate", "payloadPath", *_WHOLE)


def _compile(settings: Settings) -> Action:
    job_id = settings.template("resourceJobIdTemplate", required=True, label="Resource job")
    context = _context(settings)

    def request(visit: Visit) -> dict[str, Any]:
        return {"jobId": job_id(visit.payload), **context(visit.payload)}

    return Ask("job.execute", request, softly(settings.writer("resultPath", fresh=True)))


def _context(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    kind = settings.literal("contextTemplateType", default="none", choices=_TYPES)
    if kind == "none":
        return lambda _payload: {}
    if kind in _WHOLE:
        return lambda payload: {"context": jsonable(payload)}
    if kind == "jsonTemplate":
        render = settings.json("contextTemplate", required=True, label="Context")
        return lambda payload: {"context": jsonable(render(payload))}
    path = settings.path("contextTemplate", required=True, label="Context")
    return lambda payload: {"context": jsonable(None if path is None else path.get(payload))}


NODE = Node(
    type="ResourceJobExecuteNode", name="resource-job-execute", category="output", compile=_compile
)
