"""What a database is asked for a part of a name."""

from __future__ import annotations

from drover.store.search import grams, like_anywhere


def test_a_text_is_asked_for_by_its_parts_of_three_characters():
    assert grams("pump") == '"pum" AND "ump"'
    assert grams('a"b') == '"a""b"'
    assert grams("aaaa") == '"aaa"'


def test_signs_of_a_pattern_stand_for_themselves():
    assert like_anywhere("a%b_c\\") == "%a\\%b\\_c\\\\%"
