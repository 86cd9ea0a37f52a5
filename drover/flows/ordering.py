"""Equality and order of payload values, as the array node needs them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drover.flows.language import UNDEFINED, to_text


def identity(value: Any) -> Any:
    """Return a key that equal primitives share; None for values that equal nothing."""
    kind = value.__class__
    if kind is dict or kind is list:
        return None
    if kind is int or kind is float:
        return ("number", "NaN" if value != value else value)  # noqa: PLR0124 - NaN alone
    return (kind.__name__, value)


def ordered(values: list[Any], keys: list[Any], *, descending: bool) -> list[Any]:
    """Return the values by their keys: numbers, then texts; what is missing comes last.

    Equal keys keep their order in both directions.
    """
    ranked = [(_rank(key), value) for key, value in zip(keys, values, strict=True)]
    present = [entry for entry in ranked if entry[0] is not None]
    present.sort(key=lambda entry: entry[0], reverse=descending)  # type: ignore[arg-type,return-value]  # None is left out
    return [value for _, value in present] + [value for rank, value in ranked if rank is None]


def _rank(key: Any) -> tuple[int, float, str] | None:
    if key is UNDEFINED or key is None or (isinstance(key, float) and key != key):  # noqa: PLR0124 - NaN alone
        return None
    if isinstance(key, datetime):
        return (0, key.timestamp() * 1000, "")
    if isinstance(key, (int, float)) and not isinstance(key, bool):
        return (0, float(key), "")
    return (1, 0.0, to_text(key))
