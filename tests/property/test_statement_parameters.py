"""Numbering the parameters of any SQL text."""

from hypothesis import given
from hypothesis import strategies as st

from drover.store.statements import positional

NAMES = st.sampled_from(["a", "b", "size_1", "Z", "rows"])
QUIET = st.sampled_from(
    [
        "':a'",
        "'it''s :b'",
        '":a"',
        "$$:a$$",
        "$t$ ' :b $$ $t$",
        "-- :a '\n",
        '/* :b " */',
        "x::text",
        "f(y := 1)",
        "E'\\':a'",
        "l[1:2]",
        "SELECT",
        "->>",
        ",",
    ]
)
PARTS = st.lists(QUIET | NAMES.map(lambda name: f":{name}"))


@given(PARTS)
def test_every_parameter_outside_of_quotes_gets_its_number_and_nothing_else_changes(parts):
    sql = " ".join(parts)

    text, names = positional(sql)

    used = [part[1:] for part in parts if part.startswith(":")]
    assert names == tuple(dict.fromkeys(used))
    expected = [f"${names.index(part[1:]) + 1}" if part.startswith(":") else part for part in parts]
    assert text == " ".join(expected)


@given(st.text())
def test_any_text_can_be_read(sql):
    text, names = positional(sql)

    assert len(set(names)) == len(names)
    assert bool(names) == (text != sql)
