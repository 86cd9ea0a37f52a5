"""Query strings: flat parameters, and lists and objects in brackets."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.faces.parameters import nested, parse
from drover.model.errors import Invalid


def flat(name, value) -> dict[str, str]:
    """Return a value as the vendor's client writes it."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = ((str(index), each) for index, each in enumerate(value))
    else:
        return {name: value}
    found: dict[str, str] = {}
    for key, each in items:
        found |= flat(f"{name}[{key}]", each)
    return found


KEYS = st.text("abcXYZ_-", min_size=1, max_size=5)
LEAVES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)
OBJECTS = st.dictionaries(KEYS, LEAVES, min_size=1, max_size=3)
VALUES = LEAVES | OBJECTS | st.lists(LEAVES | OBJECTS, min_size=1, max_size=12)


@given(KEYS, VALUES)
def test_what_clients_write_in_brackets_is_read_back(name, value):
    parameters = parse(urlencode(flat(name, value)).encode())

    assert nested(parameters, name) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(query):
    try:
        parameters = parse(query)
        nested(parameters, "a")
    except Invalid:
        return
    assert all("\0" not in value for value in parameters.values())


@pytest.mark.parametrize("query", [b"a[0=1", b"a[0]]=1", b"a[0]x=1", b"a[1][2][3][4][5]=1"])
def test_brackets_that_do_not_match_or_nest_too_deep_are_refused(query):
    with pytest.raises(Invalid):
        nested(parse(query), "a")


def test_a_value_and_an_object_of_one_name_are_refused():
    with pytest.raises(Invalid):
        nested(parse(b"a[b]=1&a[b][c]=2"), "a")


def test_empty_brackets_hold_one_value():
    assert nested(parse(b"a[]=x&a[]=y"), "a") == ["y"]
    assert nested(parse(b"b=z"), "a") is None


def test_too_many_parameters_are_refused():
    with pytest.raises(Invalid):
        parse(b"&".join(b"a%d=1" % n for n in range(1001)))


def test_of_two_values_the_last_counts_and_blanks_are_kept():
    assert dict(parse(b"a=1&a=2&b=")) == {"a": "2", "b": ""}
