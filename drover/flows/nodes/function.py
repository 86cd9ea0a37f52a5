"""Function: a user's JavaScript over the payload, run in a cage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.flows.actions import Action, Script
from drover.flows.language import UNDEFINED
from drover.flows.node import Node
from drover.flows.settings import write_to
from drover.flows.visit import Thrown
from drover.model.instants import to_text
from drover.ports.scripts import MEMORY_LIMIT, TIMEOUT, TOO_LARGE, ScriptFailure, ScriptResult

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

TIMEOUT_MS: Final = 5000
"""Processor time a script may take for one payload."""

_OUR_NAMES: Final = frozenset({TIMEOUT, MEMORY_LIMIT, TOO_LARGE})


def _compile(settings: Settings) -> Action | None:
    script = settings.literal("script")
    if not script:
        settings.flaw("script", "Script is required", missing=True)
    scope = settings.path("scopePath")
    write = None if scope is None else write_to(scope)

    def prepare(visit: Visit) -> Any:
        if scope is None:
            return visit.payload
        value = scope.get(visit.payload)
        return msgspec.UNSET if value is UNDEFINED else value

    def settle(visit: Visit, result: ScriptResult) -> int:
        _note(settings, visit, result)
        outcome = result.payload
        if isinstance(outcome, ScriptFailure):
            raise _thrown(outcome)
        value: Any = UNDEFINED if outcome is msgspec.UNSET else outcome
        if write is not None:
            write(visit, value)
        elif value.__class__ is dict:
            visit.payload = value
            visit.measure()
        else:
            raise Thrown("FunctionNodeTypeError", "The payload must be an object")
        return 0

    return Script(script, prepare, settle, TIMEOUT_MS)


def _thrown(failure: ScriptFailure) -> Thrown:
    name = failure.name if failure.name in _OUR_NAMES else f"FunctionNode{failure.name}"
    return Thrown(name, failure.message, list(failure.stack))


def _note(settings: Settings, visit: Visit, result: ScriptResult) -> None:
    facts = settings.facts
    for level, text in result.logs:
        visit.run.note(
            {
                "time": to_text(visit.run.now_ms()),
                "nodeId": facts.id,
                "nodeLabel": facts.label,
                "level": level,
                "message": text,
            }
        )


NODE = Node(type="RawFunctionNode", name="function", category="logic", compile=_compile)
