"""A person who uses what an application shows, as opposed to one who builds it."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from drover.model.fields import (
    Access,
    Email,
    Ids,
    Mark,
    Moment,
    ReadOnly,
    Refers,
    ShortProse,
    TagMap,
    Url,
)
from drover.model.instants import InstantText
from drover.model.kind import Kind
from drover.model.resource import Resource

Password = Annotated[str, Meta(min_length=8, max_length=2048)]


class ExperienceUser(Resource, frozen=True, kw_only=True):
    """A person who uses what an application shows."""

    email: Email
    first_name: ShortProse | UnsetType = UNSET
    last_name: ShortProse | UnsetType = UNSET
    password: Annotated[Password | UnsetType, Access.WRITE_ONLY, Mark.REQUIRED] = UNSET
    password_last_updated: ReadOnly[InstantText | UnsetType] = UNSET
    last_login: ReadOnly[InstantText | UnsetType] = UNSET
    avatar_url: ReadOnly[Url | UnsetType] = UNSET
    token_cutoff: Moment | UnsetType = UNSET
    user_tags: TagMap | UnsetType = UNSET
    experience_group_ids: Annotated[Ids | UnsetType, Access.RELATED, Refers("experienceGroup")] = (
        UNSET
    )


KIND = Kind(
    ExperienceUser,
    one="experienceUser",
    many="experienceUsers",
    path="experience/users",
    sortable=(
        "firstName",
        "lastName",
        "email",
        "id",
        "creationDate",
        "lastLogin",
        "lastUpdated",
    ),
    filterable=("firstName", "lastName", "email"),
    default_sort="email",
    queryable=True,
    table="experience_user",
    exported_as="ExperienceUser",
    bundled_in="experience/users.yaml",
    known_by=("email",),
    bundled_once=True,
    label="Experience user",
    named_by="email",
    counted_as="experienceUserCount",
)
