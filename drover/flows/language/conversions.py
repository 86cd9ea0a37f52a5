"""From one type of value to another, as JavaScript converts."""

from __future__ import annotations

from datetime import datetime
from types import NoneType
from typing import TYPE_CHECKING, Final

from drover.flows.language.dates import date_ms, date_text
from drover.flows.language.errors import RenderLimit
from drover.flows.language.limits import MAX_OUTPUT
from drover.flows.language.numbers import MAX_SAFE, NAN, double, number_text, parse_number
from drover.flows.language.values import Undefined, Value

if TYPE_CHECKING:
    from collections.abc import Callable


def to_text(value: Value) -> str:
    """Print a value in a template: missing and null are empty, arrays join their elements.

    Raises RenderLimit when the text would be too long or the value is nested too deeply.
    """
    if value.__class__ is str:
        return value
    try:
        return _PRINT[value.__class__](value)
    except RecursionError:
        raise RenderLimit("The value is nested too deeply") from None


def to_primitive(value: Value) -> Value:
    """Return arrays and objects as text and everything else as it is."""
    kind = value.__class__
    return to_text(value) if kind is list or kind is dict else value


def to_string(value: Value) -> str:
    """Return the text an expression joins: null and missing are spelled out."""
    if value is None:
        return "null"
    return "undefined" if value.__class__ is Undefined else to_text(value)


def to_number(value: Value) -> float:
    """Cast as JavaScript's ``Number``; a date counts its milliseconds since 1970."""
    return _NUMBER[value.__class__](value)


def _join(elements: list[Value]) -> str:
    texts: list[str] = []
    total = len(elements)
    for element in elements:
        text = _PRINT[element.__class__](element)
        total += len(text)
        if total > MAX_OUTPUT:
            raise RenderLimit("The printed array is too long")
        texts.append(text)
    return ",".join(texts)


def _whole_number(value: int) -> float:
    return value if -MAX_SAFE <= value <= MAX_SAFE else double(value)


_PRINT: Final[dict[type, Callable[[Value], str]]] = {
    str: lambda value: value,
    int: number_text,
    float: number_text,
    bool: lambda value: "true" if value else "false",
    NoneType: lambda _: "",
    Undefined: lambda _: "",
    list: _join,
    dict: lambda _: "[object Object]",
    datetime: date_text,
}

_NUMBER: Final[dict[type, Callable[[Value], float]]] = {
    int: _whole_number,
    float: lambda value: value,
    bool: int,
    NoneType: lambda _: 0,
    Undefined: lambda _: NAN,
    str: parse_number,
    list: lambda value: parse_number(to_text(value)),
    dict: lambda _: NAN,
    datetime: date_ms,
}

KIND_NAMES: Final[dict[type, str]] = {
    int: "number",
    float: "number",
    bool: "boolean",
    str: "string",
    NoneType: "null",
    Undefined: "undefined",
    list: "array",
    dict: "object",
    datetime: "date",
}
"""What the ``typeof`` helper calls a value of each class."""
