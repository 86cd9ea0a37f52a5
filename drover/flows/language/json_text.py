"""JSON as payloads write and read it."""

from __future__ import annotations

import json
from datetime import datetime
from json.encoder import encode_basestring
from types import NoneType
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from drover.flows.language.dates import iso_text
from drover.flows.language.errors import RenderLimit
from drover.flows.language.limits import MAX_JSON
from drover.flows.language.numbers import json_integer, number_text, plain
from drover.flows.language.text import halves_escaped, well_formed
from drover.flows.language.values import UNDEFINED, Undefined, Value

if TYPE_CHECKING:
    from collections.abc import Callable

_TOO_LONG: Final = "The JSON text is too long"
_TOO_DEEP: Final = "The value is nested too deeply"


def to_json(value: Value, indent: str = "") -> str:
    """Write a value as JSON: dates as ISO text in UTC, NaN and infinities as null.

    A missing member is left out, a missing element or value is null. ``indent`` is the text that
    one level is indented by. Raises RenderLimit for values that are too large or too deep.
    """
    try:
        return _write_indented(value, indent, "\n") if indent else _WRITE[value.__class__](value)
    except RecursionError:
        raise RenderLimit(_TOO_DEEP) from None


def _quote(text: str) -> str:
    quoted = encode_basestring(text)
    return quoted if quoted.isascii() else halves_escaped(quoted)


def _write_number(value: float) -> str:
    text = number_text(value)
    # Only NaN and the infinities end in a letter.
    return text if text[-1].isdigit() else "null"


def _write_array(elements: list[Value]) -> str:
    texts: list[str] = []
    total = 0
    for element in elements:
        text = _WRITE[element.__class__](element)
        total += len(text)
        if total > MAX_JSON:
            raise RenderLimit(_TOO_LONG)
        texts.append(text)
    return f"[{','.join(texts)}]"


def _write_object(members: dict[str, Value]) -> str:
    texts: list[str] = []
    total = 0
    for key, member in members.items():
        if member is UNDEFINED:
            continue
        text = f"{_quote(key)}:{_WRITE[member.__class__](member)}"
        total += len(text)
        if total > MAX_JSON:
            raise RenderLimit(_TOO_LONG)
        texts.append(text)
    return f"{{{','.join(texts)}}}"


def _write_indented(value: Value, indent: str, line: str) -> str:
    """Write ``value`` over several lines; ``line`` is the break and indent of its own line."""
    deeper = line + indent
    if value.__class__ is list and value:
        texts = [_write_indented(element, indent, deeper) for element in value]
        return _enclose("[]", texts, line, deeper)
    if value.__class__ is dict and any(member is not UNDEFINED for member in value.values()):
        texts = [
            f"{_quote(key)}: {_write_indented(member, indent, deeper)}"
            for key, member in value.items()
            if member is not UNDEFINED
        ]
        return _enclose("{}", texts, line, deeper)
    return _WRITE[value.__class__](value)


def _enclose(brackets: str, texts: list[str], line: str, deeper: str) -> str:
    if sum(map(len, texts)) + len(texts) * len(deeper) > MAX_JSON:
        raise RenderLimit(_TOO_LONG)
    return f"{brackets[0]}{deeper}{f',{deeper}'.join(texts)}{line}{brackets[1]}"


_WRITE: Final[dict[type, Callable[[Value], str]]] = {
    str: _quote,
    int: _write_number,
    float: _write_number,
    bool: lambda value: "true" if value else "false",
    NoneType: lambda _: "null",
    Undefined: lambda _: "null",
    list: _write_array,
    dict: _write_object,
    datetime: lambda value: f'"{iso_text(value)}"',
}


def parse_json(text: str) -> Value:
    """Read JSON text strictly; the last of duplicate keys wins.

    Raises json.JSONDecodeError with the place, and RenderLimit when nested too deeply.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        # The standard parser is slower, but tells the place and accepts what the fast one
        # refuses although it is JSON: long whole numbers and halves of surrogate pairs.
        return _parse_slowly(text)


def _parse_slowly(text: str) -> Value:
    try:
        found = json.loads(text, parse_int=json_integer, parse_constant=_refuse_constant(text))
        return well_formed_value(found)
    except RecursionError:
        raise RenderLimit(_TOO_DEEP) from None


def _refuse_constant(text: str) -> Callable[[str], NoReturn]:
    def refuse(name: str) -> NoReturn:
        raise json.JSONDecodeError(f"{name} is not JSON", text, text.find(name))

    return refuse


def well_formed_value(value: Value) -> Value:
    """Return a value that every encoding can carry.

    Halves of surrogate pairs become U+FFFD, whole numbers of more than 53 bits doubles. Raises
    RecursionError for a value that is nested too deeply.
    """
    if value.__class__ is str:
        return well_formed(value)
    if value.__class__ is int:
        return plain(value)
    if value.__class__ is list:
        return [well_formed_value(element) for element in value]
    if value.__class__ is dict:
        return {well_formed(key): well_formed_value(member) for key, member in value.items()}
    return value
