"""The values of a payload: JSON, dates, and the missing value.

A payload holds only ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool``, ``None`` and
``datetime`` (aware, UTC, whole milliseconds). ``UNDEFINED`` stands for what is not there; it is
never stored. Every function here looks at the exact class of a value, so that nothing else can
slip in and no attribute of any value is ever reached from a text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, final

from drover.flows.language.errors import RenderLimit


@final
class Undefined:
    """The type of the missing value; there is one instance, ``UNDEFINED``."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __reduce__(self) -> str:
        # Copies and pickles are the same object, so that "is UNDEFINED" always holds.
        return "UNDEFINED"


UNDEFINED: Final = Undefined()

Value: TypeAlias = Any
"""A payload value or ``UNDEFINED``."""

Payload: TypeAlias = dict[str, Any]
"""The root object that a text is rendered against."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def truthy(value: Value) -> bool:
    """Whether an expression counts ``value`` as true: empty arrays and objects do."""
    kind = value.__class__
    if kind is list or kind is dict:
        return True
    return bool(value) and value == value  # noqa: PLR0124  NaN alone differs from itself


def filled(value: Value) -> bool:
    """Whether an ``if`` block counts ``value`` as true: as ``truthy``, but not ``[]``."""
    kind = value.__class__
    if kind is dict:
        return True
    return bool(value) and value == value  # noqa: PLR0124  NaN alone differs from itself


def is_number(value: Value) -> bool:
    """Whether ``value`` is a number; booleans are not."""
    kind = value.__class__
    return kind is int or kind is float


def deep_copy(value: Value) -> Value:
    """Return a copy that shares no array or object with ``value``.

    A missing member of an object is left out, a missing element of an array becomes null.
    Raises RenderLimit when the value is nested too deeply.
    """
    try:
        return _copy(value)
    except RecursionError:
        raise RenderLimit("The value is nested too deeply") from None


def _copy(value: Value) -> Value:
    kind = value.__class__
    if kind is dict:
        return {
            key: _copy(member) if member.__class__ in _CONTAINERS else member
            for key, member in value.items()
            if member is not UNDEFINED
        }
    if kind is list:
        return [None if element is UNDEFINED else _copy(element) for element in value]
    return value


_CONTAINERS: Final[frozenset[type]] = frozenset({dict, list})
