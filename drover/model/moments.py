"""Moments as devices write them: numbers, dates as text, ``{"$date": ...}``, negative ages."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct, field

from drover.model.date_text import date_in
from drover.model.errors import Invalid
from drover.model.instants import LAST_MS, to_ms


class DateObject(Struct, frozen=True, forbid_unknown_fields=True):
    """A moment as an object: ``{"$date": "2026-01-02T03:04:05.678Z"}``."""

    date: str = field(name="$date")


AnyMoment = str | int | float | DateObject

_SECONDS_END: Final = 100_000_000_000
"""Smaller numbers count seconds: as milliseconds they would all lie before March 1973."""


def moment_ms(given: object, now_ms: int) -> int:
    """Return the moment in milliseconds since the epoch; what cannot be read means now.

    A negative number is an age in milliseconds, a small one counts seconds.
    """
    if isinstance(given, DateObject):
        given = given.date
    elif isinstance(given, dict):
        given = given.get("$date")
    if isinstance(given, bool) or given is None:
        return now_ms
    if isinstance(given, str):
        return _from_text(given, now_ms)
    # Comparing is safe for whole numbers that no float can hold, and false for what is no number.
    if isinstance(given, int | float) and -math.inf < given <= LAST_MS:
        return _from_number(given, now_ms)
    return now_ms


def _from_text(text: str, now_ms: int) -> int:
    try:
        return to_ms(text)
    except Invalid:
        if (found := date_in(text)) is not None:
            return int(found.timestamp() * 1000)
    try:
        return _from_number(float(text), now_ms)
    except (ValueError, OverflowError):
        return now_ms


def _from_number(number: float, now_ms: int) -> int:
    if number < 0:
        return max(now_ms + int(number), 0)
    ms = int(number * 1000) if number < _SECONDS_END else int(number)
    return ms if ms <= LAST_MS else now_ms
