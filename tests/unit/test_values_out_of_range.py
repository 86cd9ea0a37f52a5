"""Numbers and dates beyond what floats and calendars hold: refused or left out, never a failure."""

from __future__ import annotations

import pytest

from drover.faces.parameters import nested
from drover.kinds.data_table import Column
from drover.model.attributes import coerce
from drover.model.errors import Invalid
from drover.model.instants import FIRST_MS, LAST_MS, to_ms, to_text
from drover.model.moments import moment_ms

NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize("number", [10**400, 10**4000])
def test_a_moment_that_no_float_holds_is_now(number):
    assert moment_ms(number, NOW_MS) == NOW_MS


def test_an_age_that_no_float_holds_is_the_first_moment():
    assert moment_ms(-(10**400), NOW_MS) == 0


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_date_that_its_zone_leads_out_of_the_calendar_is_refused(text):
    with pytest.raises(Invalid):
        to_ms(text)


def test_the_first_and_the_last_moment_can_be_read_and_told():
    first, last = "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"

    assert (to_ms(first), to_ms(last)) == (FIRST_MS, LAST_MS)
    assert (to_text(FIRST_MS), to_text(LAST_MS)) == (first, last)


def test_a_number_that_no_float_holds_is_no_value_of_a_number_attribute():
    assert coerce("number", 10**400) is None
    assert coerce("number", -(10**400)) is None


def test_a_number_that_no_float_holds_is_none_of_a_column_of_numbers():
    column = Column(name="n", data_type="number", constraint="optional")

    assert not column.accepts(10**400)
    assert not column.accepts(-(10**400))
    assert column.accepts(-(10**300))
    assert not column.accepts(True)


def test_a_number_that_no_float_holds_is_a_text_like_any_other():
    assert coerce("string", 10**400) == "1" + "0" * 400


def test_an_index_of_thousands_of_digits_is_a_key():
    digits = "9" * 5000

    assert nested({f"a[{digits}]": "x"}, "a") == {digits: "x"}
