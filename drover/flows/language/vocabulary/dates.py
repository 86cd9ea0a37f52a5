"""Helpers that print dates, and ``format``, which prints any value."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from drover.flows.language import clock
from drover.flows.language.conversions import to_text
from drover.flows.language.d3 import format_number
from drover.flows.language.dates import to_date
from drover.flows.language.helper import Helper, defaulting
from drover.flows.language.json_text import to_json
from drover.flows.language.moment import format_date, relative_text
from drover.flows.language.values import UNDEFINED, Value, is_number

_DEFAULT_DATE: Final = "L LTS"
_DEFAULT_NUMBER: Final = ",.6"
_PRESETS: Final = {"date-time-local": "YYYY-MM-DDTHH:mm"}
_INVALID: Final = "Invalid date"


def _pattern(value: Value) -> str:
    text = to_text(value) or _DEFAULT_DATE
    return _PRESETS.get(text, text)


def _format(value: Value = UNDEFINED, pattern: Value = UNDEFINED) -> str:
    if is_number(value):
        return format_number(value, to_text(pattern) or _DEFAULT_NUMBER)
    if value.__class__ is datetime:
        return format_date(value, _pattern(pattern))
    return to_json(value) if value.__class__ in {dict, list} else to_text(value)


def _format_date(
    value: Value = UNDEFINED,
    pattern: Value = UNDEFINED,
    zone: Value = "UTC",
    _locale: Value = "en",
) -> str:
    if value is UNDEFINED or value is None:
        return ""
    moment = to_date(value)
    return _INVALID if moment is None else format_date(moment, _pattern(pattern), to_text(zone))


def _format_relative(
    value: Value = UNDEFINED, relative_to: Value = UNDEFINED, _locale: Value = "en"
) -> str:
    if value is UNDEFINED or value is None:
        return ""
    moment = to_date(value)
    origin = to_date(relative_to) if relative_to not in (UNDEFINED, None, "") else clock.now()
    return _INVALID if moment is None or origin is None else relative_text(moment, origin)


def _current(pattern: Value = UNDEFINED, zone: Value = "UTC", _locale: Value = "en") -> str:
    return format_date(clock.now(), _pattern(pattern), to_text(zone))


HELPERS: Final = (
    Helper("format", _format, ("v", "fmt")),
    Helper("formatDate", defaulting(_format_date), ("v", "fmt", "tz", "locale")),
    Helper("formatDateRelative", _format_relative, ("v", "rel", "locale")),
    Helper("currentDateTime", defaulting(_current), ("fmt", "tz", "locale")),
)
