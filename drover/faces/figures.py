"""Figures of a server beside its requests: what is open in the store, how late the loop is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from drover.model.execution import OPEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.faces.metrics import RequestMetrics
    from drover.ports.store import Session, Store

_NAP_S: Final = 0.1
_DEPTHS: Final = (
    *(f"executions_{state}" for state in sorted(OPEN)),
    "items_in_flight",
    "items_waiting",
    "items_to_begin",
    "leases",
    "firings",
)


class Figures:
    """Looks at the store and the loop from time to time, and shows what it saw last."""

    def __init__(self, metrics: RequestMetrics, store: Store) -> None:
        self._store = store
        self._open = metrics.gauge("open", "What is open in the store, in all servers.", "what")
        self._lag_s = 0.0
        metrics.show(
            "loop_lag_seconds", "How much later than asked the loop turned.", lambda: self._lag_s
        )
        self._show({})

    async def look(self) -> None:
        """Count what is open in the store."""
        self._show(await self._store.read(_depths))

    async def measure_lag(self) -> None:
        """Measure how late the loop is now."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await asyncio.sleep(_NAP_S)
        self._lag_s = max(0.0, loop.time() - began_s - _NAP_S)

    def _show(self, depths: Mapping[str, int]) -> None:
        for name in _DEPTHS:
            self._open.labels(name).set(depths.get(name, 0))


async def _depths(session: Session) -> Mapping[str, int]:
    return await session.jobs.plans.depths()
