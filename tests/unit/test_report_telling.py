"""Stored reports are told in messages that the broker takes, all of them, in their order."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from drover.app.report_telling import messages_of
from drover.ports.bus import MOST_MESSAGE_BYTES

SIZES = st.sampled_from([0, 1, 1000, 60_000, 65_536])
REPORTS = st.lists(
    st.tuples(
        st.sampled_from(["a" * 24, "b" * 24]),
        st.integers(0, 2**42),
        st.dictionaries(st.sampled_from("tuvwxyz"), SIZES, min_size=1, max_size=7),
    ),
    max_size=12,
)


def told(reports):
    """Return each value that is told, and the bytes of the largest message."""
    messages = list(messages_of(reports))
    found = [
        (device_id, time_ms, name, value)
        for message in messages
        for device_id, time_ms, values in msgspec.json.decode(message)
        for name, value in values.items()
    ]
    return found, max(map(len, messages), default=0)


@given(REPORTS)
def test_every_value_is_told_in_its_order_and_no_message_is_too_large(made):
    reports = [
        (device_id, time_ms, {name: "x" * size for name, size in sizes.items()})
        for device_id, time_ms, sizes in made
    ]

    found, largest = told(reports)

    assert found == [
        (device_id, time_ms, name, value)
        for device_id, time_ms, values in reports
        for name, value in values.items()
    ]
    assert largest <= MOST_MESSAGE_BYTES


def test_small_reports_share_a_message():
    reports = [("a" * 24, number, {"t": number}) for number in range(1000)]

    assert len(list(messages_of(reports))) == 1
