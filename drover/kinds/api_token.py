"""A token that lets a program act on an application."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from drover.model.access import MemberRole, OrgRoles
from drover.model.fields import CreateOnly, Hidden, Moment, Name, Prose, ReadOnly, ShownOnce
from drover.model.kind import Kind
from drover.model.resource import Resource

Scope = Annotated[str, Meta(min_length=1, max_length=1024)]


class ApiToken(Resource, frozen=True, kw_only=True):
    """A token that lets a program act on an application; its text is shown once."""

    name: Name
    description: Prose | UnsetType = UNSET
    expiration_date: CreateOnly[Moment | UnsetType] = UNSET
    default_role: MemberRole | UnsetType = UNSET
    org_roles: OrgRoles | UnsetType = UNSET
    scope: CreateOnly[tuple[Scope, ...]] = ("all.Application",)
    status: Literal["active", "inactive"] = "active"
    owner_id: ReadOnly[str | UnsetType] = UNSET
    owner_type: ReadOnly[str] = "application"
    creator_id: ReadOnly[str | UnsetType] = UNSET
    creator_type: ReadOnly[str | UnsetType] = UNSET
    creator_name: ReadOnly[str | UnsetType] = UNSET
    token: ShownOnce[str | UnsetType] = UNSET
    token_hash: Hidden[str | UnsetType] = UNSET


KIND = Kind(
    ApiToken,
    one="applicationApiToken",
    many="applicationApiTokens",
    path="tokens",
    sortable=("name", "status", "id", "creationDate", "lastUpdated", "expirationDate"),
    filterable=("name", "status"),
    label="Application API token",
    alias="apiTokenId",
    counted_as="apiTokenCount",
)
