"""Payload values on their way into a script and out of it."""

import math
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drover.sandbox import values

MOMENTS = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))
NUMBERS = (
    st.integers(-(2**53), 2**53)
    | st.floats(-(2**53), 2**53)
    | st.sampled_from([1e21, 1e300, math.inf])
)
TEXTS = st.text(max_size=8)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS | MOMENTS
PAYLOADS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)
EACH = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@EACH
@given(payload=PAYLOADS)
def test_what_a_script_does_not_touch_comes_back_as_it_was(run, payload):
    assert run("", payload).payload == payload


@EACH
@given(payload=PAYLOADS)
def test_dates_are_found_wherever_a_script_moves_them(run, payload):
    assert run("return { list: [payload], payload }", payload).payload == {
        "list": [payload],
        "payload": payload,
    }


def test_a_date_is_a_javascript_date_inside(run):
    moment = datetime(2016, 2, 19, 22, 26, 0, 123000, tzinfo=UTC)

    result = run(
        "return [payload.at instanceof Date, payload.at.getTime(), payload.at.toISOString(), "
        "JSON.stringify(payload), String(payload.at)]",
        {"at": moment},
    )

    assert result.payload == [
        True,
        1455920760123,
        "2016-02-19T22:26:00.123Z",
        '{"at":"2016-02-19T22:26:00.123Z"}',
        "Fri Feb 19 2016 22:26:00 GMT+0000 (Coordinated Universal Time)",
    ]


def test_microseconds_are_cut_off(run):
    moment = datetime(2020, 1, 1, 0, 0, 0, 999999, tzinfo=UTC)

    assert run("", {"at": moment}).payload == {"at": moment.replace(microsecond=999000)}


@pytest.mark.parametrize(
    "moment",
    [datetime(2020, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))), datetime(2020, 1, 1, 12)],  # noqa: DTZ001 - that is the case
    ids=["other zone", "no zone is UTC"],
)
def test_every_moment_enters_as_utc(run, moment):
    assert run("return payload.getTime()", moment).payload == 1577880000000


def test_a_new_date_made_by_the_script_is_a_date_outside(run):
    result = run(
        "payload.next = new Date(payload.at.getTime() + 1)",
        {"at": datetime(2020, 1, 1, tzinfo=UTC)},
    )

    assert result.payload["next"] == datetime(2020, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)


@pytest.mark.parametrize("made", ["new Date(NaN)", "new Date(8e15)", "new Date(-8e15)"])
def test_a_date_without_a_calendar_day_of_ours_is_null(run, made):
    assert run(f"return [{made}]").payload == [None]


def test_numbers_that_are_not_finite_survive_both_ways(run):
    result = run(
        "payload.seen = [Number.isNaN(payload.a), payload.b, payload.c]; payload.made = [NaN, 1 / 0]",
        {"a": math.nan, "b": math.inf, "c": -math.inf},
    ).payload

    assert math.isnan(result["a"])
    assert (result["b"], result["c"]) == (math.inf, -math.inf)
    assert result["seen"] == [True, math.inf, -math.inf]
    assert math.isnan(result["made"][0])
    assert result["made"][1] == math.inf


def test_a_null_beside_a_nan_stays_null(run):
    assert run("return [null, Infinity, undefined]").payload == [None, math.inf, None]


def test_undefined_crosses_at_the_root_only(run):
    assert run("payload = undefined", {"a": 1}).payload is msgspec.UNSET
    assert run("return typeof payload", msgspec.UNSET).payload == "undefined"
    assert run("payload.gone = undefined; payload.zero = null").payload == {"zero": None}


def test_functions_and_symbols_are_dropped(run):
    result = run("return { f() {}, s: Symbol('s'), [Symbol('k')]: 1, list: [() => 1], kept: 1 }")

    assert result.payload == {"list": [None], "kept": 1}


def test_a_key_that_names_the_prototype_is_a_key_like_others(run):
    payload = {"__proto__": {"at": datetime(2020, 1, 1, tzinfo=UTC)}, "constructor": 1}

    assert run("", payload).payload == payload


def test_half_a_surrogate_pair_survives(run):
    assert run("return payload + '\\ud83d'", "\ud800").payload == "\ud800\ud83d"


def test_an_integer_beyond_the_engine_becomes_the_nearest_number(run):
    assert run("", {"n": 10**30}).payload == {"n": 1e30}


def test_rare_values_together_take_the_slow_road(run):
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    result = run("", {"n": 10**30, "at": moment, "nan": math.nan, "list": (1, 2)}).payload

    assert (result["n"], result["at"], result["list"]) == (1e30, moment, [1, 2])
    assert math.isnan(result["nan"])


def test_an_object_that_looks_like_our_mark_of_another_kind_is_none():
    assert values.decode(b'[{"~t":{}},{"~t":"what"},{"~t":1e300}]', "~t") == [None, None, None]


def test_a_value_that_json_does_not_know_is_unfit():
    with pytest.raises(values.Unfit) as unfit:
        values.encode({"x": {1, 2}})

    assert unfit.value.failure.name == "TypeError"


def test_a_payload_above_the_limit_is_unfit():
    with pytest.raises(values.Unfit) as unfit:
        values.encode("x" * 5_000_000)

    assert unfit.value.failure.name == "PayloadTooLarge"


def test_a_payload_nested_without_end_is_unfit():
    endless: list[object] = []
    for _ in range(100_000):
        endless = [endless]

    with pytest.raises(values.Unfit) as unfit:
        values.encode(endless)

    assert unfit.value.failure.name == "RangeError"
    while endless:
        endless = endless.pop()  # a chain this long must be taken apart by hand


def test_a_payload_of_strangers_is_unfit_also_on_the_slow_road():
    for payload in ({"n": 10**30, "x": object()}, {"n": 10**30, "x": {1}}, {"x": b"bytes"}):
        with pytest.raises(values.Unfit) as unfit:
            values.encode(payload)

        assert unfit.value.failure.name == "TypeError"


def test_dates_that_share_no_place_with_those_that_went_in_are_found():
    shape = (("Date", ("root", "a")), ("Date", ("root", "b", 0)))
    moment = datetime(1970, 1, 1, tzinfo=UTC)

    assert values.decode(b'{"a":{"~t":0},"c":{"~t":0}}', "~t", shape) == {"a": moment, "c": moment}
    assert values.decode(b'{"a":{"~t":0},"b":[{"~t":0}]}', "~t", shape) == {
        "a": moment,
        "b": [moment],
    }
    assert values.decode(b'[{"~t":0},{"~t":0}]', "~t", shape) == [moment, moment]
