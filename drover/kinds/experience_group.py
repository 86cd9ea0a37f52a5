"""A group of experience users, and the devices that its users may reach."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, UnsetType

from drover.model.errors import Invalid
from drover.model.fields import (
    Access,
    Id,
    Ids,
    Name,
    Prose,
    QueryText,
    ReadOnly,
    Refers,
    TagFilters,
    TagMap,
)
from drover.model.kind import Kind
from drover.model.resource import Resource


class ExperienceGroup(Resource, frozen=True, kw_only=True):
    """A group of experience users, and the devices that its users may reach."""

    name: Name
    description: Prose | UnsetType = UNSET
    experience_user_ids: Annotated[Ids | UnsetType, Access.RELATED, Refers("experienceUser")] = (
        UNSET
    )
    experience_endpoint_ids: Ids = ()
    group_tags: TagMap | UnsetType = UNSET
    device_ids: Ids = ()
    device_tags: TagFilters = ()
    device_query_json: QueryText | UnsetType | None = UNSET
    parent_id: Annotated[Id | UnsetType | None, Refers("experienceGroup")] = UNSET
    ancestor_ids: ReadOnly[Ids] = ()


def check(group: ExperienceGroup) -> None:
    """Raise Invalid where a group is its own parent."""
    if group.id == group.parent_id:
        raise Invalid("A group cannot be its own parent", field="parentId")


KIND = Kind(
    ExperienceGroup,
    one="experienceGroup",
    many="experienceGroups",
    path="experience/groups",
    queryable=True,
    table="experience_group",
    exported_as="ExperienceGroup",
    bundled_in="experience/groups.yaml",
    label="Experience group",
    counted_as="experienceGroupCount",
    check=check,
)
