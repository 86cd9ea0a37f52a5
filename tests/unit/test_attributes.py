"""Reported values are brought to the type of their attribute, or passed over."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.model.attributes import coerce


@pytest.mark.parametrize(
    ("data_type", "value", "stored"),
    [
        ("string", "x", "x"),
        ("string", 7, "7"),
        ("string", 7.0, "7"),
        ("string", 7.5, "7.5"),
        ("string", True, "true"),
        ("string", False, "false"),
        ("string", "x" * 65_536, "x" * 65_536),
        ("string", "x" * 65_537, None),
        ("blob", "aGk=", "aGk="),
        ("blob", "x" * 262_144, "x" * 262_144),
        ("blob", "x" * 262_145, None),
        ("number", 1.5, 1.5),
        ("number", 7, 7),
        ("number", True, 1),
        ("number", "21.5", 21.5),
        ("number", "7", 7),
        ("number", "1e400", None),
        ("number", "nan", None),
        ("number", "warm", None),
        ("number", "1" * 500, None),
        ("number", math.inf, None),
        ("number", "1e300", 1e300),
        ("number", " -7.5E1 ", -75),
        ("number", "1_000", None),
        ("number", "٣", None),
        ("number", 2**53, 2**53),
        ("number", 10**30, 1e30),
        ("number", 10**400, None),
        ("boolean", True, True),
        ("boolean", 0, False),
        ("boolean", "TRUE", True),
        ("boolean", "off", False),
        ("boolean", "maybe", None),
        ("gps", "52.5, 13.4", "52.5,13.4"),
        ("gps", "-33.85,151.21", "-33.85,151.21"),
        ("gps", "0,0", "0,0"),
        ("gps", "91,0", None),
        ("gps", "0,181", None),
        ("gps", "52°30'0\"N 13°24'0\"E", "52.5,13.4"),
        ("gps", "33d51m0s S, 151d12m36s W", "-33.85,-151.21"),
        ("gps", "$GPGLL,4916.45,N,12311.12,W,225444,A", "49.27416667,-123.18533333"),
        ("gps", "$GPGGA,123519,4807.038,N,01131.000,E,1,08", "48.1173,11.51666667"),
        ("gps", "somewhere", None),
        ("gps", 5, None),
        ("number", None, None),
        ("string", [], None),
    ],
)
def test_a_value_becomes_what_its_attribute_holds(data_type, value, stored):
    assert coerce(data_type, value) == stored


@given(st.sampled_from(["string", "number", "boolean", "gps", "blob"]), st.text() | st.floats())
def test_what_was_stored_stays_as_it_is(data_type, value):
    stored = coerce(data_type, value)

    assert stored is None or coerce(data_type, stored) == stored
