"""The server itself: what it runs with, its limits, and how it has answered so far."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.parser import text_string_to_metric_families

from drover.faces.console._site import Site, page
from drover.faces.console.sign_in import ME
from drover.faces.openapi import Published

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation

HEALTH: Final = "/console/health"
BUSIEST: Final = 20
"""Operations that are shown, those that took the most time in sum first."""

_COUNT: Final = "drover_http_requests_total"
_SUM: Final = "drover_http_request_seconds_sum"
_FAILED: Final = "5"
_STREAMS: Final = (".progress", ".progress.get")
"""Operations whose answers last as long as somebody watches."""


class _Pages:
    """The page of the server."""

    def __init__(self, published: Published) -> None:
        self._published = published

    async def show(self, visit: Visit) -> Answer:
        """Show the server."""
        facts = visit.site.facts
        return visit.show(
            "health.html",
            "health",
            facts=facts,
            **figures(self._published.metrics().decode()),
        )


def figures(text: str) -> Mapping[str, Any]:
    """Return what Prometheus text tells of requests, and the plain figures beside."""
    requests: dict[str, int] = defaultdict(int)
    failed: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    plain: list[tuple[str, str, float]] = []
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            operation = sample.labels.get("operation", "")
            if sample.name == _COUNT:
                requests[operation] += int(sample.value)
                failed[operation] += int(sample.value) * sample.labels["status"].startswith(_FAILED)
            elif sample.name == _SUM and not operation.endswith(_STREAMS):
                seconds[operation] = sample.value
            elif not sample.labels and not sample.name.endswith("_created"):
                plain.append((sample.name, family.documentation, sample.value))
    busiest = sorted(requests, key=lambda name: -seconds[name])[:BUSIEST]
    return {
        "total": sum(requests.values()),
        "failed": sum(failed.values()),
        "seconds": sum(seconds.values()),
        "busiest": [(name, requests[name], failed[name], seconds[name]) for name in busiest],
        "plain": plain,
    }


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operation; its figures are open to whoever may read the metrics."""
    yield page(Site.of(services), HEALTH, ME, _Pages(services[Published]).show)
