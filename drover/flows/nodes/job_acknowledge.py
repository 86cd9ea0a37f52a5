"""Job: Acknowledge: settle an iteration of a resource job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import NOTHING, Action, Ask
from drover.flows.answers import softly
from drover.flows.language import UNDEFINED, to_json, truthy
from drover.flows.node import Node
from drover.flows.payload import moment
from drover.flows.visit import Thrown
from drover.ports.runner import ACKNOWLEDGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

LONGEST_MESSAGE: Final = 256
"""Characters; the rest is cut."""

LONGEST_ACCUMULATOR: Final = 256
"""Characters of its text or JSON; a longer one is thrown."""

_NO_ITERATION: Final = {"error": {"type": "Validation", "message": "The iteration id must be text"}}
_METHODS: Final = ("payloadPath", "jsonTemplate", "stringTemplate")


def _compile(settings: Settings) -> Action | None:
    success = settings.expression("successExpression", required=True)
    message = settings.template("messageTemplate")
    iteration = settings.path("iterationIdPath", default="data.iterationId")
    accumulator = _accumulator(settings)
    write = settings.writer("resultPath", fresh=True)
    if iteration is None:
        return None
    read_iteration = iteration.get

    def request(visit: Visit) -> Any:
        payload = visit.payload
        iteration_id = read_iteration(payload)
        if iteration_id.__class__ is not str:
            if write is not None:
                write(visit, _NO_ITERATION.copy())
            return NOTHING
        asked: dict[str, Any] = {
            "iterationId": iteration_id,
            "success": truthy(success(payload)),
        }
        if text := message(payload):
            asked["message"] = text[:LONGEST_MESSAGE]
        if accumulator is not None and (value := _bounded(accumulator(payload))) is not None:
            asked["accumulator"] = value
        if visit.run.relay is not None:
            asked["relay"] = visit.run.relay
        return asked

    return Ask(ACKNOWLEDGE, request, softly(write, _shaped))


def _accumulator(settings: Settings) -> Callable[[Any], Any] | None:
    method = settings.literal("accumulatorMethod", default=_METHODS[0], choices=_METHODS)
    if not settings.holds("accumulatorValue"):
        return None
    if method == "jsonTemplate":
        return settings.json("accumulatorValue")
    if method == "stringTemplate":
        return settings.template("accumulatorValue")
    path = settings.path("accumulatorValue")
    return None if path is None else path.get


def _bounded(value: Any) -> str | None:
    """Return the accumulator as it is stored; None leaves it as it is."""
    if value is UNDEFINED:
        return None
    text = value if value.__class__ is str else to_json(value)
    if len(text) > LONGEST_ACCUMULATOR:
        message = f"The accumulator may not be longer than {LONGEST_ACCUMULATOR} characters"
        raise Thrown("Validation", message)
    return str(text)


def _shaped(result: dict[str, Any]) -> dict[str, Any]:
    result["startedAt"] = moment(result.get("startedAt"))
    result["completedAt"] = moment(result.get("completedAt"))
    return result


NODE = Node(
    type="ResourceJobAcknowledgeNode",
    name="resource-job-acknowledge",
    category="output",
    compile=_compile,
)
