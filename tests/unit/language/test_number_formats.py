import math

import pytest

from drover.flows.language import compile_template, to_json, to_text
from drover.flows.language.d3 import format_number
from drover.flows.language.decimal_digits import to_exponential, to_fixed, to_precision


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"), (-0.0, "0"), (42, "42"), (1.0, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (100.5, "100.5"), (1e16, "10000000000000000"),
        (1e20, "100000000000000000000"), (1e21, "1e+21"), (1.5e21, "1.5e+21"), (123456789012345680000.0, "123456789012345680000"),
        (1e-6, "0.000001"), (1.5e-6, "0.0000015"), (1e-7, "1e-7"), (-1.25e-9, "-1.25e-9"), (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
        (2**53, "9007199254740992"), (2**53 + 1, "9007199254740992"), (2**60, "1152921504606847000"), (-(10**30), "-1e+30"), (10**400, "Infinity"), (-(10**400), "-Infinity"),
        (math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (True, "true"), (False, "false"),
    ],
)  # fmt: skip
def test_a_number_prints_as_in_javascript(number: float, text: str):
    assert to_text(number) == text
    assert compile_template("{{a}}")({"a": number}) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(1.0, "1"), (-0.0, "0"), (1e21, "1e+21"), (math.nan, "null"), (math.inf, "null"), (-math.inf, "null"), (10**400, "null"), (-3, "-3"), (True, "true")],
)  # fmt: skip
def test_a_number_is_written_as_json(number: float, text: str):
    assert to_json(number) == text


@pytest.mark.parametrize(
    ("number", "pattern", "text"),
    [
        (1234.5678, "", "1234.5678"), (1234.5678, ",.6", "1,234.57"), (1234.5678, ",.5", "1,234.6"), (1234.5678, ",.2f", "1,234.57"), (0.5, "f", "0.500000"),
        (2.5, ".0f", "3"), (1.005, ".2f", "1.00"), (1e21, ".2f", "1e+21"), (42, "e", "4.200000e+1"), (42, ".1e", "4.2e+1"), (42, ".0e", "4e+1"), (42, "~e", "4.2e+1"),
        (0.00001234, "g", "0.0000123400"), (1234567890, ".3g", "1.23e+9"), (0.123, ".1%", "12.3%"), (0.123, "~%", "12.3%"), (0.00123, ".2p", "0.12%"), (123456, ".2r", "120000"),
        (0.0012345, ".2r", "0.0012"), (12.345, ".3r", "12.3"), (0, ".2r", "0"), (math.inf, "r", "Infinity"), (42e6, "s", "42.0000M"), (42e6, ".2s", "42M"), (1500, ".3~s", "1.5k"), (0.0042, ".2s", "4.2m"), (0, "s", "0.00000"),
        (1e-27, ".2s", "0.001y"), (1e30, ".2s", "1000000Y"), (math.inf, "s", "Infinity"), (math.nan, "s", "NaN"), (10, "b", "1010"), (10, "o", "12"), (255, "x", "ff"), (255, "X", "FF"), (255, "#x", "0xff"), (10, "#b", "0b1010"),
        (math.inf, "X", "INFINITY"), (math.inf, "x", "Infinity"), (math.inf, "d", "∞"), (1e21, "d", "1000000000000000000000"), (42.6, "d", "43"), (1234567, ",d", "1,234,567"), (1234567, "n", "1.23457e+6"), (1234, "n", "1,234.00"), (65, "c", "65"), (65, "$6c", "   $65"),
        (-5, "d", "-5"), (5, "+d", "+5"), (-5, "+d", "-5"), (5, " d", " 5"), (-5, "(d", "(5)"), (5, "(d", "5"), (-0.1, ".0f", "0"), (-0.0, "d", "0"), (-0.1, "+.0f", "-0"), (-255, "x", "-ff"),
        (2**53 - 1, "d", "9007199254740991"), (2**53 - 1, "x", "1fffffffffffff"), (0.49999999999999994, "d", "0"), (-0.49999999999999994, "(d", "0"), (0.49999999999999994, "b", "0"), (1.2345678901234568e20, "d", "123456789012345680000"),
        (5, "4d", "   5"), (5, "<4d", "5   "), (5, "^4d", " 5  "), (5, "*>4d", "***5"), (-5, "*=4d", "-**5"), (-5, "04d", "-005"), (1234, "010,d", "00,001,234"), (1234, "03,d", "1,234"), (1234, "$,.2f", "$1,234.00"), (-1234, "($,.2f", "($1,234.00)"),
        (0.5, "$%", "$50.000000"), (1e6, "#d", "1000000"), (1.50, "~", "1.5"), (1.5, ".99f", "1.50000000000000000000"), (123.456, ".99", "123.45600000000000307"),
        (5, "nonsense", "5"), (5, "q", "5"), (5, ".2.3f", "5"), (5, ".", "5"),
    ],
)  # fmt: skip
def test_a_number_prints_by_a_d3_format(number: float, pattern: str, text: str):
    assert format_number(number, pattern) == text


@pytest.mark.parametrize(
    ("number", "digits", "fixed", "exponential", "precision"),
    [
        (0, 2, "0.00", "0.00e+0", "0.0"),
        (2.5, 1, "2.5", "2.5e+0", "3"),
        (0.000001234, 2, "0.00", "1.23e-6", "0.0000012"),
        (0.0000001234, 2, "0.00", "1.23e-7", "1.2e-7"),
        (123456, 2, "123456.00", "1.23e+5", "1.2e+5"),
        (99.96, 2, "99.96", "1.00e+2", "1.0e+2"),
        (15, 2, "15.00", "1.50e+1", "15"),
        (8.345, 2, "8.35", "8.35e+0", "8.3"),
    ],
)
def test_a_number_prints_with_given_digits(
    number: float, digits: int, fixed: str, exponential: str, precision: str
):
    assert to_fixed(number, digits) == fixed
    assert to_exponential(number, digits) == exponential
    assert to_precision(number, digits) == precision
