"""The rules of executions and items."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.model.errors import Conflict, Invalid, Missing
from drover.model.execution import MOVES, OPEN, State, before, check, diagram
from drover.model.iteration import (
    FINAL,
    MAX_LOSSES,
    ItemState,
    check_accumulator,
    cut_message,
    iteration_id,
    losses_after,
    redelivery_size,
    split_iteration_id,
)
from drover.model.run import Pace
from drover.model.summary import RESULT, STATUS


def test_every_state_leads_to_an_end():
    ends = {state for state in State if state.is_final}
    reached = set(ends)
    for _ in State:
        reached |= {state for state in State if MOVES[state] & reached}

    assert ends == {State.SUCCEEDED, State.FAILED, State.CANCELED}
    assert reached == set(State)
    assert set(State) - ends - {State.NEW} == OPEN


@pytest.mark.parametrize(("now", "goal"), list(product(State, State)))
def test_the_table_the_guard_and_the_check_agree(now, goal):
    allowed = goal in MOVES[now]

    assert (now in before(goal)) == allowed
    if allowed:
        check(now, goal)
    else:
        with pytest.raises(Conflict):
            check(now, goal)


def test_the_diagram_shows_each_move():
    lines = diagram().splitlines()

    assert len(lines) == 2 + sum(map(len, MOVES.values()))
    assert "    running --> succeeded" in lines


def test_every_state_has_a_word():
    assert set(STATUS) == set(State)
    assert set(RESULT) == set(ItemState)


def test_final_item_states_are_those_from_succeeded_on():
    assert {state for state in ItemState if state >= ItemState.SUCCEEDED} == FINAL


def test_an_iteration_id_is_split_as_it_was_made():
    text = iteration_id("a" * 24, "0" * 24)

    assert split_iteration_id(text.upper()) == ("a" * 24, "0" * 24)


@pytest.mark.parametrize("text", ["", "a" * 24, f"{'a' * 24}-{'g' * 24}", f"{'a' * 24}-{'a' * 25}"])
def test_anything_else_is_no_iteration(text):
    with pytest.raises(Missing):
        split_iteration_id(text)


@given(st.text(max_size=400))
def test_messages_are_stored_whole_up_to_their_length(text):
    stored = cut_message(text)

    assert len(stored) <= 256
    assert "\0" not in stored
    stored.encode()
    if text.isascii() and "\0" not in text:
        assert stored == text[:256]


def test_no_message_stays_none():
    assert cut_message(None) is None
    assert check_accumulator(None) is None


def test_lone_surrogates_and_nul_are_not_stored():
    assert cut_message("a\ud800b\0c") == "a?bc"
    assert check_accumulator("x\0") == "x"


def test_an_accumulator_that_is_too_long_is_refused():
    assert check_accumulator("x" * 256) == "x" * 256
    with pytest.raises(Invalid):
        check_accumulator("x" * 257)


def test_items_that_lose_workers_are_handed_out_in_ever_smaller_company():
    sizes = [redelivery_size(losses) for losses in range(MAX_LOSSES + 1)]

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2:] == [1] * (MAX_LOSSES - 1)


def test_an_item_that_is_lost_alone_three_times_has_used_up_its_losses():
    losses = losses_after(0, lease_size=1)
    losses = losses_after(losses, lease_size=1)
    losses = losses_after(losses, lease_size=1)

    assert losses == MAX_LOSSES
    assert losses_after(0, lease_size=1000) == 1


@pytest.mark.parametrize(
    ("pace", "serial", "retries"),
    [
        (Pace(), True, False),
        (Pace(concurrency=10, retry_on_timeout=True), False, True),
        (Pace(concurrency=10, retry_on_failure=True), False, True),
    ],
)
def test_a_pace_knows_what_it_means(pace, serial, retries):
    assert (pace.serial, pace.retries) == (serial, retries)
