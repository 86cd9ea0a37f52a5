"""The words for where an execution stands are in one table, and each leads back to its states."""

from __future__ import annotations

import pytest

from drover.model import state_words
from drover.model.execution import State
from drover.model.inventory import JOB_STATUS, JOB_STATUSES


def test_every_state_has_a_word_in_every_dialect():
    rows = list(state_words.rows())

    assert [row[0] for row in rows] == [state.value for state in State]
    assert all(all(row) for row in rows)
    assert {row[0]: row[1] for row in rows} == {
        state.value: word for state, word in JOB_STATUS.items()
    }
    assert ("running", "in_progress", "inProgress", "picked_up, running") in rows


@pytest.mark.parametrize("state", State)
def test_a_word_of_another_dialect_leads_back_to_its_states(state: State):
    for word in (state.value, *state_words.beacon_words(state)):
        known = word in JOB_STATUSES
        assert known is not (state in state_words.OTHER_WORDS.get(word, ()))


def test_a_word_of_the_inventory_keeps_its_own_meaning():
    assert set(state_words.OTHER_WORDS).isdisjoint(JOB_STATUSES)
