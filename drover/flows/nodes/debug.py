"""Debug: note a message and the payload; nothing changes and nothing throws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.flows.actions import Action, Each
from drover.flows.language import UNDEFINED
from drover.flows.node import Node
from drover.flows.payload import plain
from drover.flows.visit import measure
from drover.model.instants import to_text
from drover.ports.flows import DEBUG_LEVELS

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

MOST_BYTES: Final = 64 * 1024
"""Of one entry; the rest is cut."""


def _compile(settings: Settings) -> Action:
    message = settings.template("message")
    shown = settings.path("property")
    level = settings.literal("level", default="verbose", choices=DEBUG_LEVELS)
    facts = settings.facts

    def act(visit: Visit) -> int:
        entry: dict[str, Any] = {
            "time": to_text(visit.run.now_ms()),
            "nodeId": facts.id,
            "nodeLabel": facts.label,
            "level": level,
            "message": _text(message, visit)[:MOST_BYTES],
        }
        value = visit.payload if shown is None else shown.get(visit.payload)
        if value is not UNDEFINED:
            entry["payload"] = _bounded(value)
        visit.run.note(entry)
        return 0

    return Each(act)


def _text(message: Any, visit: Visit) -> str:
    try:
        return str(message(visit.payload))
    except Exception as error:  # noqa: BLE001 - a message that cannot be rendered is no error
        return f"({type(error).__name__}: the message could not be rendered)"


def _bounded(value: Any) -> Any:
    """Return a copy of the value, or the beginning of its JSON when it is too large."""
    if measure(value, 100 * MOST_BYTES) > 100 * MOST_BYTES:
        return "(too large to show)"
    try:
        copy = plain(value)
        if measure(copy, MOST_BYTES) <= MOST_BYTES:
            return copy
        return msgspec.json.encode(copy)[:MOST_BYTES].decode(errors="ignore")
    except (RecursionError, ValueError):
        return "(nested too deep to show)"


NODE = Node(type="DebugNode", name="debug", category="debug", compile=_compile)
