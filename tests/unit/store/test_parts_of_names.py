"""What a database is asked for a part of a name."""

from __future__ import annotations

from drover.store.search import all_of, grams


def test_a_text_is_asked_for_by_its_parts_of_three_characters():
    assert grams("pump") == ["pum", "ump"]
    assert grams("aaaa") == ["aaa"]
    assert all_of(["pum", 'a"b']) == '"pum" AND "a""b"'
