"""Globs and the case fold."""

from __future__ import annotations

import sys

import pytest

from drover.query.fold import fold, fold_alphabets
from drover.query.glob import compile_glob, glob_matches, like_pattern, sqlite_glob


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*", ""),
        ("", ""),
        ("abc", "ABC"),
        ("a*", "a"),
        ("*c", "abc"),
        ("a*c", "aXbXc"),
        ("a*b*c", "a-b-b-c"),
        ("*b*", "abc"),
        ("a?c", "abc"),
        ("?", "日"),
        ("?*?", "ab"),
        ("*a?c*", "xxabcxx"),
        ("*?b", "aab"),
        ("**", "x"),
        ("STRASSE É", "strasse é"),
        ("[a]", "[A]"),
        ("a*a", "aa"),
    ],
)
def test_a_glob_matches_the_whole_text_whatever_its_case(pattern: str, text: str) -> None:
    assert glob_matches(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("", "a"),
        ("?", ""),
        ("??", "a"),
        ("a*a", "a"),
        ("abc", "xabc"),
        ("a*c", "abcd"),
        ("*x*", "abc"),
        ("*a?c*", "ac"),
        ("a?", "bb"),
        ("*?x", "x"),
        ("*b*b*", "ab"),
        ("a*b", "xab"),
        ("ß", "ss"),
    ],
)
def test_a_glob_does_not_match_a_part_or_another_text(pattern: str, text: str) -> None:
    assert not glob_matches(pattern, text)


def test_a_hostile_pattern_does_bounded_work() -> None:
    matcher = compile_glob("*a" * 500 + "*b")

    assert not matcher("a" * 20_000)


def test_sqlite_takes_no_bracket_as_a_class() -> None:
    assert sqlite_glob("A[b]*") == "a[[]b]*"


def test_like_takes_only_the_wildcards_of_the_glob() -> None:
    assert like_pattern("A*b?%_!") == "a%b_!%!_!!"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ABC", "abc"),
        ("É", "é"),
        ("ẞ", "ß"),
        ("ß", "ß"),
        ("İI", "İi"),
        ("\u03a3\u03c2\u03c3", "\u03c3\u03c3\u03c3"),
        ("\u212a", "k"),
        ("\U00010400", "\U00010428"),
    ],
)
def test_folding_goes_character_by_character(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_every_character_folds_to_one_that_stays() -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]

    changed = {one: fold(one) for one in characters if fold(one) != one}

    assert all(len(folded) == 1 and fold(folded) == folded for folded in changed.values())
    assert {one for one in characters if len(one.casefold()) == 1 and one.casefold() != one} <= set(
        changed
    )


def test_the_alphabets_fold_as_the_function_does() -> None:
    source, target = fold_alphabets()

    assert fold(source) == target
    assert len(set(source)) == len(source)
    assert "".join(map(chr, range(0x20, 0x7F))) in source
