"""Counters of requests, in the form Prometheus reads."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class RequestMetrics:
    """How many requests each operation had, how they ended, how long they took (seconds)."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._count = Counter(
            "drover_http_requests",
            "Requests by operation and status.",
            ("operation", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "drover_http_request_seconds",
            "Time to the end of the answer by operation.",
            ("operation",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._bound: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def note(self, operation: str, status: int, seconds: float) -> None:
        """Count one request."""
        bound = self._bound.get((operation, status))
        if bound is None:
            bound = (self._count.labels(operation, str(status)), self._seconds.labels(operation))
            self._bound[operation, status] = bound
        bound[0].inc()
        bound[1].observe(seconds)

    def text(self) -> bytes:
        """Return all figures as Prometheus text."""
        return generate_latest(self.registry)
