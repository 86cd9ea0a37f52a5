"""Endpoints of an application's own interface: their groups, versions and calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.catalog import Catalog
from drover.app.endpoint_calls import NOT_FOUND, EndpointCalls
from drover.app.experience_site import DEVELOP, ExperienceSite
from drover.app.payload_counts import KEPT_MS
from drover.faces.losant import _envelope, _lists
from drover.faces.losant._usual import usual
from drover.kinds.experience_endpoint import KIND
from drover.model.errors import Missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from drover.app.services import Services
    from drover.faces.operation import Call, Operation

_LISTED: Final = (*_lists.PARAMETERS, "experienceGroupId", "requestCountDuration", "version")


class _Calls:
    """The operations on endpoints that the usual ones do not cover."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def _catalog(self) -> Catalog:
        return self._services[Catalog]

    @property
    def _site(self) -> ExperienceSite:
        return self._services[ExperienceSite]

    async def page(self, call: Call) -> bytes:
        """Return one page of those of a version, or of one group, with calls where asked."""
        listing = _lists.listing(call, KIND)
        group_id = call.id("experienceGroupId")
        duration_ms = call.whole("requestCountDuration", 0, most=KEPT_MS)
        found = await self._site.endpoints(call.application_id, _version(call))
        groups = await self._site.groups(call.application_id)
        kept = [
            _with_groups(each, groups)
            for each in found
            if group_id is None or group_id in each.get("experienceGroupIds", ())
        ]
        more: dict[str, Any] = {} if group_id is None else {"experienceGroupId": group_id}
        if duration_ms:
            calls = self._services[EndpointCalls]
            counted = await calls.by_endpoint(call.application_id, duration_ms)
            kept = [{**each, "requestCount": counted[each["id"]]} for each in kept]
            more["notFoundRequestCount"] = counted[NOT_FOUND]
        shown = _envelope.page(KIND, call, listing, _lists.paged(kept, listing))
        for name, value in more.items():
            shown = _envelope.with_member(shown, name, value)
        return shown

    async def post(self, call: Call) -> bytes:
        """Create one."""
        made = await self._catalog.create(call.caller, KIND, call.application_id, call.body)
        return await self._one(call, msgspec.json.decode(made))

    async def get(self, call: Call) -> bytes:
        """Return one, of a version where that is asked."""
        endpoint_id = call.path["experienceEndpointId"]
        if _version(call) == DEVELOP:
            found = await self._catalog.get(KIND, call.application_id, endpoint_id)
            return await self._one(call, msgspec.json.decode(found))
        for each in await self._site.endpoints(call.application_id, _version(call)):
            if each["id"] == endpoint_id:
                return await self._one(call, each)
        raise Missing(f"{KIND.title} was not found")

    async def patch(self, call: Call) -> bytes:
        """Change one."""
        old = (call.application_id, call.path["experienceEndpointId"], None)
        changed = await self._catalog.patch(call.caller, KIND, old, call.body)
        return await self._one(call, msgspec.json.decode(changed))

    async def _one(self, call: Call, endpoint: dict[str, Any]) -> bytes:
        groups = {}
        if endpoint.get("experienceGroupIds", ()):
            groups = await self._site.groups(call.application_id)
        shown = _with_groups(endpoint, groups)
        return _envelope.one(KIND, call, msgspec.json.encode(shown))


def _version(call: Call) -> str:
    return call.query.get("version") or DEVELOP


def _with_groups(endpoint: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return an endpoint with the names of its groups, but for those that are gone."""
    groups = [
        {"id": each, "name": names[each]}
        for each in endpoint.get("experienceGroupIds", ())
        if each in names
    ]
    return {**endpoint, "experienceGroups": groups}


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on endpoints that the usual ones do not cover."""
    calls = _Calls(services)
    yield usual(KIND, "list", calls.page, _LISTED)
    yield usual(KIND, "post", calls.post)
    yield usual(KIND, "get", calls.get, ("version",))
    yield usual(KIND, "patch", calls.patch)
