"""Counts of each application of a list, over a period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.applications import Applications
from drover.app.payload_counts import DAY_MS, PayloadCounts
from drover.faces.losant import _envelope, _lists
from drover.faces.losant.counts import Counting
from drover.faces.operation import Call, Operation
from drover.kinds.application import KIND
from drover.model.errors import Invalid
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drover.app.services import Services

COUNTS: Final = ("payloadCounts", "deviceCounts", "notebookMinuteCounts")
MOST_DAYS: Final = 40_000
"""Days of all applications of a page together."""
_PARAMETERS: Final = (
    *_lists.PARAMETERS,
    *("start", "end", "asBytes", "includeNonBillable", "orgId", "include", "exclude"),
)


class _Named(msgspec.Struct):
    id: str
    name: str


_NAMED: Final = msgspec.json.Decoder(_Named).decode


class _Calls:
    """The operation over the use cases."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._applications = services[Applications]
        self._counts = services[PayloadCounts]

    async def page(self, call: Call) -> dict[str, Any]:
        """Return one page of applications with what moved in each, by day."""
        listing, wanted = _lists.listing(call, KIND), _wanted(call)
        start_ms, end_ms = self._of(()).span(call)
        if listing.limit * ((end_ms - start_ms) // DAY_MS + 1) > MOST_DAYS:
            message = f"At most {MOST_DAYS} days of all applications are shown at a time"
            raise Invalid(message, field="perPage")
        found = await self._applications.list(call.caller, listing, call.id("orgId"))
        items = [await self._item(call, _NAMED(each), wanted) for each in found.items]
        return {"items": items, **_envelope.figures(KIND, call, listing, found)}

    async def _item(self, call: Call, named: _Named, wanted: Sequence[str]) -> dict[str, Any]:
        of = self._of((named.id,))
        runs = dict(zip(COUNTS, (of.daily, of.devices, of.notebooks), strict=True))
        summary = {name: await runs[name](call) for name in wanted}
        return {
            "id": named.id,
            "applicationId": named.id,
            "name": named.name,
            "summary": summary,
        }

    def _of(self, application_ids: Sequence[str]) -> Counting:
        async def reach(_call: Call) -> Sequence[str]:
            return application_ids

        return Counting(self._counts, reach, self._services)


def _wanted(call: Call) -> list[str]:
    included, excluded = call.names("include"), call.names("exclude")
    for name in (*included, *excluded):
        if name not in COUNTS:
            raise Invalid(f"There are {', '.join(COUNTS)} to include or exclude", field="include")
    return [name for name in COUNTS if (not included or name in included) and name not in excluded]


def operations(services: Services) -> Iterator[Operation]:
    """Yield the counts of each application of a list."""
    calls = _Calls(services)
    yield Operation(
        method="GET",
        path="/applications/periodSummaries",
        scopes=for_operation(KIND.many, "periodSummaries", ("Organization", "User"), reads=True),
        run=calls.page,
        name=f"{KIND.many}.periodSummaries",
        summary="Count payloads and devices of each application by day",
        parameters=_PARAMETERS,
    )
