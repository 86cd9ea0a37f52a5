"""An access key and secret that devices sign in with."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from drover.model.fields import (
    Clearable,
    CreateOnly,
    Hidden,
    Ids,
    Name,
    PatchOnly,
    Prose,
    ReadOnly,
    ShownOnce,
    TagFilters,
)
from drover.model.kind import Kind
from drover.model.resource import Resource

Topics = tuple[Annotated[str, Meta(min_length=1, max_length=1024)], ...]
Addresses = Annotated[tuple[Annotated[str, Meta(max_length=48)], ...], Meta(max_length=100)]


class ApplicationKey(Resource, frozen=True, kw_only=True):
    """An access key and secret that devices sign in with; the secret is shown once."""

    key: ReadOnly[str] = ""
    status: PatchOnly[Literal["active", "inactive"]] = "active"
    name: Clearable[Name | UnsetType] = UNSET
    description: Prose | UnsetType = UNSET
    device_ids: CreateOnly[Ids | UnsetType] = UNSET
    device_tags: CreateOnly[TagFilters | UnsetType] = UNSET
    filter_type: Literal["all", "whitelist", "blacklist", "none"] = "all"
    pub_topics: Topics | UnsetType = UNSET
    sub_topics: Topics | UnsetType = UNSET
    address_filter_type: Literal["all", "whitelist", "blacklist"] = "all"
    addresses: Addresses | UnsetType = UNSET
    created_by_id: ReadOnly[str | UnsetType] = UNSET
    created_by_type: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_id: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_type: ReadOnly[str | UnsetType] = UNSET
    secret: ShownOnce[str | UnsetType] = UNSET
    secret_hash: Hidden[str | UnsetType] = UNSET


KIND = Kind(
    ApplicationKey,
    one="applicationKey",
    many="applicationKeys",
    path="keys",
    sortable=("key", "status", "id", "creationDate", "lastUpdated", "name"),
    filterable=("key", "status", "name"),
    default_sort="creationDate",
    default_descending=True,
    queryable=True,
    searchable=False,
    label="Access key",
    counted_as="keyCount",
)
