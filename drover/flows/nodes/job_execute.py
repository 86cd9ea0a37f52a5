"""Job: Execute: start a resource job, without waiting for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.context_fields import context
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    job_id = settings.template("resourceJobIdTemplate", required=True, label="Resource job")
    given = context(settings)

    def request(visit: Visit) -> dict[str, Any]:
        return {"jobId": job_id(visit.payload), **given(visit.payload)}

    return Ask("job.execute", request, softly(settings.writer("resultPath", fresh=True)))


NODE = Node(
    type="ResourceJobExecuteNode", name="resource-job-execute", category="output", compile=_compile
)
