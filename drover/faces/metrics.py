"""Figures of a server, in the form Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from drover.model.errors import Full, TooLarge, TooMany, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client.metrics_core import Metric

    from drover.model.errors import DroverError

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_BOUNDS: Final = (*map(str, _BUCKETS), "+Inf")
_OF_LIMITS: Final = (TooLarge, TooMany, Unavailable, Full)
"""Errors that come of a limit, whether it has a name of its own or not."""


class RequestMetrics:
    """How many requests each operation had, how they ended, how long they took (seconds).

    Refusals are counted by the limit they come from: the name of its setting or, where a limit has
    none, the type of the error.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._answered: dict[tuple[str, int], _Answered] = defaultdict(_Answered)
        self.registry.register(_Answers(self._answered))
        self._refusals = Counter(
            "drover_refusals",
            "Requests refused by the limit that was reached.",
            ("limit",),
            registry=self.registry,
        )
        self._limits = Gauge(
            "drover_limit", "Limits in force; 0: none.", ("limit",), registry=self.registry
        )

    def note(self, operation: str, status: int, seconds: float) -> None:
        """Count one request."""
        answered = self._answered[operation, status]
        answered.seconds += seconds
        answered.counts[bisect_left(_BUCKETS, seconds)] += 1

    def note_refusal(self, error: DroverError) -> None:
        """Count an error, if it comes of a limit."""
        if error.limit or isinstance(error, _OF_LIMITS):
            self._refusals.labels(error.limit or error.code).inc()

    def declare(self, limits: Mapping[str, float]) -> None:
        """Show limits with their values, and that none was reached so far."""
        for name, value in limits.items():
            self._limits.labels(name).set(value)
            self._refusals.labels(name)

    def show(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a figure that is asked for when somebody looks."""
        Gauge(f"drover_{name}", meaning, registry=self.registry).set_function(value)

    def show_count(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a count that only rises, kept elsewhere."""
        self.registry.register(_Count(f"drover_{name}", meaning, value))

    def gauge(self, name: str, meaning: str, label: str) -> Gauge:
        """Return a figure of which there is one for each value of a label."""
        return Gauge(f"drover_{name}", meaning, (label,), registry=self.registry)

    def text(self) -> bytes:
        """Return all figures as Prometheus text."""
        return generate_latest(self.registry)


class _Answered:
    """Requests of one operation and status: how many took how long, by bucket, and all together."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS) + 1)
        self.seconds = 0.0


class _Answers:
    """Shows requests; noting one costs two additions here and a tenth of a request elsewhere."""

    def __init__(self, answered: Mapping[tuple[str, int], _Answered]) -> None:
        self._answered = answered

    def collect(self) -> Iterator[Metric]:
        """Yield the counts by operation and status, and the times by operation."""
        named = ("drover_http_requests", "Requests by operation and status.")
        requests = CounterMetricFamily(*named, labels=("operation", "status"))
        by_operation: dict[str, _Answered] = defaultdict(_Answered)
        for (operation, status), each in self._answered.items():
            requests.add_metric((operation, str(status)), sum(each.counts))
            total = by_operation[operation]
            total.counts = [sum(pair) for pair in zip(total.counts, each.counts, strict=True)]
            total.seconds += each.seconds
        yield requests
        named = ("drover_http_request_seconds", "Time to the end of the answer by operation.")
        times = HistogramMetricFamily(*named, labels=("operation",))
        for operation, each in by_operation.items():
            buckets = zip(_BOUNDS, accumulate(each.counts), strict=True)
            times.add_metric((operation,), list(buckets), each.seconds)
        yield times


class _Count:
    """A counter whose value is kept by whom it counts for."""

    def __init__(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        self._name = name
        self._meaning = meaning
        self._value = value

    def collect(self) -> Iterator[Metric]:
        """Yield the counter as it stands."""
        yield CounterMetricFamily(self._name, self._meaning, value=self._value())
