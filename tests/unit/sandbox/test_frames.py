"""The bytes between server and child survive the trip, and a cut reply is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.sandbox import frames

ITEMS = st.lists(st.builds(frames.Item, st.integers(0, 65535), st.binary(max_size=50)))
RECORDS = st.lists(
    st.builds(
        frames.Record,
        st.integers(0, frames.END),
        st.integers(0, 255),
        st.binary(max_size=50),
        st.binary(max_size=50),
    )
)


@given(st.binary(max_size=50), ITEMS)
def test_a_request_is_read_as_it_was_written(header, items):
    written = frames.request(header, items)

    (size,) = frames.LENGTH.unpack_from(written)
    assert size == len(written) - frames.LENGTH.size
    assert frames.parse_request(written[frames.LENGTH.size :]) == (header, items)


@given(RECORDS)
def test_records_are_read_as_they_were_written(records):
    written = b"".join(frames.record(*record) for record in records)

    assert list(frames.parse_records(written)) == records


@pytest.mark.parametrize("missing", [1, 5, 10])
def test_a_record_cut_short_is_refused(missing):
    written = frames.record(0, frames.VALUE, b"1234", b"56")

    with pytest.raises(ValueError, match="cut short"):
        list(frames.parse_records(written[:-missing]))
