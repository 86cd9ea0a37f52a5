"""Experience users and groups: users of one group, and counts of a group's devices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drover.app.catalog import Catalog
from drover.app.experience import ExperienceGroups
from drover.faces.losant import _envelope, _lists
from drover.faces.operation import Call, Operation
from drover.kinds.experience_group import KIND as GROUP
from drover.kinds.experience_user import KIND as USER
from drover.query.tree import In, all_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_EXPERIENCE = "/applications/{applicationId}/experience"


class _Calls:
    """The operations on users and groups that the usual ones do not cover."""

    def __init__(self, catalog: Catalog, groups: ExperienceGroups) -> None:
        self._catalog = catalog
        self._groups = groups

    async def list_users(self, call: Call) -> bytes:
        """Return one page of users, of one group where that is asked."""
        listing = _lists.listing(call, USER)
        group_id = call.id("experienceGroupId")
        if group_id and listing.query is None:
            ids = [group_id]
            if call.flag("includeAncestorGroups"):
                group = await self._groups.get(call.application_id, ids[0])
                ids += group.ancestor_ids
            members = In("experienceGroupId", tuple(ids))
            listing = replace(listing, query=all_of([_lists.globbed(listing), members]))
        found = await self._catalog.list(USER, call.application_id, listing)
        return _envelope.page(USER, call, listing, found)

    async def get_group(self, call: Call) -> bytes:
        """Return one group, with counts of devices where they are asked."""
        group_id = call.path["experienceGroupId"]
        document = await self._catalog.get(GROUP, call.application_id, group_id)
        for parameter, member, total in (
            ("includeDirectDeviceCount", "directDeviceCount", False),
            ("includeTotalDeviceCount", "totalDeviceCount", True),
        ):
            if call.flag(parameter):
                count = await self._groups.device_counts(call.application_id, group_id, total=total)
                document = _envelope.with_member(document, member, count)
        return _envelope.one(GROUP, call, document)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on users and groups that the usual ones do not cover."""
    calls = _Calls(services[Catalog], services[ExperienceGroups])
    yield Operation(
        method="GET",
        path=f"{_EXPERIENCE}/users",
        scopes=USER.scopes("get", collection=True),
        run=calls.list_users,
        name="experienceUsers.get",
        summary="List experience users",
        parameters=(*_lists.PARAMETERS, "experienceGroupId", "includeAncestorGroups", "query"),
        kind=USER.one,
    )
    yield Operation(
        method="GET",
        path=f"{_EXPERIENCE}/groups/{{experienceGroupId}}",
        scopes=GROUP.scopes("get"),
        run=calls.get_group,
        name="experienceGroup.get",
        summary="Read an experience group",
        parameters=("includeDirectDeviceCount", "includeTotalDeviceCount"),
        kind=GROUP.one,
    )
