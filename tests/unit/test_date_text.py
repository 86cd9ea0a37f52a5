"""Dates are read as people, mails and browsers write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drover.model.date_text import date_in


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 22 Nov 2026 10:00:04 GMT",
        "22 Nov 2026 10:00:04 UTC",
        "22-Nov-2026 10:00:04",
        "Sun Nov 22 2026 10:00:04 GMT+0000 (Coordinated Universal Time)",
        "Sun Nov 22 2026 12:00:04 GMT+0200 (EET)",
        "November 22, 2026 10:00:04",
        "nov. 22 2026, 10:00:04 am",
        "11/22/2026, 10:00:04 AM",
        "11/22/2026 05:00:04 -05:00",
        "2026/11/22 10:00:04Z",
        "  Nov  22\t2026 10:00:04.000 ",
        "Sun Nov 22 10:00:04 2026",
        "Sun Nov 22 10:00:04 UTC 2026",
        "Sun Nov 22 05:00:04 EST 2026",
        "Sun, 22 Nov 2026 03:00:04 PDT",
        "22 Nov 2026 10:00:04 UT",
        "Sun Nov 22 2026 11:00:04 GMT+1",
        "2026-11-22 10:00:04 UTC",
        "2026-11-22t10:00:04z",
        "2026-11-22 15:30:04 +0530",
        "2026.11.22 10:00:04",
        "11-22-2026 10:00:04",
    ],
)
def test_one_moment_is_written_in_many_ways(text):
    assert date_in(text) == datetime(2026, 11, 22, 10, 0, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("May 1 2026", datetime(2026, 5, 1, tzinfo=UTC)),
        ("1/2/2026", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-1-2 3:04", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        ("2026-02", datetime(2026, 2, 1, tzinfo=UTC)),
        ("1/2/2026 12:30 am", datetime(2026, 1, 2, 0, 30, tzinfo=UTC)),
        ("1/2/2026 12:30PM", datetime(2026, 1, 2, 12, 30, tzinfo=UTC)),
        ("1/2/2026 1:30 pm", datetime(2026, 1, 2, 13, 30, tzinfo=UTC)),
        ("Sept 3 2026 1:02:03.5", datetime(2026, 9, 3, 1, 2, 3, 500_000, tzinfo=UTC)),
    ],
)
def test_what_is_left_out_is_the_beginning(text, moment):
    assert date_in(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "31 Feb 2026",
        "13/1/2026",
        "Nov 22 2026 25:00",
        "Nov 22 2026 13:00 pm",
        "Foo 22 2026",
        "Nov 22 2026 10:00 +2500",
        "1 Jan 0001 00:00 +2300",
        "Nov 22 26",
        "Nov 22",
        "Nov 22 10:00:04",
        "2026-11/22",
        "2026-11-0",
        "2026-11-22 10:00 XST",
        "Nov 22 2026 10:00 (",
        "Nov 22 2026" + " " * 100,
    ],
)
def test_what_is_no_date_is_none(text):
    assert date_in(text) is None
