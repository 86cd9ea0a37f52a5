"""Helpers that build arrays and objects and look into them."""

from __future__ import annotations

from typing import Final

from drover.flows.language.comparisons import strict_equal
from drover.flows.language.conversions import KIND_NAMES, to_text
from drover.flows.language.errors import LanguageError, RenderLimit
from drover.flows.language.helper import Helper, defaulting
from drover.flows.language.limits import MAX_OUTPUT
from drover.flows.language.paths import Path, advance, bracketed, compile_path
from drover.flows.language.text import length_in_units, slice_units
from drover.flows.language.values import UNDEFINED, Value


def length(value: Value = UNDEFINED) -> Value:
    """Return the size of an array, object or text; UNDEFINED of anything else."""
    kind = value.__class__
    if kind is str:
        return length_in_units(value)
    return len(value) if kind is list or kind is dict else UNDEFINED


def includes(collection: Value = UNDEFINED, value: Value = UNDEFINED) -> bool:
    """Whether an array or object holds ``value``, or a text contains it.

    What is missing or null is in no text, although it prints as the empty text.
    """
    kind = collection.__class__
    if kind is str:
        return value is not UNDEFINED and value is not None and to_text(value) in collection
    if kind is dict:
        return any(strict_equal(member, value) for member in collection.values())
    return kind is list and any(strict_equal(element, value) for element in collection)


def _join(array: Value = UNDEFINED, separator: Value = ",") -> str:
    if array.__class__ is not list:
        return to_text(array)
    glue = to_text(separator)
    texts: list[str] = []
    total = 0
    for element in array:
        text = to_text(element)
        total += len(text) + len(glue)
        if total > MAX_OUTPUT + len(glue):
            raise RenderLimit("The joined text is too long")
        texts.append(text)
    return glue.join(texts)


def _default_to(value: Value = UNDEFINED, default: Value = UNDEFINED) -> Value:
    missing = value is UNDEFINED or value is None or value == "" or value != value  # noqa: PLR0124  NaN
    return default if missing else value


def _typeof(value: Value = UNDEFINED) -> str:
    return KIND_NAMES[value.__class__]


def _object(**members: Value) -> dict[str, Value]:
    return members


def _array(*elements: Value) -> list[Value]:
    return list(elements)


def _merge(*parts: Value) -> dict[str, Value]:
    merged: dict[str, Value] = {}
    for part in parts:
        if part.__class__ is dict:
            merged.update(part)
    return merged


def _lookup(collection: Value = UNDEFINED, key: Value = UNDEFINED) -> Value:
    return advance(collection, bracketed(to_text(key)))


def _last(value: Value = UNDEFINED) -> Value:
    if value.__class__ is list:
        return value[-1] if value else UNDEFINED
    if value.__class__ is str and value:
        units = length_in_units(value)
        return slice_units(value, units - 1, units)
    return UNDEFINED


def _index_by_key(
    array: Value = UNDEFINED, value: Value = UNDEFINED, key_path: Value = "key"
) -> int:
    path = _path(key_path)
    if path is None or array.__class__ is not list:
        return -1
    return next(
        (at for at, element in enumerate(array) if _matches(path, element, value)),
        -1,
    )


def _matches(path: Path, element: Value, value: Value) -> bool:
    return element.__class__ is dict and strict_equal(path.get(element), value)


def _value_by_key(
    array: Value = UNDEFINED,
    value: Value = UNDEFINED,
    key_path: Value = "key",
    value_path: Value = "value",
) -> Value:
    index = _index_by_key(array, value, key_path)
    path = _path(value_path)
    return UNDEFINED if index < 0 or path is None else path.get(array[index])


def _path(text: Value) -> Path | None:
    try:
        return compile_path(to_text(text))
    except LanguageError:
        return None


HELPERS: Final = (
    Helper("length", length, ("v",)),
    Helper("includes", includes, ("coll", "v"), measured=True),
    Helper("join", defaulting(_join), ("array", "sep"), measured=True),
    Helper("defaultTo", _default_to, ("v", "d")),
    Helper("typeof", _typeof, ("v",)),
    Helper("obj", _object, members=True),
    Helper("array", _array, any_number=True),
    Helper("merge", _merge, any_number=True, measured=True),
    Helper("lookup", _lookup, ("coll", "key")),
    Helper("last", _last, ("v",)),
    Helper("indexByKey", defaulting(_index_by_key), ("array", "v", "keyPath"), measured=True),
    Helper(
        "valueByKey",
        defaulting(_value_by_key),
        ("array", "v", "keyPath", "valuePath"),
        measured=True,
    ),
)
