"""How an execution of a resource job is told to its users: words and counts."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from drover.model.execution import State
from drover.model.iteration import ItemState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.model.run import Execution

STATUS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.NEW: "inProgress",
        State.QUEUED: "inProgress",
        State.RUNNING: "inProgress",
        State.PAUSED: "inProgress",
        State.FAILING: "erroring",
        State.CANCELING: "canceling",
        State.SUCCEEDED: "completed",
        State.FAILED: "errored",
        State.CANCELED: "canceled",
    }
)
"""The status of an execution (Losant-compatible behaviour, section 3.5)."""

RESULT: Final[Mapping[ItemState, str]] = MappingProxyType(
    {
        ItemState.PENDING: "notStarted",
        ItemState.AWAITING: "inProgress",
        ItemState.WAITING: "waiting",
        ItemState.SUCCEEDED: "succeeded",
        ItemState.FAILED: "failed",
        ItemState.TIMED_OUT: "timedOut",
    }
)
"""The status of an iteration, as reports and lists give it."""


def summary(execution: Execution) -> dict[str, int]:
    """Return the counts of an execution; they add up to its total."""
    return {
        "succeeded": execution.succeeded,
        "failed": execution.failed,
        "timedOut": execution.timed_out,
        "inProgress": execution.under_way,
        "remaining": execution.remaining,
    }
