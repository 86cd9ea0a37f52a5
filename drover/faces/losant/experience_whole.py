"""An application's own interface as a whole: begun, cleared, and how often it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from drover.app.endpoint_calls import CallsWanted, EndpointCalls
from drover.app.experience_whole import BootstrapOptions, Cleared, ExperienceWhole
from drover.app.payload_counts import DAY_MS, HOUR_MS
from drover.faces.losant._moments import MOST_BUCKETS, moment
from drover.faces.operation import Call, Operation
from drover.kinds.experience_endpoint import KIND as ENDPOINT
from drover.model.errors import Invalid
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_EXPERIENCE: Final = "/applications/{applicationId}/experience"
_OWNERS: Final = ("Application", "Organization", "User")
_LONGEST_MS: Final = MOST_BUCKETS * HOUR_MS
_GROUPINGS: Final = {
    "statusCode": "status",
    "endpointId": "endpoint_id",
    "version": "version",
    "domain": "domain",
}
_FILTERS: Final = {f"{name}Filter": field for name, field in _GROUPINGS.items()}
_KEPT: Final = {
    "keepUsers": "users",
    "keepGroups": "groups",
    "keepSlugs": "slugs",
    "keepDomains": "domains",
    "keepViews": "views",
    "keepEndpoints": "endpoints",
}
_REMOVED: Final = {"removeVersions": "versions", "removeWorkflows": "workflows"}


class _Calls:
    """The operations."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def bootstrap(self, call: Call) -> dict[str, str]:
        """Make an example."""
        whole, options = self._services[ExperienceWhole], call.json(BootstrapOptions)
        return await whole.bootstrap(call.caller, call.application_id, options)

    async def delete(self, call: Call) -> dict[str, bool]:
        """Delete all but what is to be kept."""
        goes = {field: not call.flag(name) for name, field in _KEPT.items()}
        goes |= {field: call.flag(name) for name, field in _REMOVED.items()}
        cleared = structs.replace(Cleared(), **goes)
        await self._services[ExperienceWhole].clear(call.caller, call.application_id, cleared)
        return {"success": True}

    async def stats(self, call: Call) -> dict[str, list[dict[str, Any]]]:
        """Return how often endpoints were called."""
        calls = self._services[EndpointCalls]
        return await calls.stats(call.application_id, _wanted(call, calls.clock.now_ms()))


def _wanted(call: Call, now_ms: int) -> CallsWanted:
    """Return what is asked for; calls are kept by hour, so nothing finer is shown."""
    grouping = call.choice("statGrouping", tuple(_GROUPINGS), "statusCode")
    duration_ms = call.whole("duration", DAY_MS, least=1, most=_LONGEST_MS)
    resolution_ms = max(HOUR_MS, call.whole("resolution", HOUR_MS, least=1, most=_LONGEST_MS))
    if resolution_ms % HOUR_MS:
        raise Invalid("resolution must be a multiple of 3600000", field="resolution")
    end_ms = moment(call, "end", 0, now_ms) + 1
    start_ms = max(0, end_ms - duration_ms)
    return CallsWanted(
        start_ms=start_ms - start_ms % HOUR_MS,
        end_ms=end_ms,
        resolution_ms=resolution_ms,
        grouping=_GROUPINGS[grouping],
        filters={
            field: call.query[name] for name, field in _FILTERS.items() if call.query.get(name)
        },
    )


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations."""
    calls = _Calls(services)
    yield Operation(
        method="PATCH",
        path=f"{_EXPERIENCE}/bootstrap",
        scopes=for_operation("experience", "bootstrap", _OWNERS)
        | {"all.Application.cli", "all.User.cli"},
        run=calls.bootstrap,
        name="experience.bootstrap",
        summary="Begin an experience with an example",
        body=BootstrapOptions,
    )
    yield Operation(
        method="DELETE",
        path=_EXPERIENCE,
        scopes=for_operation("experience", "delete", _OWNERS),
        run=calls.delete,
        name="experience.delete",
        summary="Delete all of an experience but what is to be kept",
        parameters=(*_KEPT, *_REMOVED),
    )
    yield Operation(
        method="GET",
        path=f"{_EXPERIENCE}/endpoints/stats",
        scopes=ENDPOINT.scopes("stats", collection=True, reads=True),
        run=calls.stats,
        name="experienceEndpoints.stats",
        summary="Count the calls of endpoints",
        parameters=("statGrouping", "duration", "end", "resolution", *_FILTERS),
    )
