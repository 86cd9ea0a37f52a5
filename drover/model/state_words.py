"""The words of every dialect for where an execution stands, in one place.

The inventory's own words come first: where another dialect uses one of them for something else,
it means here what the inventory means by it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from drover.model import beacon_job
from drover.model.execution import State
from drover.model.inventory import JOB_STATUS, JOB_STATUSES
from drover.model.summary import STATUS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def beacon_words(state: State) -> tuple[str, ...]:
    """Return the words for where a beacon's job stands (TMM-compatible behaviour, section 3)."""
    word = beacon_job.WORDS[state]
    return (beacon_job.PICKED_UP, word) if state is State.RUNNING else (word,)


def _spoken(state: State) -> tuple[str, ...]:
    return (state.value, STATUS[state], *beacon_words(state))


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
        beacon = ", ".join(beacon_words(state))
        yield state.value, JOB_STATUS[state], STATUS[state], beacon
