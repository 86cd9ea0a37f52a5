"""Codes of an authenticator app, against the published test values (RFC 6238, appendix B)."""

from __future__ import annotations

from base64 import b32encode

import pytest

from drover.model.one_time_codes import DRIFT, KEY_BYTES, STEP_MS, code_at, key_of, step_of

PUBLISHED = b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_published_examples(seconds, code):
    assert code_at(PUBLISHED, seconds * 1000 // STEP_MS) == code
    assert step_of(PUBLISHED, code, seconds * 1000) == seconds * 1000 // STEP_MS


def test_a_code_counts_a_step_early_and_a_step_late_and_no_more():
    now_ms, step = 1_800_000_000_000, 1_800_000_000_000 // STEP_MS
    near = [step_of(PUBLISHED, code_at(PUBLISHED, step + n), now_ms) for n in (-DRIFT, 0, DRIFT)]

    assert near == [step - DRIFT, step, step + DRIFT]
    for far in (-DRIFT - 1, DRIFT + 1):
        assert step_of(PUBLISHED, code_at(PUBLISHED, step + far), now_ms) is None


@pytest.mark.parametrize("text", ["", "12345", "1234567", "abcdef", "٠٥٠٤٧١", "0504 71x", "\ud800"])
def test_what_is_no_code_is_nobodys(text):
    assert step_of(PUBLISHED, text, 1111111111000) is None


def test_a_code_may_be_typed_with_spaces():
    assert step_of(PUBLISHED, "050 471", 1111111111000) is not None


def test_a_key_is_52_characters_of_base32():
    key = key_of(bytes(range(KEY_BYTES)))

    assert len(key) == 52
    assert len(code_at(key, 1)) == 6
