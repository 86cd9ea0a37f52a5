"""A version of an application's own interface: what holds for all its endpoints."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from drover.model.errors import Invalid
from drover.model.fields import (
    Access,
    Clearable,
    CreateOnly,
    FlowGlobal,
    Ids,
    Mark,
    Name,
    PatchOnly,
    Prose,
    ReadOnly,
    Refers,
    ShortProse,
)
from drover.model.fixed_reply import FixedReply
from drover.model.global_values import check_globals
from drover.model.kind import Kind
from drover.model.resource import Resource

MOST_HEADERS = 10
_HEADER = Annotated[str, Meta(min_length=1, max_length=255)]
_VALUE = Annotated[str, Meta(min_length=1, max_length=1024)]
_ORIGIN = Annotated[str, Meta(min_length=8, max_length=270)]


class VersionGlobal(
    FlowGlobal, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """A named JSON value that the workflows of a version read."""

    description: ShortProse | UnsetType = UNSET


class ExperienceVersion(Resource, frozen=True, kw_only=True):
    """A version of an application's interface.

    ``snapshot`` holds the views as they were when the version was made, by kind.
    """

    version: CreateOnly[Name]
    description: Prose | UnsetType = UNSET
    domain_ids: Annotated[
        CreateOnly[Ids] | UnsetType, Access.WRITE_ONLY, Refers("experienceDomain")
    ] = UNSET
    slug_ids: Annotated[
        CreateOnly[Ids] | UnsetType, Access.WRITE_ONLY, Refers("experienceSlug")
    ] = UNSET
    source_version_id_or_name: Annotated[PatchOnly[Name] | UnsetType, Access.WRITE_ONLY] = UNSET
    endpoint_default_cors: bool | UnsetType = UNSET
    allowed_cors_origins: Annotated[tuple[_ORIGIN, ...], Meta(max_length=100)] | UnsetType = UNSET
    globals: Annotated[tuple[VersionGlobal, ...], Meta(max_length=100)] = ()
    not_found_reply: Clearable[FixedReply | UnsetType | None] = UNSET
    unauthorized_reply: Clearable[FixedReply | UnsetType | None] = UNSET
    response_headers: (
        Annotated[dict[_HEADER, _VALUE], Meta(max_length=MOST_HEADERS)] | UnsetType
    ) = UNSET
    created_by_id: ReadOnly[str | UnsetType] = UNSET
    created_by_type: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_id: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_type: ReadOnly[str | UnsetType] = UNSET
    snapshot: Annotated[dict[str, list[Any]] | UnsetType, Access.HIDDEN, Mark.BUNDLED] = UNSET


def check(version: ExperienceVersion) -> None:
    """Raise Invalid for globals that are no JSON, and for headers that would break an answer."""
    check_globals(version.globals)
    for name, value in (version.response_headers or {}).items():
        if not _is_plain(name + value):
            raise Invalid("A header must be printable ASCII", field="responseHeaders")


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


KIND = Kind(
    ExperienceVersion,
    one="experienceVersion",
    many="experienceVersions",
    path="experience/versions",
    sortable=("version", "id", "creationDate", "lastUpdated"),
    filterable=("version",),
    default_sort="version",
    cli_may=frozenset({"get", "post", "patch", "delete"}),
    exported_as="ExperienceVersion",
    bundled_in="experience/{version}/version.yaml",
    known_by=("version",),
    bundled_once=True,
    label="Experience version",
    counted_as="experienceVersionCount",
    named_by="version",
    operations=frozenset({"list", "post"}),  # the others go by id or name
    check=check,
)
