"""Workflows of an application: what each is made of, its runs, their errors and messages."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.workflows import Period, Workflows
from drover.faces.console import _lists
from drover.faces.console._site import Site, page
from drover.kinds.flow import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation
    from drover.ports.flows import RunCounts

MANY: Final = "/console/applications/{applicationId}/workflows"
ONE: Final = f"{MANY}/{{flowId}}"
SECTION: Final = "workflows"
NOTES: Final = 50
"""Errors, and debug messages, that are shown."""

PERIODS: Final = (("1h", 3_600_000), ("24h", 86_400_000), ("7d", 604_800_000))
_DEFAULT: Final = "24h"


class _Pages:
    """The pages of workflows."""

    def __init__(self, workflows: Workflows) -> None:
        self._workflows = workflows

    async def list(self, visit: Visit) -> Answer:
        """List the workflows of an application."""
        asked = _lists.listing(visit, "name", **_lists.named_like(visit))
        found = await visit.site.catalog.list(KIND, visit.call.application_id, asked)
        values = {**_lists.shown(asked, found), **_lists.ways(visit, asked, found.total)}
        return await visit.show_within("workflows.html", SECTION, **values)

    async def show(self, visit: Visit) -> Answer:
        """Show a workflow and what became of its runs."""
        place = (visit.call.application_id, visit.call.path["flowId"])
        names = tuple(name for name, _ in PERIODS)
        chosen = visit.call.choice("period", names, _DEFAULT)
        period = Period(0, dict(PERIODS)[chosen])
        flow = msgspec.json.decode(await visit.site.catalog.get(KIND, *place))
        span_ms, counts = await self._workflows.counts(*place, period)
        _, errors = await self._workflows.notes(*place, "error", period, limit=NOTES)
        _, messages = await self._workflows.notes(*place, "debug", period, limit=NOTES)
        return await visit.show_within(
            "workflow.html",
            SECTION,
            flow=flow,
            here=f"/console/applications/{place[0]}/workflows/{place[1]}",
            chosen=chosen,
            periods=names,
            errors=errors,
            messages=messages,
            nodes=sorted(Counter(each["type"] for each in flow["nodes"]).items()),
            **_history(span_ms, counts),
        )


def _history(span_ms: tuple[int, int], counts: Sequence[RunCounts]) -> dict[str, Any]:
    """Return the sums of a span, and its course as parallel lists for the chart."""
    step_ms = max(60_000, (span_ms[1] - span_ms[0]) // 120 // 60_000 * 60_000)
    slots = range(span_ms[0] // step_ms, span_ms[1] // step_ms + 1)
    runs, failed = Counter[int](), Counter[int]()
    for each in counts:
        runs[each.minute_ms // step_ms] += each.runs
        failed[each.minute_ms // step_ms] += each.paths_failed
    course = [
        [slot * step_ms // 1000 for slot in slots],
        [runs[slot] for slot in slots],
        [failed[slot] for slot in slots],
    ]
    total = runs.total()
    wall_ms = sum(each.wall_ms for each in counts)
    return {
        "runs": total,
        "failed": failed.total(),
        "mean_ms": wall_ms / total if total else 0.0,
        "course": msgspec.json.encode(course).decode(),
    }


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations; the history of a workflow needs what reading it there needs."""
    site, pages = Site.of(services), _Pages(services[Workflows])
    one = KIND.scopes("get") & KIND.scopes("errors", reads=True) & KIND.scopes("stats", reads=True)
    yield page(site, MANY, KIND.scopes("get", collection=True), pages.list)
    yield page(site, ONE, one, pages.show)
