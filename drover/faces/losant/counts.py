"""Counts of payloads, devices, minutes of notebooks: of an application, a user, an organisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from drover.app.access.organizations import Organizations
from drover.app.applications import Applications
from drover.app.notebooks.minutes import NotebookMinutes
from drover.app.payload_counts import DAY_MS, HOUR_MS, NOT_BILLABLE, PayloadCounts
from drover.faces.losant._moments import bucketed, days, span
from drover.faces.operation import Call, Operation
from drover.kinds.application import KIND
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from drover.app.services import Services
    from drover.ports.counts import Total

    Reach = Callable[[Call], Awaitable[Sequence[str]]]

_SPAN: Final = ("start", "end")
CATEGORIES: Final = (
    "appFile",
    "dataTable",
    "deviceCreate",
    "deviceCommand",
    "deviceConnect",
    "deviceDisconnect",
    "deviceState",
    "endpoint",
    "event",
    "flowError",
    "inboundEmail",
    "integration",
    "mqttIn",
    "mqttOut",
    "notebook",
    "resourceJob",
    "timer",
    "virtualButton",
    "webhook",
)


@dataclass(frozen=True, slots=True)
class Counting:
    """The counts of those applications that a call reaches."""

    counts: PayloadCounts
    reach: Reach
    services: Services

    async def payloads(self, call: Call) -> dict[str, Any]:
        """Return payloads or bytes by category and source."""
        ids, span = await self.reach(call), self.span(call)
        found = await self.counts.by_category(ids, *span, as_bytes=call.flag("asBytes"))
        return {each: found.get(each, {}) for each in CATEGORIES}

    async def breakdown(self, call: Call) -> dict[str, Any]:
        """Return payloads or bytes by hour or day."""
        resolution_ms = int(call.choice("resolution", (str(DAY_MS), str(HOUR_MS)), str(DAY_MS)))
        return await self._broken_down(call, resolution_ms)

    async def daily(self, call: Call) -> dict[str, Any]:
        """Return payloads or bytes by day."""
        return await self._broken_down(call, DAY_MS)

    async def _broken_down(self, call: Call, resolution_ms: int) -> dict[str, Any]:
        span = bucketed(self.span(call), resolution_ms)
        hidden = frozenset() if call.flag("includeNonBillable") else NOT_BILLABLE
        as_bytes = call.flag("asBytes")

        def counted(total: Total) -> int:
            if total.category in hidden:
                return 0
            return total.bytes if as_bytes else total.payloads

        return await self.counts.breakdown(await self.reach(call), span, resolution_ms, counted)

    async def devices(self, call: Call) -> dict[str, Any]:
        """Return devices made, deleted and there, by day."""
        span = days(call, self.counts.clock.now_ms())
        return await self.counts.devices(await self.reach(call), *span)

    async def notebooks(self, call: Call) -> dict[str, Any]:
        """Return what notebooks ran, by day."""
        found = days(call, self.counts.clock.now_ms())
        return await self.services[NotebookMinutes].minutes(await self.reach(call), found)

    def span(self, call: Call) -> tuple[int, int]:
        """Return the first moment and the one after the last; raises Invalid."""
        return span(call, self.counts.clock.now_ms())


def operations(services: Services) -> Iterator[Operation]:
    """Yield the counts of applications, users and organisations."""
    counts, applications = services[PayloadCounts], services[Applications]
    organizations = services[Organizations]

    async def one(call: Call) -> Sequence[str]:
        return (call.application_id,)

    async def mine(call: Call) -> Sequence[str]:
        return await applications.counted(call.caller)

    async def owned(call: Call) -> Sequence[str]:
        await organizations.get(call.caller, call.path["orgId"])  # a member's alone
        return await applications.counted(call.caller, call.path["orgId"])

    for base, family, owners, reach in (
        ("/applications/{applicationId}", KIND.one, (), one),
        ("/me", "me", ("User",), mine),
        ("/orgs/{orgId}", "org", ("Organization", "User"), owned),
    ):
        yield from _of_owner(Counting(counts, reach, services), base, family, owners)


def _of_owner(
    calls: Counting, base: str, family: str, owners: tuple[str, ...]
) -> Iterator[Operation]:
    for verb, run, summary, parameters in (
        ("payloadCounts", calls.payloads, "Count payloads", ("asBytes",)),
        (
            "payloadCountsBreakdown",
            calls.breakdown,
            "Count payloads by hour or day",
            ("resolution", "asBytes", "includeNonBillable"),
        ),
        ("deviceCounts", calls.devices, "Count devices by day", ()),
        ("notebookMinuteCounts", calls.notebooks, "Count minutes of notebooks by day", ()),
    ):
        yield Operation(
            method="GET",
            path=f"{base}/{verb}",
            scopes=for_operation(family, verb, owners, reads=True)
            if owners
            else KIND.scopes(verb, reads=True),
            run=run,
            name=f"{family}.{verb}",
            summary=summary,
            parameters=(*_SPAN, *parameters),
        )
