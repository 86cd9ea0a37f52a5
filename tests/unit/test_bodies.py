"""Bodies are decoded strictly, and faults name their place."""

from __future__ import annotations

import pytest
from msgspec import Struct

from drover.model.bodies import convert, decode
from drover.model.errors import Invalid


class Inner(Struct, forbid_unknown_fields=True):
    """What is inside."""

    size: int


class Outer(Struct, forbid_unknown_fields=True):
    """What is around."""

    name: str = ""
    parts: list[Inner] = []


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b'{"name":1}', "name", "at `name`"),
        (b'{"colour":1}', "colour", "unknown field `colour`"),
        (b'{"parts":[{"size":1},{}]}', "parts[1].size", "required field `size` at `parts[1]`"),
        (b'{"parts":[{"size":1,"x":2}]}', "parts[0].x", "unknown field `x` at `parts[0]`"),
        (b"3", None, "Expected `object`"),
        (b"{", None, "not valid JSON"),
        (b"\xff", None, "not valid JSON"),
        (b'{"name":"\\ud800"}', None, "not valid JSON"),
        (b'{"name":"a\\u0000"}', None, "U+0000"),
    ],
)
def test_a_fault_is_told_with_its_place(body, field, words):
    with pytest.raises(Invalid) as refused:
        decode(body, Outer)

    assert refused.value.field == field
    assert words in refused.value.message


def test_what_is_nested_too_deep_is_refused():
    with pytest.raises(Invalid, match="nested too deep"):
        decode(b"[" * 100_000, list)


def test_no_body_is_an_empty_object():
    assert decode(b"", Outer) == Outer()


def test_an_escaped_backslash_before_u0000_is_plain_text():
    assert decode(b'{"name":"\\\\u0000"}', Outer).name == "\\u0000"


def test_a_value_is_checked_at_its_place():
    with pytest.raises(Invalid) as refused:
        convert([{"size": "x"}], list[Inner], "parts")

    assert refused.value.field == "parts[0].size"
    assert convert({"size": 1}, Inner) == Inner(1)
