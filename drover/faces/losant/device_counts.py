"""How much single devices send and are told: counted at once for one, by a job for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from drover.app.devices import Devices
from drover.app.payload_counts import DAY_MS, HOUR_MS, PayloadCounts
from drover.app.tasks.devices_payload_counts import TASK
from drover.faces.losant._jobs import BulkJobs
from drover.faces.losant._moments import bucketed, span
from drover.faces.operation import Answer, Call, Operation
from drover.kinds.device import KIND
from drover.model.fields import Email, Url
from drover.query.kinds import DEVICES
from drover.query.losant import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_MANY: Final = "/applications/{applicationId}/devices"
_ONE: Final = f"{_MANY}/{{deviceId}}"
_SPAN: Final = ("start", "end")
_RESOLUTIONS: Final = (str(DAY_MS), str(HOUR_MS))


class PayloadCountsPost(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """Whose payloads a job counts, of which span, and whom it tells; none named: all devices."""

    email: Email | UnsetType = UNSET
    callback_url: Url | UnsetType = UNSET
    query: dict[str, Any] | UnsetType = UNSET
    start: float | UnsetType = UNSET
    end: float | UnsetType = UNSET


class _Calls:
    """The operations; what lies behind is looked up when it is called."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def totals(self, call: Call) -> dict[str, int]:
        """Return what one device moved, by category."""
        device_id, asked = await self._asked(call)
        return await self._services[PayloadCounts].of_device(device_id, asked)

    async def breakdown(self, call: Call) -> dict[str, Any]:
        """Return what one device moved, by hour or day."""
        resolution_ms = int(call.choice("resolution", _RESOLUTIONS, _RESOLUTIONS[0]))
        device_id, asked = await self._asked(call)
        shown = bucketed(asked, resolution_ms)
        counts = self._services[PayloadCounts]
        return await counts.device_breakdown(device_id, shown, resolution_ms)

    async def many(self, call: Call) -> Answer:
        """Have what many devices moved counted by a job."""
        given = call.json(PayloadCountsPost)
        query = "" if given.query is UNSET else msgspec.json.encode(given.query).decode()
        parse({} if given.query is UNSET else given.query, DEVICES)  # refuses what is none
        named = {"start": given.start, "end": given.end}
        texts = {name: str(int(each)) for name, each in named.items() if each is not UNSET}
        first, last = span(_with_query(call, texts), self._now_ms())
        wanted = {
            "query": query,
            "start": first,
            "end": last,
            "email": given.email or None,
            "callbackUrl": given.callback_url or None,
        }
        return await BulkJobs(self._services).begin(call, TASK, "device", wanted)

    async def _asked(self, call: Call) -> tuple[str, tuple[int, int]]:
        """Return a device within sight, and the span; raises Missing, Invalid."""
        device_id = call.path["deviceId"]
        await self._services[Devices].get(call.caller, call.application_id, device_id)
        return device_id, span(call, self._now_ms())

    def _now_ms(self) -> int:
        return self._services[PayloadCounts].clock.now_ms()


def _with_query(call: Call, query: dict[str, str]) -> Call:
    return Call(call.caller, call.path, query, call.body, call.headers, call.address)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations."""
    calls = _Calls(services)
    for method, path, verb, run, summary, parameters in (
        ("GET", _ONE, "payloadCounts", calls.totals, "Count what a device moved", _SPAN),
        (
            "GET",
            _ONE,
            "payloadCountsBreakdown",
            calls.breakdown,
            "Count what a device moved by hour or day",
            (*_SPAN, "resolution"),
        ),
        ("POST", _MANY, "payloadCounts", calls.many, "Count what many devices moved", ()),
    ):
        collection = path == _MANY
        yield Operation(
            method=method,
            path=f"{path}/{verb}",
            scopes=KIND.scopes(verb, collection=collection, reads=True),
            run=run,
            name=f"{KIND.many if collection else KIND.one}.{verb}",
            summary=summary,
            status=202 if collection else 200,
            body=PayloadCountsPost if collection else None,
            parameters=parameters,
        )
