"""The life of one execution of a job, and the only moves it may make."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from drover.model.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """Where an execution stands."""

    NEW = "new"  #: stored, not to be run until someone asks
    QUEUED = "queued"  #: waiting for a planner or a worker
    RUNNING = "running"  #: chunks may be leased
    PAUSED = "paused"  #: no new chunks; those out may finish
    FAILING = "failing"  #: no new chunks; those out may finish, then failed
    CANCELING = "canceling"  #: no new chunks; those out may finish, then canceled
    SUCCEEDED = "succeeded"  #: every item has its final result
    FAILED = "failed"  #: the engine could not run it
    CANCELED = "canceled"  #: someone stopped it

    @property
    def is_final(self) -> bool:
        """Nothing can follow."""
        return not MOVES[self]


MOVES: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        State.NEW: frozenset({State.QUEUED, State.RUNNING, State.CANCELED, State.FAILED}),
        State.QUEUED: frozenset(
            {
                State.RUNNING,
                State.PAUSED,
                State.CANCELED,
                State.CANCELING,
                State.FAILED,
                State.FAILING,
            }
        ),
        State.RUNNING: frozenset(
            {State.QUEUED, State.SUCCEEDED, State.PAUSED, State.FAILING, State.CANCELING}
        ),
        State.PAUSED: frozenset({State.RUNNING, State.QUEUED, State.CANCELING, State.FAILING}),
        State.FAILING: frozenset({State.FAILED, State.CANCELING}),
        State.CANCELING: frozenset({State.CANCELED}),
        State.SUCCEEDED: frozenset(),
        State.FAILED: frozenset(),
        State.CANCELED: frozenset(),
    }
)


OPEN: Final = frozenset({State.QUEUED, State.RUNNING, State.PAUSED, State.FAILING, State.CANCELING})
"""Accepted and not yet ended: the engine looks after these."""


def before(goal: State) -> frozenset[State]:
    """Return the states from which ``goal`` may be reached: the WHERE of its UPDATE."""
    return frozenset(state for state, goals in MOVES.items() if goal in goals)


def check(now: State, goal: State) -> None:
    """Raise Conflict unless the move is allowed."""
    if goal not in MOVES[now]:
        raise Conflict(f"An execution that is {now} cannot become {goal}")


def diagram() -> str:
    """Return the moves as a Mermaid state diagram, for the guide."""
    lines = [f"    {now} --> {goal}" for now, goals in MOVES.items() for goal in sorted(goals)]
    return "\n".join(["stateDiagram-v2", "    [*] --> queued", *lines])
