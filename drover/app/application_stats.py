"""What an application moved, keeps and runs: parts of a summary that are told when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.app.files import KINDS
from drover.app.notebooks.minutes import DAY_MS, PERIOD_DAYS
from drover.app.tasks.notebook_execute import TASK as RUN
from drover.model.task import LogStatus
from drover.ports.tasks import LogsWanted
from drover.query.tree import Compare, In, Operator, all_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drover.app.notebooks.minutes import NotebookMinutes
    from drover.app.payload_counts import PayloadCounts
    from drover.ports.store import Store

NAMES: Final = ("payloadCount", "storageStats", "notebookStats")
"""What there is; each is looked up for one application at a time."""

_OPEN: Final = (LogStatus.QUEUED.value, LogStatus.IN_PROGRESS.value)


class ApplicationStats:
    """Looks them up."""

    def __init__(self, store: Store, payloads: PayloadCounts, minutes: NotebookMinutes) -> None:
        self._store = store
        self._counted = payloads
        self._minutes = minutes

    async def of(self, application_id: str, names: Iterable[str]) -> dict[str, Any]:
        """Return those of these names."""
        looks = {
            "payloadCount": self._payloads,
            "storageStats": self._storage,
            "notebookStats": self._notebooks,
        }
        return {name: await looks[name](application_id) for name in names}

    async def _payloads(self, application_id: str) -> dict[str, Any]:
        end_ms = self._counted.clock.now_ms()
        start_ms = end_ms - PERIOD_DAYS * DAY_MS
        return await self._counted.by_category([application_id], start_ms, end_ms, as_bytes=False)

    async def _storage(self, application_id: str) -> dict[str, int]:
        """Return how many files there are, and how many bytes they have."""
        kinds = [kind.one for kind in KINDS.values()]
        count, size = await self._store.read(
            lambda session: session.counts.files(application_id, kinds)
        )
        return {"count": count, "size": size}

    async def _notebooks(self, application_id: str) -> dict[str, int]:
        """Return what notebooks did in the last days, and how many runs have not ended."""
        run = Compare("name", Operator.EQUAL, RUN.name)
        waiting = LogsWanted(query=all_of([run, In("status", _OPEN)]), limit=1)
        _, open_runs = await self._store.read(
            lambda session: session.tasks.logs(application_id, waiting)
        )
        stats = await self._minutes.stats(application_id)
        told = {name: stats[name] for name in ("minutesThisPeriod", "runsThisPeriod")}
        return {"awaitingCompletion": open_runs, **told}
