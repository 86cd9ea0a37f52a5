"""A workflow as a caller of use cases."""

from __future__ import annotations

from drover.model.access import Caller


class FlowCaller(Caller, frozen=True, kw_only=True):
    """A workflow that acts; ``depth`` counts the workflows that led to it."""

    depth: int = 0


def depth_after(caller: Caller) -> int:
    """Return how many workflows led to what a caller begins."""
    return caller.depth + 1 if isinstance(caller, FlowCaller) else 0
