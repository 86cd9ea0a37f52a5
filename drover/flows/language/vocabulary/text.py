"""Helpers that change text. Every argument is cast to text first."""

from __future__ import annotations

import math
import re
from typing import Final

from drover.flows.language.conversions import to_number, to_text
from drover.flows.language.helper import Helper
from drover.flows.language.numbers import WHITE_SPACE
from drover.flows.language.text import length_in_units, slice_units
from drover.flows.language.values import UNDEFINED, Value

_WORDS: Final = re.compile(r"\S+")


def _upper(text: Value = UNDEFINED) -> str:
    return to_text(text).upper()


def _lower(text: Value = UNDEFINED) -> str:
    return to_text(text).lower()


def _title_case(text: Value = UNDEFINED) -> str:
    return _WORDS.sub(lambda word: word[0][:1].upper() + word[0][1:].lower(), to_text(text))


def _trim(text: Value = UNDEFINED) -> str:
    return to_text(text).strip(WHITE_SPACE)


def _substring(text: Value = UNDEFINED, start: Value = 0, end: Value = UNDEFINED) -> str:
    text = to_text(text)
    length = length_in_units(text)
    first = _place(start, length)
    last = length if end is UNDEFINED else _place(end, length)
    return slice_units(text, min(first, last), max(first, last))


def _place(value: Value, length: int) -> int:
    number = to_number(value)
    return 0 if math.isnan(number) else int(min(max(number, 0), length))


HELPERS: Final = (
    Helper("upper", _upper, ("s",)),
    Helper("lower", _lower, ("s",)),
    Helper("titleCase", _title_case, ("s",)),
    Helper("trim", _trim, ("s",)),
    Helper("substring", _substring, ("s", "start", "end")),
)
