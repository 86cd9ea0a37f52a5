"""The words of every dialect for where an execution stands, in one place.

The inventory's own words come first: where another dialect uses one of them for something else,
it means here what the inventory means by it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from drover.model.execution import State
from drover.model.inventory import JOB_STATUS, JOB_STATUSES
from drover.model.summary import STATUS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BEACON_STATUS: Final[Mapping[State, tuple[str, ...]]] = MappingProxyType(
    {
        State.NEW: ("new",),
        State.QUEUED: ("queued",),
        State.RUNNING: ("picked_up", "running"),
        State.PAUSED: ("running",),
        State.FAILING: ("running",),
        State.CANCELING: ("running",),
        State.SUCCEEDED: ("complete",),
        State.FAILED: ("failed",),
        State.CANCELED: ("canceled",),
    }
)
"""The status of a beacon's job (TMM-compatible behaviour, section 3)."""


def _spoken(state: State) -> tuple[str, ...]:
    return (state.value, STATUS[state], *BEACON_STATUS[state])


def _others() -> Iterator[tuple[str, frozenset[State]]]:
    words = {word.lower() for state in State for word in _spoken(state)}
    for word in sorted(words - set(JOB_STATUSES)):
        yield (
            word,
            frozenset(
                state for state in State if word in {each.lower() for each in _spoken(state)}
            ),
        )


OTHER_WORDS: Final[Mapping[str, frozenset[State]]] = MappingProxyType(dict(_others()))
"""The states that a word stands for which is not the inventory's, in lower case."""


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Yield a row of the table of words for each state: ours, and those of the dialects."""
    for state in State:
        beacon = ", ".join(BEACON_STATUS[state])
        yield state.value, JOB_STATUS[state], STATUS[state], beacon
