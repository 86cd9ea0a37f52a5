"""Moments as this dialect writes them."""

from __future__ import annotations

from functools import lru_cache

from drover.model.instants import to_text

_SECOND_MS = 1000
_SHORT = len(".000Z")


def shown_moment(ms: int) -> str:
    """Return a moment in UTC with milliseconds; many within the same second cost little."""
    seconds, rest = divmod(ms, _SECOND_MS)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=8192)
def _second(seconds: int) -> str:
    return to_text(seconds * _SECOND_MS)[:-_SHORT]
