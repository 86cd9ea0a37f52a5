"""Moments: milliseconds inside, ISO text with three decimals on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.model.errors import Invalid
from drover.model.instants import to_ms, to_text


def test_a_moment_is_written_with_three_decimals_and_z():
    assert to_text(1767322984567) == "2026-01-02T03:03:04.567Z"
    assert to_text(0) == "1970-01-01T00:00:00.000Z"


def test_a_text_without_zone_is_utc_and_offsets_count():
    assert to_ms("1970-01-01T00:00:01") == 1000
    assert to_ms("1970-01-01T01:00:00+01:00") == 0


def test_what_is_not_a_date_is_refused():
    with pytest.raises(Invalid, match="yesterday"):
        to_ms("yesterday")


@given(st.integers(0, 253402300799999))
def test_text_and_milliseconds_are_the_same_moment(ms):
    assert to_ms(to_text(ms)) == ms
