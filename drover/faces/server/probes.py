"""Health, metrics and the description of the API; none of them needs a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.faces.openapi import Published
from drover.faces.operation import Answer, Call, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def operations(services: Services) -> Iterator[Operation]:
    """Yield the three probes."""
    published = services[Published]

    async def health(_call: Call) -> dict[str, str]:
        return {"status": "ok"}

    async def metrics(_call: Call) -> Answer:
        return Answer(published.metrics(), media_type=METRICS_TYPE)

    async def openapi(_call: Call) -> bytes:
        return published.description

    for path, run, summary in (
        ("/health", health, "Whether the server is ready to serve"),
        ("/metrics", metrics, "Figures of the server as Prometheus text"),
        ("/openapi.json", openapi, "The description of this API"),
    ):
        yield Operation(
            method="GET",
            path=path,
            scopes=None,
            run=run,
            name=f"server.{path.strip('/').removesuffix('.json')}",
            summary=summary,
            ours=True,
        )
