"""The query tree: how combinations simplify, and that its rules hold."""

from __future__ import annotations

from drover.query.tree import ALL, NOTHING, And, Missing, Not, Or, all_of, any_of, negate, renamed

A, B, C = Missing("a"), Missing("b"), Missing("c")


def test_a_conjunction_is_flat_and_drops_what_always_holds() -> None:
    assert all_of([A, ALL, And((B, C))]) == And((A, B, C))


def test_a_disjunction_is_flat_and_drops_what_never_holds() -> None:
    assert any_of([A, NOTHING, Or((B, C))]) == Or((A, B, C))


def test_one_part_stands_for_itself() -> None:
    assert all_of([A]) is A
    assert any_of([A]) is A


def test_no_part_leaves_the_neutral_constant() -> None:
    assert all_of([]) == ALL
    assert any_of([]) == NOTHING


def test_one_constant_may_decide_the_whole() -> None:
    assert all_of([A, NOTHING, B]) == NOTHING
    assert any_of([A, ALL, B]) == ALL


def test_negation_undoes_itself() -> None:
    assert negate(A) == Not(A)
    assert negate(negate(A)) == A
    assert negate(ALL) == NOTHING
    assert negate(NOTHING) == ALL


def test_fields_are_renamed_wherever_they_stand() -> None:
    tree = And((A, Or((Not(B), C)), ALL, NOTHING))

    changed = renamed(tree, {"a": "x", "b": "y"})

    assert changed == And((Missing("x"), Or((Not(Missing("y")), C)), ALL, NOTHING))
