"""Moments in queries, which may be relative to now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.model.errors import Invalid
from drover.model.instants import to_ms

if TYPE_CHECKING:
    from drover.faces.operation import Call

LAST_MS: Final = 253_402_300_799_999
DAY_MS: Final = 86_400_000
_MONTH_MS: Final = -30 * DAY_MS
MOST_BUCKETS: Final = 2400
"""Hours of a hundred days, or days of six years and a half."""


def moment(call: Call, name: str, default: int, now_ms: int) -> int:
    """Return a moment of a query: 0 is now, 1 the beginning, negative relative to now."""
    text = call.query.get(name) or str(default)
    try:
        number = int(text)
    except ValueError:
        try:
            return to_ms(text)
        except Invalid as error:
            raise Invalid(f"{name} must be a moment", field=name) from error
    return _absolute(number, now_ms)


def asked_span(start: float | None, end: float | None, now_ms: int) -> tuple[int, int]:
    """Return both ends of a span that a body asks for: up to now where it says nothing.

    0 is now, 1 the beginning, negative relative to now. Raises Invalid.
    """
    first = _absolute(1 if start is None else start, now_ms)
    last = _absolute(0 if end is None else end, now_ms)
    if first > last:
        raise Invalid("start must not be after end", field="start")
    return first, last


def _absolute(asked: float, now_ms: int) -> int:
    number = int(asked)
    if number <= 0:
        return max(now_ms + number, 0)
    return 0 if number == 1 else min(number, LAST_MS)


def span(call: Call, now_ms: int) -> tuple[int, int]:
    """Return the first moment of a span and the one after its last; raises Invalid."""
    start_ms = moment(call, "start", _MONTH_MS, now_ms)
    # A moment of now counts what moved up to it: the hour that has begun, too.
    end_ms = moment(call, "end", 0, now_ms) + 1
    if end_ms <= start_ms:
        raise Invalid("end must be after start", field="end")
    return start_ms, end_ms


def days(call: Call, now_ms: int) -> tuple[int, int]:
    """Return a span that is counted by day; raises Invalid."""
    return bucketed(span(call, now_ms), DAY_MS)


def bucketed(span: tuple[int, int], resolution_ms: int) -> tuple[int, int]:
    """Return a span that is counted in buckets, from the beginning as far back as is shown.

    Raises Invalid for another of more buckets than are shown.
    """
    start_ms, end_ms = span
    farthest_ms = end_ms - MOST_BUCKETS * resolution_ms
    if start_ms == 0:
        return max(farthest_ms, 0), end_ms
    if start_ms <= farthest_ms - resolution_ms:
        raise Invalid(f"At most {MOST_BUCKETS} counts are shown at a time", field="start")
    return span
