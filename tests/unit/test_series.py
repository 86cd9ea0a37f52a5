"""Values gathered into buckets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drover.app.series import Aggregation, Range, aggregated
from drover.flows.series_fields import AGGREGATIONS

HOUR = 3_600_000
TEN = Range(end_ms=10 * HOUR + 1, duration_ms=2 * HOUR, resolution_ms=HOUR)


def gathered(points, name, within=TEN, value=""):
    return aggregated(points, within, Aggregation(name, value))


def test_buckets_begin_at_whole_multiples_and_the_newest_is_not_over():
    assert (TEN.count, TEN.start_ms) == (2, 9 * HOUR)
    whole = Range(end_ms=5000, duration_ms=2000)
    assert (whole.count, whole.start_ms, whole.bucket_ms(4999)) == (1, 3000, 3000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FIRST", 4),
        ("LAST", "x"),
        ("COUNT", 4),
        ("MAX", 4),
        ("MIN", 1),
        ("MEDIAN", 2),
        ("MEAN", 7 / 3),
        ("SUM", 7),
        ("STD_DEV", pytest.approx(1.2472191)),
    ],
)
def test_a_buckets_values_become_one(name, value):
    points = [(9 * HOUR, 4), (9 * HOUR + 1, 2), (9 * HOUR + 2, True), (9 * HOUR + 3, "x")]

    assert gathered(points, name) == [(9 * HOUR, value)]


def test_empty_buckets_and_those_without_numbers_are_left_out():
    points = [(9 * HOUR, "x"), (9 * HOUR + 1, None)]

    assert gathered(points, "MEAN") == []
    assert gathered([], "COUNT") == []
    assert gathered(points, "COUNT") == [(9 * HOUR, 1)]


def test_the_time_at_a_value_lasts_until_the_next_report_across_buckets():
    points = [(9 * HOUR, "on"), (9 * HOUR + 1000, "off"), (9 * HOUR + 3000, "on")]

    assert gathered(points, "TIMEATVALUE", value="on") == [
        (9 * HOUR, 1000 + HOUR - 3000),
        (10 * HOUR, 1),
    ]


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (2.0, "2"), (2.5, "2.5"), (3, "3")])
def test_the_time_at_a_value_compares_texts(value, text):
    whole = Range(end_ms=100, duration_ms=100)

    assert gathered([(40, value)], "TIMEATVALUE", whole, text) == [(0, 60)]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50_000), st.integers(-9, 9)), max_size=40),
    st.sampled_from(AGGREGATIONS),
    st.one_of(st.none(), st.integers(500, 60_000)),
)
def test_buckets_come_in_order_and_none_twice(points, name, resolution):
    within = Range(end_ms=50_000, duration_ms=50_000, resolution_ms=resolution)

    found = [at for at, _ in gathered(sorted(points), name, within, "1")]

    assert found == sorted(set(found))
    assert bool(found) == bool(points) or name == "TIMEATVALUE"


@pytest.mark.parametrize("name", ["SUM", "MEAN", "MEDIAN", "STD_DEV"])
def test_what_no_number_can_hold_is_left_out(name):
    huge = [(9 * HOUR, 1.7e308), (9 * HOUR + 1, 1.7e308), (9 * HOUR + 2, 10**400)]

    assert gathered(huge, name) == []
    assert gathered(huge[:2], "MAX") == [(9 * HOUR, 1.7e308)]


def test_what_is_too_large_to_be_exact_is_shown_with_an_exponent():
    ((_, found),) = gathered([(9 * HOUR, 1e308), (9 * HOUR + 1, 5)], "MAX")

    assert isinstance(found, float)
    assert found == 1e308
