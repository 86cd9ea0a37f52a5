"""How often and how long notebooks ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.model.instants import to_text
from drover.ports.tasks import RunsWanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.store import Store

RUN_KIND: Final = "notebook_execute"
"""What the inventory calls a run."""
DAY_MS: Final = 86_400_000
PERIOD_DAYS: Final = 30
ENDS: Final = {"": "completed", "Canceled": "canceled", "Timeout": "timeout"}
"""The word for each way in which a run ends, by the name of its error; others are errored."""


class NotebookMinutes:
    """Adds up runs of notebooks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def minutes(
        self,
        application_ids: Sequence[str],
        span: tuple[int, int],
        notebook_id: str | None = None,
    ) -> dict[str, Any]:
        """Return by day how many runs ended how, and how many minutes they took."""
        first_ms, end_ms = span[0] - span[0] % DAY_MS, span[1]
        wanted = RunsWanted(RUN_KIND, application_ids, first_ms, end_ms, notebook_id)
        days = {
            day: {"minutes": 0, "completed": 0, "canceled": 0, "errored": 0, "timeout": 0}
            for day in range(first_ms, end_ms, DAY_MS)
        }
        for each in await self._store.read(lambda session: session.tasks.runs_by_day(wanted)):
            day = days[each.day_ms]
            day["minutes"] += each.minutes
            day[ENDS.get(each.ended, "errored")] += each.runs
        counts = [{"date": to_text(day), **counted} for day, counted in days.items()]
        return {"start": to_text(first_ms), "end": to_text(end_ms), "counts": counts}

    async def stats(self, application_id: str, notebook_id: str | None = None) -> dict[str, int]:
        """Return what a notebook, or all of an application, did in the last days."""
        now_ms = await self._store.read(lambda session: session.now_ms())
        span = (now_ms - PERIOD_DAYS * DAY_MS, now_ms + 1)
        found = (await self.minutes([application_id], span, notebook_id))["counts"]
        words = ("completed", "canceled", "errored", "timeout")
        return {
            "minutesThisPeriod": sum(each["minutes"] for each in found),
            "runsThisPeriod": sum(each[word] for each in found for word in words),
            "errorsThisPeriod": sum(each["errored"] + each["timeout"] for each in found),
        }
