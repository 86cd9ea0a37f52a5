"""Counts of payloads, devices, minutes of notebooks: of an application, a user, an organisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from drover.app.access.organizations import Organizations
from drover.app.applications import Applications
from drover.app.payload_counts import DAY_MS, HOUR_MS, NOT_BILLABLE, PayloadCounts
from drover.faces.losant._moments import moment
from drover.faces.operation import Call, Operation
from drover.kinds.application import KIND
from drover.model.errors import Invalid
from drover.model.instants import to_text
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from drover.app.services import Services
    from drover.ports.counts import Total

    Reach = Callable[[Call], Awaitable[Sequence[str]]]

_MONTH_MS: Final = -30 * DAY_MS
_SPAN: Final = ("start", "end")
MOST_BUCKETS: Final = 2400
"""Hours of a hundred days, or days of six years and a half."""
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
        span = self.span(call)
        _check_buckets(span, resolution_ms)
        hidden = frozenset() if call.flag("includeNonBillable") else NOT_BILLABLE
        as_bytes = call.flag("asBytes")

        def counted(total: Total) -> int:
            if total.category in hidden:
                return 0
            return total.bytes if as_bytes else total.payloads

        return await self.counts.breakdown(await self.reach(call), span, resolution_ms, counted)

    async def devices(self, call: Call) -> dict[str, Any]:
        """Return devices made, deleted and there, by day."""
        span = self.span(call)
        _check_buckets(span, DAY_MS)
        return await self.counts.devices(await self.reach(call), *span)

    async def notebooks(self, call: Call) -> dict[str, Any]:
        """Return what notebooks ran by day: this server runs none."""
        start_ms, end_ms = self.span(call)
        _check_buckets((start_ms, end_ms), DAY_MS)
        await self.reach(call)
        first_ms = start_ms - start_ms % DAY_MS
        none = {"minutes": 0, "completed": 0, "canceled": 0, "errored": 0, "timeout": 0}
        days = [{"date": to_text(day), **none} for day in range(first_ms, end_ms, DAY_MS)]
        return {"start": to_text(first_ms), "end": to_text(end_ms), "counts": days}

    def span(self, call: Call) -> tuple[int, int]:
        """Return the first moment and the one after the last; raises Invalid."""
        now_ms = self.counts.clock.now_ms()
        start_ms = moment(call, "start", _MONTH_MS, now_ms)
        # A moment of now counts what moved up to it: the hour that has begun, too.
        end_ms = moment(call, "end", 0, now_ms) + 1
        if end_ms <= start_ms:
            raise Invalid("end must be after start", field="end")
        return start_ms, end_ms


def _check_buckets(span: tuple[int, int], resolution_ms: int) -> None:
    if (span[1] - span[0]) // resolution_ms > MOST_BUCKETS:
        raise Invalid(f"At most {MOST_BUCKETS} counts are shown at a time", field="start")


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
        yield from _of_owner(Counting(counts, reach), base, family, owners)


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
