"""A workflow as a caller of use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.model.access import Caller

if TYPE_CHECKING:
    from drover.model.access import CallerType


class FlowCaller(Caller, frozen=True, kw_only=True):
    """A workflow that acts; ``depth`` counts the workflows that led to it."""

    depth: int = 0


def depth_after(caller: Caller) -> int:
    """Return how many workflows led to what a caller begins."""
    return caller.depth + 1 if isinstance(caller, FlowCaller) else 0


def led_to(caller_type: CallerType, caller_id: str, depth: int) -> Caller:
    """Return who acts where ``depth`` workflows led to it; what is begun then has that depth."""
    if not depth:
        return Caller(type=caller_type, id=caller_id, scopes=frozenset())
    return FlowCaller(type=caller_type, id=caller_id, scopes=frozenset(), depth=depth - 1)
