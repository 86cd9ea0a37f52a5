"""Values that devices reported over time, gathered into buckets.

Buckets begin at whole multiples of their length since the epoch and are named by their beginning;
the newest is not over yet, and empty ones are left out. Source: Losant-compatible nodes, 6.2.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Points = Sequence[tuple[int, Any]]
    """Moments in ms with the value of each, oldest first."""

NONE: Final = "NONE"
"""Not to aggregate at all."""

_EXACT: Final = 2**53
"""Up to here each whole number is one of JavaScript's, and shown without a fraction."""

_PLAIN: Final = 8
"""Bytes that a value counts for which is no text."""

MOST_BUCKETS: Final = 25_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Moments from the first bucket's beginning to ``end_ms``; one bucket without a resolution."""

    end_ms: int
    duration_ms: int
    resolution_ms: int | None = None

    @property
    def start_ms(self) -> int:
        """The beginning of the first bucket."""
        length = self.resolution_ms
        if length is None:
            return self.end_ms - self.duration_ms
        return (self.end_ms // length - self.count + 1) * length

    @property
    def count(self) -> int:
        """How many buckets there are."""
        length = self.resolution_ms
        return 1 if length is None else max(1, math.ceil(self.duration_ms / length))

    def bucket_ms(self, time_ms: int) -> int:
        """Return the beginning of the bucket that a moment is in."""
        if self.resolution_ms is None:
            return self.start_ms
        return time_ms - time_ms % self.resolution_ms


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What becomes of a bucket's values; ``value`` is the one whose time is summed up."""

    name: str
    value: str = ""


def size_of(moments: Iterable[tuple[int, Mapping[str, Any]]]) -> int:
    """Return about how many bytes the values of some moments have."""
    values = (value for _, values in moments for value in values.values())
    return sum(len(value.encode()) if isinstance(value, str) else _PLAIN for value in values)


def aggregated(points: Points, within: Range, wanted: Aggregation) -> list[tuple[int, Any]]:
    """Return what becomes of the values of each bucket, oldest first."""
    if wanted.name == "TIMEATVALUE":
        return _held(points, within, wanted.value)
    values: dict[int, list[Any]] = defaultdict(list)
    for time_ms, value in points:
        if value is not None:
            values[within.bucket_ms(time_ms)].append(value)
    reduce = _REDUCE[wanted.name]
    found = ((bucket_ms, reduce(values[bucket_ms])) for bucket_ms in sorted(values))
    return [(bucket_ms, value) for bucket_ms, value in found if value is not None]


def _held(points: Points, within: Range, wanted: str) -> list[tuple[int, Any]]:
    """Return for how many ms of each bucket the last reported value was the one wanted."""
    sums: dict[int, int] = {}
    ends = [*(time_ms for time_ms, _ in points), within.end_ms][1:]
    for (time_ms, value), until_ms in zip(points, ends, strict=True):
        counts = as_text(value) == wanted
        while time_ms < until_ms:
            bucket_ms = within.bucket_ms(time_ms)
            length = within.resolution_ms
            over_ms = until_ms if length is None else min(until_ms, bucket_ms + length)
            sums[bucket_ms] = sums.get(bucket_ms, 0) + (over_ms - time_ms) * counts
            time_ms = over_ms  # noqa: PLW2901 - walks from bucket to bucket
    return sorted(sums.items())


def as_text(value: Any) -> str:
    """Return a value as ``Aggregation.value`` names it: 1 and 1.0 are the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _numbers(values: Iterable[Any]) -> list[float]:
    return [float(value) for value in values if isinstance(value, (bool, int, float))]


def _of_numbers(
    reduce: Callable[[list[float]], float],
) -> Callable[[list[Any]], float | int | None]:
    """Return the rule for values that are numbers; what no number can hold is left out."""

    def reduced(values: list[Any]) -> float | int | None:
        try:
            numbers = _numbers(values)
            found = reduce(numbers) if numbers else math.nan
        except OverflowError:
            return None
        if not math.isfinite(found):
            return None
        return int(found) if found.is_integer() and abs(found) <= _EXACT else found

    return reduced


_REDUCE: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "FIRST": lambda values: values[0],
    "LAST": lambda values: values[-1],
    "COUNT": len,
    "MAX": _of_numbers(max),
    "MIN": _of_numbers(min),
    "MEDIAN": _of_numbers(statistics.median),
    "MEAN": _of_numbers(statistics.fmean),
    "SUM": _of_numbers(math.fsum),
    "STD_DEV": _of_numbers(statistics.pstdev),
}
