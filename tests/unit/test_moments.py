"""Moments are read in every form that devices send."""

from __future__ import annotations

import math

import pytest

from drover.model.moments import DateObject, moment_ms

NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("given", "ms"),
    [
        (1_600_000_000_123, 1_600_000_000_123),
        (1_600_000_000, 1_600_000_000_000),
        (1_600_000_000.5, 1_600_000_000_500),
        (-1500, NOW - 1500),
        (-(10**18), 0),
        (0, 0),
        ("2020-01-01T00:00:00Z", 1_577_836_800_000),
        ("2020-01-01", 1_577_836_800_000),
        ("1600000000123", 1_600_000_000_123),
        ("-1500", NOW - 1500),
        (DateObject("2020-01-01T00:00:00.000Z"), 1_577_836_800_000),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 1_577_836_800_000),
        ({"$date": "2020-01-01T00:00:00.000Z"}, 1_577_836_800_000),
        ({"$date": 1_600_000_000_123}, 1_600_000_000_123),
        ({"$date": {}}, NOW),
        ({}, NOW),
        ("soon", NOW),
        ("", NOW),
        ("nan", NOW),
        ("1e999", NOW),
        (None, NOW),
        (True, NOW),
        (math.nan, NOW),
        (math.inf, NOW),
        (10**18, NOW),
        ([], NOW),
    ],
)
def test_a_moment_is_read_and_what_is_none_means_now(given, ms):
    assert moment_ms(given, NOW) == ms
