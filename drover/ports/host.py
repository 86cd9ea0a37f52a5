"""What a running flow may ask of the server: named operations over batches of requests.

A flow runs in a worker process; each node that needs the store, a device or another flow makes
one call for all payloads of its chunk, so that the cost of the trip is shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.ports.scripts import ScriptResult


class Host(Protocol):
    """The server side of running flows, bound to one flow and one application."""

    async def call(
        self, operation: str, requests: Sequence[Mapping[str, Any]]
    ) -> Sequence[dict[str, Any]]:
        """Run one operation for each request, in order.

        Each answer is ``{"result": value}`` or ``{"error": {"type": text, "message": text}}``;
        one request's error never disturbs another's answer. Raises ConnectionError when the
        server is gone or the worker has lost its lease: the run must stop.
        """
        ...

    async def run_script(
        self, script: str, payloads: Sequence[Any], timeout_ms: int
    ) -> Sequence[ScriptResult]:
        """Run a user's JavaScript over each payload in the cage."""
        ...
